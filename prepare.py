"""Make a store out of raw files: python prepare.py data=isic2018 data.raw=DIR; inspect=true writes a page about it."""

from pathlib import Path

import hydra
from hydra.utils import instantiate
from omegaconf import DictConfig

from dermoscopy.data.inspection.page import inspect_store
from dermoscopy.data.prepare import prepare
from dermoscopy.data.store.reader import open_store
from dermoscopy.machine.messages import one_line_errors


@hydra.main(version_base="1.3", config_path="conf", config_name="prepare")
@one_line_errors()  # inside as well: Hydra would add a line of its own to an error that leaves main
def main(cfg: DictConfig) -> None:
    """Make the store, or, to inspect it, only if it is not there; then write the page if asked for it."""
    if cfg.inspect and Path(cfg.data.store).is_file():
        print(f"{cfg.data.store} is inspected as it is; without inspect=true it is brought up to date")
    else:
        make_store(cfg)
    if cfg.inspect:
        found = inspect_store(cfg.data.store, cfg.out, **cfg.inspection)
        print(f"{found.page} and {found.csv.name} are written", *found.findings, sep="\n  ")


def make_store(cfg: DictConfig) -> None:
    """Draw the demo data if asked for it, decode all files, write the store."""
    data = cfg.data
    if data.raw is None:
        raise ValueError(f"data.raw is not set: name the folder of the raw files, data.raw=DIR (data={data.name})")
    if "make" in data:
        instantiate(data.make)
    path = prepare(instantiate(data.source), data.store, data.size, data.fit, data.on_error, cfg.workers)
    store = open_store(path)
    print(f"{path}: {len(store)} images of {store.size[0]} x {store.size[1]} px, fingerprint {store.fingerprint[:12]}")
    print(f"  masks: {', '.join(store.mask_names) or 'none'}; labels: {', '.join(store.label_names) or 'none'}")


if __name__ == "__main__":
    with one_line_errors():
        main()
