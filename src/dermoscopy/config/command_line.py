"""Values as typed on the command line, and checks of the command."""

import sys
from collections.abc import Sequence

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, ListConfig, OmegaConf

from dermoscopy.config.renamed import check_names


def overrides() -> list[str]:
    """Return the overrides that the user typed, each `key=value`."""
    return list(HydraConfig.get().overrides.task)


# Keys of Hydra that would move a program or its files, and what this project offers instead.
MOVES = {
    "hydra.job.chdir": "relative paths start at the current directory",
    "hydra.run.dir": "runs=DIR names the folder of all runs",
    "hydra.sweep.dir": "runs=DIR names the folder of all runs",
    "hydra.sweep.subdir": "the folders of jobs are their numbers",
}


def check_hydra(typed: Sequence[str], sweeps: bool = False) -> None:
    """Refuse keys of Hydra that would have no effect, or would separate the program from its files.

    Args:
        typed: the overrides of keys of Hydra.
        sweeps: whether the program sweeps; -m is refused where it does not.

    Raises:
        ValueError: one of them is used; the message says what to use instead.
    """
    for override in typed:
        key, _, value = override.lstrip("+~").partition("=")
        if key in MOVES and not (key == "hydra.job.chdir" and value.lower() in ("false", "null")):
            instead = MOVES[key] if sweeps else MOVES["hydra.job.chdir"]
            raise ValueError(f"{key}={value} is not supported, leave it out: {instead}")
        if key == "hydra.mode" and not sweeps and "MULTIRUN" in value.upper():
            raise ValueError("only train.py sweeps (-m): leave it out")


def check_command(script: str) -> None:
    """Refuse renamed keys, keys of Hydra without effect, and -m, for a program that does not sweep.

    Raises:
        ValueError: one of them is used; the message says what to type instead.
    """
    check_names(sys.argv[1:])
    if {"-m", "--multirun"} & set(sys.argv[1:]):
        raise ValueError(f"only train.py sweeps (-m), {script} does not: leave it out")
    check_hydra(sys.argv[1:])


def is_given(cfg: DictConfig, key: str) -> bool:
    """Check whether a key has a value: it is neither missing (???) nor null."""
    return not OmegaConf.is_missing(cfg, key) and cfg.get(key) is not None


def as_typed(cfg: DictConfig, key: str) -> str | None:
    """Return a value as the user typed it, None where there is none.

    Hydra would turn the key of a stage such as 12e5 into a number, and a list of such keys into a list of numbers.
    """
    if not is_given(cfg, key):
        return None
    typed = dict(override.partition("=")[::2] for override in overrides())
    changed = isinstance(cfg[key], int | float | ListConfig) and key in typed
    return typed[key] if changed else str(cfg[key])
