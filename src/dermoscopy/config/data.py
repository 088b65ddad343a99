"""The store of a configuration: made out of its raw files, or opened."""

from pathlib import Path

from omegaconf import DictConfig

from dermoscopy.config.build import build
from dermoscopy.data.prepare import prepare
from dermoscopy.data.store.reader import Store, open_store
from dermoscopy.machine.leases import lease


def prepare_data(data: DictConfig) -> None:
    """Bring the store up to date if its raw files are named; without them the store must be there."""
    if data.raw is None:
        return
    with lease(Path(data.store)):  # two sweeps that start at once prepare it once
        if "make" in data:
            build(data.make)
        prepare(build(data.source), data.store, data.size, data.fit, data.on_error)


def open_data(data: DictConfig) -> Store:
    """Return the store, which has the size and the fit that are asked for.

    Raises:
        FileNotFoundError, ValueError: there is none, or another one.
    """
    return open_store(data.store, data.size, data.fit)
