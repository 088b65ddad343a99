"""Data described by a configuration: raw files, and the store that is written from them or opened."""

from pathlib import Path

from omegaconf import DictConfig

from dermoscopy.config.build import build
from dermoscopy.data.prepare import prepare
from dermoscopy.data.raw.sources import FolderSource
from dermoscopy.data.store.reader import Store, open_store
from dermoscopy.machine.leases import lease


def build_source(data: DictConfig) -> FolderSource:
    """Return the source of the raw files of a data set."""
    source: FolderSource = build(data.source)
    return source


def make_store(data: DictConfig, workers: int | None = None) -> Path:
    """Draw the demo data if configured (`data.make`), decode all files and write the store; return its path.

    Raises:
        ValueError: data.raw is not set.
    """
    if data.raw is None:
        raise ValueError(f"data.raw is not set: add the folder of the raw files, data.raw=DIR (data={data.name})")
    if "make" in data:
        build(data.make)
    return prepare(build_source(data), data.store, data.size, data.fit, data.on_error, workers)


def prepare_data(data: DictConfig) -> None:
    """Update the store if `data.raw` is set; otherwise the store must exist."""
    if data.raw is None:
        return
    with lease(Path(data.store)):  # two sweeps that start at the same time prepare it once
        make_store(data)


def open_data(data: DictConfig) -> Store:
    """Return the store of the configured size and fit.

    Raises:
        FileNotFoundError, ValueError: there is no store, or it has another size or fit.
    """
    return open_store(data.store, data.size, data.fit)
