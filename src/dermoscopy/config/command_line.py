"""Values of a configuration as they stand on the command line."""

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, ListConfig, OmegaConf


def overrides() -> list[str]:
    """Return what the user has typed, `key=value` each."""
    return list(HydraConfig.get().overrides.task)


def is_given(cfg: DictConfig, key: str) -> bool:
    """Tell whether a key has a value: it is neither missing (???) nor null."""
    return not OmegaConf.is_missing(cfg, key) and cfg.get(key) is not None


def as_typed(cfg: DictConfig, key: str) -> str | None:
    """Return a value as the user typed it, None where there is none.

    A key of a stage such as 12e5 would else become a number, and a list of such keys a list of numbers.
    """
    if not is_given(cfg, key):
        return None
    typed = dict(override.partition("=")[::2] for override in overrides())
    changed = isinstance(cfg[key], int | float | ListConfig) and key in typed
    return typed[key] if changed else str(cfg[key])
