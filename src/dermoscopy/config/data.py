"""Data as a configuration describes them: their raw files, and the store, made out of those or opened."""

from pathlib import Path

from omegaconf import DictConfig

from dermoscopy.config.build import build
from dermoscopy.data.prepare import prepare
from dermoscopy.data.raw.sources import FolderSource
from dermoscopy.data.store.reader import Store, open_store
from dermoscopy.machine.leases import lease


def build_source(data: DictConfig) -> FolderSource:
    """Return where the raw files of a data set are."""
    source: FolderSource = build(data.source)
    return source


def make_store(data: DictConfig, workers: int | None = None) -> Path:
    """Draw the demo data if it is asked for, decode all files and write the store; return its path.

    Raises:
        ValueError: the raw files are not named.
    """
    if data.raw is None:
        raise ValueError(f"data.raw is not set: name the folder of the raw files, data.raw=DIR (data={data.name})")
    if "make" in data:
        build(data.make)
    return prepare(build_source(data), data.store, data.size, data.fit, data.on_error, workers)


def prepare_data(data: DictConfig) -> None:
    """Bring the store up to date if its raw files are named; without them the store must be there."""
    if data.raw is None:
        return
    with lease(Path(data.store)):  # two sweeps that start at once prepare it once
        make_store(data)


def open_data(data: DictConfig) -> Store:
    """Return the store, which has the size and the fit that are asked for.

    Raises:
        FileNotFoundError, ValueError: there is none, or another one.
    """
    return open_store(data.store, data.size, data.fit)
