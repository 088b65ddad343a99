"""Write a store from raw files: python prepare.py data=isic2018 data.raw=DIR; inspect=true writes a page about it."""

import sys

try:
    from dermoscopy.config.help import show_help

    show_help(__name__, __file__)  # before the imports below, which take seconds
except ModuleNotFoundError as missing:
    sys.exit(f"error: this python lacks {missing.name}: type make setup, then .venv/bin/python prepare.py")

import hydra
from omegaconf import DictConfig

from dermoscopy.config.command_line import checked, command
from dermoscopy.config.data import make_store, store_path
from dermoscopy.data.inspection.page import inspect_store
from dermoscopy.data.store.reader import describe_store


@hydra.main(version_base="1.3", config_path="conf", config_name="prepare")
@checked
def main(cfg: DictConfig) -> None:
    """Write the store (with inspect=true only if it is missing), then the page where inspect=true."""
    if store_path(cfg.data).is_file() and cfg.inspect:
        print(f"{cfg.data.store} is inspected as it is; inspect=false updates it")
    else:
        print(describe_store(make_store(cfg.data, cfg.workers)))
    if cfg.inspect:
        inspection = inspect_store(cfg.data.store, cfg.out, **cfg.inspection)
        print(f"{inspection.page} and {inspection.csv.name} are written", *inspection.findings, sep="\n  ")


if __name__ == "__main__":
    with command("prepare.py"):
        main()
