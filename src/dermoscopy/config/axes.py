"""The axes of a sweep and the arm of a run, as given by the experiment and the command."""

import re
from collections.abc import Collection, Mapping, Sequence

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from dermoscopy.config.keys import makes_arm
from dermoscopy.runs.tables import NOT_AN_ARM
from dermoscopy.sweep.plan import plan_jobs

INTEGER = re.compile(r"[+-]?\d[\d_]*")


def check_sweeper(choice: str, target: str) -> None:
    """Refuse sweepers that choose the values of a job from the results of others: a sweep is planned before it starts.

    Raises:
        ValueError: the sweeper is not Hydra's own.
    """
    if not target.endswith(".BasicSweeper"):
        raise ValueError(
            f"hydra/sweeper={choice} ({target}) is not supported, as its jobs are not known in advance: leave it out, "
            "and name the values of each axis, such as optimizer.lr=1e-4,1e-3"
        )


def sweep_axes(config: DictConfig) -> dict[str, list[str]]:
    """Return the axes of a sweep and their values; the command line takes precedence over the experiment.

    Raises:
        ValueError: an axis has no list of values, or a random order, in which no sweep could be continued.
    """
    axes = {key: given for key, given in _given(config).items() if given.is_sweep_override()}
    for key, given in axes.items():
        if not given.is_discrete_sweep() or getattr(given.value(), "shuffle", False):
            raise ValueError(f"{given.input_line}: an axis needs its values in order, such as {key}=1,2,3")
    return {key: list(given.sweep_string_iterator()) for key, given in axes.items()}


def whole_numbers(values: Sequence[str]) -> list[int | str]:
    """Return the values of an axis as numbers where they are; references, which each job resolves, are left out."""
    return [int(value) if INTEGER.fullmatch(value) else value for value in values if "${" not in value]


def arm_axes(config: DictConfig, axes: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the axes with one value in this command that tell its arm: those of the experiment.

    Where it has none and none is swept, the other overrides of the command do. So a run alone has the name of the arm
    that it would be in a sweep.

    Args:
        config: of the sweep, or of a single run.
        axes: the axes that are swept.
    """
    given = {key.lstrip("+"): override for key, override in _given(config).items() if key[0] != "~"}
    own = [key for key in config.hydra.sweeper.params or {} if key not in (*NOT_AN_ARM, *axes)]
    values = {key: _value(config, key, given.get(key)) for key in own}
    if not values and set(axes) <= set(NOT_AN_ARM):
        values = {key: _value(config, key, override) for key, override in given.items() if makes_arm(key)}
    return {key: [value] for key, value in values.items() if value is not None and key not in axes}


def arm_overrides(config: DictConfig, axes: Mapping[str, Sequence[str]], alike: Collection[str]) -> list[list[str]]:
    """Return the overrides of one job of each arm of a sweep.

    Args:
        config: of the sweep.
        axes: the values of each axis.
        alike: groups and first parts of keys whose values make no difference; of such an axis the first value is taken.
    """
    fixed = [str(given.input_line) for given in _given(config).values() if not given.is_sweep_override()]
    values = {
        axis: of_axis[:1] if axis.lstrip("+").partition(".")[0] in alike else of_axis for axis, of_axis in axes.items()
    }
    return [[*fixed, *(f"{axis}={value}" for axis, value in job.items())] for job in plan_jobs(values)]


def _value(config: DictConfig, key: str, given: Override | None) -> str | None:
    """Return the value of an axis as given, else the choice of the group or the value of the key."""
    if given is not None and not given.is_sweep_override():
        return given.get_value_element_as_str()
    if key in config.hydra.runtime.choices:
        return str(config.hydra.runtime.choices[key])
    value = OmegaConf.select(config, key)
    return None if value is None else str(value)


def _given(config: DictConfig) -> dict[str, Override]:
    """Return the last override of each key, those of the experiment's axes first."""
    params = [f"{key}={value}" for key, value in (config.hydra.sweeper.params or {}).items()]
    hydra = GlobalHydra.instance()
    parser = OverridesParser.create(hydra.config_loader() if hydra.is_initialized() else None)  # it looks up glob(...)
    overrides = parser.parse_overrides([*params, *config.hydra.overrides.task])
    return {override.get_key_element(): override for override in overrides}
