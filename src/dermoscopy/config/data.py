"""Data described by a configuration: raw files, and the store that is written from them or opened."""

import shlex
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from dermoscopy.config.build import build
from dermoscopy.config.command_line import CONF, is_given, overrides
from dermoscopy.config.data_sets import recognised
from dermoscopy.config.effects import OF_TRAINING
from dermoscopy.data.prepare import check_on_error, prepare
from dermoscopy.data.raw.sources import FolderSource
from dermoscopy.data.store.frame import checked_size, place
from dermoscopy.data.store.reader import Store, absence, open_store
from dermoscopy.machine.leases import lease

EMPTY: dict[str, dict[str, str] | list[str]] = {
    **{"columns": {}, "masks": {}, "metadata": {}},
    **{"from_masks": [], "same": [], "where": []},
}


def build_source(data: DictConfig) -> FolderSource:
    """Return the source of the raw files of a data set."""
    _empty(data)
    source: FolderSource = build(data.source)
    return source


def _empty(data: DictConfig) -> None:
    """Empty what was set to null or to {}: Hydra merges {} into what is there, which has no effect."""
    with read_write(data), open_dict(data):
        for key, empty in EMPTY.items():
            if key in data.source and (data.source[key] is None or f"data.source.{key}={{}}" in _typed(data)):
                data.source[key] = empty


def store_path(data: DictConfig) -> Path:
    """Return the file of the store, which need not exist.

    Raises:
        ValueError: the size, the fit or `on_error` of a data set are wrong; the message names the key.
    """
    try:
        size = data.size
        place((1, 1), checked_size(OmegaConf.to_object(size) if OmegaConf.is_config(size) else size), data.fit)
        check_on_error(data.on_error)
    except ValueError as error:
        raise ValueError(f"data.{error}") from error
    return Path(data.store)


def make_store(data: DictConfig, workers: int | None = None) -> Path:
    """Draw the demo data if configured (`data.make`), decode all files and write the store; return its path.

    Raises:
        ValueError: data.raw is not set, or another setting is wrong.
    """
    store = store_path(data)
    if not is_given(data, "raw"):
        raise ValueError(f"data.raw is not set: add the folder of the raw files, data.raw=DIR (data={data.name})")
    if "make" in data:
        build(data.make)
    source = build_source(data)
    try:
        return prepare(source, store, data.size, data.fit, data.on_error, workers)
    except (FileNotFoundError, ValueError) as error:
        # Problems of single files fill a table; what is one line may come from a folder of another data set.
        other = "" if "\n" in str(error) else recognised(Path(data.raw), CONF, data.name)
        if not other:
            raise
        raise type(error)(f"{error}; {other}") from error


def prepare_data(data: DictConfig) -> None:
    """Update the store if `data.raw` is set; otherwise the store must exist.

    Raises:
        FileNotFoundError, ValueError: as `make_store` and `open_data`.
    """
    if not is_given(data, "raw"):
        open_data(data)
        return
    with lease(store_path(data)):  # two sweeps that start at the same time prepare it once
        make_store(data)


def open_data(data: DictConfig) -> Store:
    """Return the store of the configured size and fit.

    Raises:
        FileNotFoundError, ValueError: there is no store, or it has another size or fit.
    """
    path = store_path(data)
    _empty(data)
    if not path.exists():
        raise FileNotFoundError(f"{absence(path)}; this command makes it: {_command(data)}")
    return open_store(path, data.size, data.fit)


def _command(data: DictConfig) -> str:
    """Return the command that makes the store, with the keys of the data that the user typed."""
    typed = [
        override
        for override in _typed(data)
        if override.startswith(("data=", "data.", "demo."))
        and not override.startswith(OF_TRAINING)  # prepare.py refuses them: a store holds all labels and masks
        and "raw=null" not in override
    ]
    raw = [] if is_given(data, "raw") else ["data.raw=DIR"]
    return shlex.join(["python", "prepare.py", *typed, *raw])


def _typed(data: DictConfig) -> list[str]:
    """Return the overrides that the user typed; before a run starts, only its configuration holds them."""
    typed = OmegaConf.select(data._get_root(), "hydra.overrides.task")
    return [*typed] if typed is not None else overrides() if HydraConfig.initialized() else []
