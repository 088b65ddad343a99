"""Make a store out of raw files: python prepare.py data=isic2018 data.raw=DIR; inspect=true writes a page about it."""

from dermoscopy.config.help import show_help

show_help(__name__, __file__)  # before the imports below, which take seconds

from pathlib import Path

import hydra
from omegaconf import DictConfig

from dermoscopy.config.command_line import check_command
from dermoscopy.config.data import make_store
from dermoscopy.data.inspection.page import inspect_store
from dermoscopy.data.store.reader import describe_store
from dermoscopy.machine.messages import one_line_errors


@hydra.main(version_base="1.3", config_path="conf", config_name="prepare")
@one_line_errors()  # inside as well: Hydra would add a line of its own to an error that leaves main
def main(cfg: DictConfig) -> None:
    """Make the store, or, to inspect it, only if it is not there; then write the page if asked for it."""
    if cfg.inspect and Path(cfg.data.store).is_file():
        print(f"{cfg.data.store} is inspected as it is; without inspect=true it is brought up to date")
    else:
        print(describe_store(make_store(cfg.data, cfg.workers)))
    if cfg.inspect:
        found = inspect_store(cfg.data.store, cfg.out, **cfg.inspection)
        print(f"{found.page} and {found.csv.name} are written", *found.findings, sep="\n  ")


if __name__ == "__main__":
    with one_line_errors():
        check_command("prepare.py")
        main()
