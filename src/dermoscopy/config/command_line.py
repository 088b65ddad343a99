"""Values of a configuration as they stand on the command line."""

import sys
from collections.abc import Sequence

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, ListConfig, OmegaConf

from dermoscopy.config.renamed import check_names


def overrides() -> list[str]:
    """Return what the user has typed, `key=value` each."""
    return list(HydraConfig.get().overrides.task)


# Keys of Hydra that would move a program or its files, which keys of our own do.
MOVES = {
    "hydra.job.chdir": "relative paths start where the command is given",
    "hydra.run.dir": "runs=DIR names the folder of all runs",
    "hydra.sweep.dir": "runs=DIR names the folder of all runs",
    "hydra.sweep.subdir": "jobs of a sweep are numbered",
}


def check_hydra(typed: Sequence[str], sweeps: bool = False) -> None:
    """Refuse keys of Hydra that would have no effect, or would move the program away from its files.

    Args:
        typed: the overrides of Hydra's own keys.
        sweeps: whether the program sweeps; -m is refused where it does not.

    Raises:
        ValueError: names the key and what to use instead.
    """
    for override in typed:
        key, _, value = override.lstrip("+~").partition("=")
        if key in MOVES and not (key == "hydra.job.chdir" and value.lower() in ("false", "null")):
            instead = MOVES[key] if sweeps else MOVES["hydra.job.chdir"]
            raise ValueError(f"{key}={value} is not supported, leave it out: {instead}")
        if key == "hydra.mode" and not sweeps and "MULTIRUN" in value.upper():
            raise ValueError("-m sweeps with train.py alone: leave it out")


def check_command(script: str) -> None:
    """Refuse renamed keys, keys of Hydra without effect, and -m, in the command of a program that does not sweep.

    Raises:
        ValueError: names what was typed, and what to type instead.
    """
    check_names(sys.argv[1:])
    if {"-m", "--multirun"} & set(sys.argv[1:]):
        raise ValueError(f"-m sweeps with train.py alone: leave it out of {script}")
    check_hydra([argument for argument in sys.argv[1:] if argument.startswith("hydra.")])


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
