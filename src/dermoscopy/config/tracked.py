"""What MLflow records of a job beside its results: the settings that differ or matter, and tags of the user's own."""

from collections.abc import Collection, Mapping
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from dermoscopy.config.build import plain
from dermoscopy.config.choices import settings_of
from dermoscopy.config.command_line import CONF
from dermoscopy.config.keys import makes_arm
from dermoscopy.config.stages import SET_BY_PROGRAM
from dermoscopy.tracking.job_run import JobRun, by_dotted_key

NOT_SETTINGS = (*SET_BY_PROGRAM, "about", "tracking", "runs", "rerun", "trust", "threads", "jobs_per_gpu", "sweep")


def check_tags(tags: object) -> dict[str, object]:
    """Return the tags of the user's own.

    Raises:
        ValueError: they are no mapping, or one has the name of a tag that every run has.
    """
    if tags is None:
        return {}
    if not isinstance(tags, Mapping):
        raise ValueError(f"tracking.tags must be names with values, got {tags}: type 'tracking.tags={{project: lab}}'")
    own = ("sweep", "arm", "setting", "kind", "seed", "fold", "job", "key", "journal", "data", "commit", "dirty")
    if taken := [name for name in map(str, tags) if name in own or name.startswith("mlflow.")]:
        raise ValueError(f"tracking.tags.{taken[0]} is a tag that the program sets: choose another name")
    return {str(name): value for name, value in tags.items()}


def job_run(configuration: DictConfig, record: Mapping[str, Any], sends: bool, precision: str) -> JobRun:
    """Return what MLflow records of a job beside its results.

    Args:
        configuration: of the job.
        record: of the job.
        sends: see `JobRun`.
        precision: what `trainer.precision` means in its stages, empty where nothing was decided.
    """
    flat = by_dotted_key({key: value for key, value in plain(configuration).items() if key not in NOT_SETTINGS})
    flat |= {"trainer.precision": precision} if precision else {}
    hydra, tracking = HydraConfig.get(), plain(configuration.tracking)
    typed = [override.lstrip("+~").partition("=")[0].partition("@")[0] for override in hydra.overrides.task]
    choices = {key: hydra.runtime.choices[key] for key in typed if key in hydra.runtime.choices and makes_arm(key)}
    typed = [key for key in typed if key in choices or key not in hydra.runtime.choices]
    varied = {key for axis in [*record["axes"], *typed] for key in settings_of(CONF, axis)}
    parameters = {**choices, **record["axes"], **selected(flat, varied | set(tracking["parameters"]))}
    data = str(configuration.data.store)
    return JobRun(parameters, check_tags(tracking["tags"]), data, sends, bool(tracking["system_metrics"]))


def selected(flat: Mapping[str, object], keys: Collection[str]) -> dict[str, object]:
    """Return the settings with one of these dotted keys, or in one of these parts of the configuration."""
    return {
        name: value for name, value in flat.items() if any(name == key or name.startswith(f"{key}.") for key in keys)
    }
