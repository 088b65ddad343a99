"""Paths of the repository, and configurations for tests."""

import builtins
import inspect
import tomllib
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf, open_dict

from dermoscopy.config.choices import register_choices
from dermoscopy.data.store.reader import Store
from dermoscopy.masks.predicted import PredictedMasks

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"
HYDRA_KEYS = ("_target_", "_partial_", "_recursive_", "_convert_", "_args_")
REAL = ROOT.parent / "shared" / "data" / "isic2018"  # real images, where they were downloaded


def ignore_known_warnings() -> None:
    """Ignore only the warnings of other libraries that the configuration of pytest ignores."""
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    for line in options["filterwarnings"]:
        if line.startswith("ignore:"):
            _, message, category = line.split(":")
            warnings.filterwarnings("ignore", message, getattr(builtins, category))


def composed(file: str, *overrides: str, with_hydra: bool = False) -> DictConfig:
    """Return the configuration composed from a file of conf/ (train, report, loss/sum ...) and overrides."""
    register_choices(CONF)
    folder = CONF / file if file == "report" else CONF
    with initialize_config_dir(str(folder), version_base="1.3"):
        return compose(file, list(overrides), return_hydra_config=with_hydra)


def assert_can_be_built(cfg: DictConfig) -> dict[str, Any]:
    """Resolve all references, look up all classes and bind their arguments, which composing does not.

    Returns:
        The resolved configuration without the part of Hydra.
    """
    OmegaConf.register_new_resolver("len", len, replace=True)  # as train.py does
    if "hydra" in cfg:  # loggers read the folder of the job from Hydra
        with open_dict(cfg):
            cfg.hydra.runtime.output_dir = "job"
        HydraConfig.instance().set_config(cfg)
    own = OmegaConf.masked_copy(cfg, [key for key in cfg if key not in ("hydra", "stages")])
    plain = _resolved(own)
    _bind("", plain)
    for stage in cfg.get("stages", ()):
        if set(stage) - {"stage", "epochs"}:  # further overrides of a stage are merged into the rest
            _bind("", _resolved(OmegaConf.merge(own, stage)))
    return plain


def _resolved(cfg: Any) -> dict[str, Any]:
    plain = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(plain, dict)
    return plain


def _bind(path: str, value: Any) -> None:
    if isinstance(value, list):
        for number, entry in enumerate(value):
            _bind(f"{path}[{number}]", entry)
    if not isinstance(value, dict):
        return
    for key, entry in value.items():
        _bind(f"{path}.{key}".lstrip("."), entry)
    if "_target_" in value:
        arguments = {key: entry for key, entry in value.items() if key not in HYDRA_KEYS}
        signature = inspect.signature(get_object(value["_target_"]))
        bind = signature.bind_partial if value.get("_partial_") else signature.bind
        try:
            bind(*value.get("_args_", ()), **arguments)
        except TypeError as error:
            raise AssertionError(f"{path} cannot be built, {value['_target_']}: {error}") from error


def random_masks(store: Store, index: Sequence[int]) -> PredictedMasks:
    """Return random predicted masks of some images of a store, from a fixed seed."""
    shape = (len(index), *store.size, len(store.mask_names))
    probability = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return PredictedMasks(store.ids[list(index)], store.mask_names, False, store.fingerprint, probability)
