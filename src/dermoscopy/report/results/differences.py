"""Differences between the configurations of arms: values by dotted key, without keys that have the same value."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from dermoscopy.runs.keys import canonical
from dermoscopy.runs.tables import JobResults, SweepResults

REPEAT_KEYS = ("seed", "fold")
RECIPE = "recipe_version"  # of the code that trained; no setting, but trainings of two recipes are two arms
# Names, paths, and settings of display: keys without effect on what an arm computes.
IGNORED = frozenset(
    {
        *("name", "arms", "about", "protocol", "stage", "stages", "folder", "rerun", "runs", "tracking", "logger"),
        *(
            "offset",
            "fingerprint",
            RECIPE,
            "threads",
            "jobs_per_gpu",
            "sweep",
            "model.mask_conditions",
            "model.tta",
            "model.evaluator",
        ),
        *("data.name", "data.raw", "data.size", "data.fit", "data.on_error", "data.store", "data.source", "data.make"),
        *("datamodule.store", "datamodule.memory", "datamodule.eval_batch_size"),
        *("trainer.accelerator", "trainer.devices", "trainer.num_nodes", "trainer.strategy", "trainer.callbacks"),
        *("trainer.default_root_dir", "trainer.enable_progress_bar", "trainer.log_every_n_steps", "trainer.profiler"),
        *("callbacks.history", "callbacks.progress", "callbacks.last", "callbacks.predictions"),
        *("callbacks.pictures", "callbacks.explanations", "callbacks.best.dirpath"),
    }
)


def flatten(config: object, prefix: str = "") -> dict[str, object]:
    """Return the leaves of a nested configuration by dotted key.

    Booleans, None and empty containers are leaves as well. A list of plain values, nested or not, is one leaf, as
    text; a list that holds a mapping is flattened by index.
    """
    return dict(_leaves(config, prefix))


def _leaves(value: object, key: str) -> Iterator[tuple[str, object]]:
    children: Mapping[object, object] = {}
    if isinstance(value, Mapping):
        children = value
    elif isinstance(value, list) and _holds_mapping(value):
        children = dict(enumerate(value))
    if not children:
        yield key, str(value) if isinstance(value, list | Mapping) else value
    for name, child in children.items():
        yield from _leaves(child, f"{key}.{name}" if key else str(name))


def _holds_mapping(value: object) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and any(map(_holds_mapping, value)))


def differences(configs: Mapping[str, object]) -> pd.DataFrame:
    """Return a table of arms x dotted keys that have more than one value; empty strings for keys that an arm lacks.

    Values are compared by their `repr`, so True, 1 and "1" differ.
    """
    flat = {arm: flatten(config) for arm, config in configs.items()}
    keys = sorted({key for leaves in flat.values() for key in leaves})
    columns = {key: tuple(repr(leaves.get(key, "")) for leaves in flat.values()) for key in keys}
    differing = {key: values for key, values in columns.items() if len(set(values)) > 1}
    kept = [key for key, values in differing.items() if not _copied(key, values, differing)]
    rows = [[leaves.get(key, "") for key in kept] for leaves in flat.values()]
    return pd.DataFrame(rows, index=list(flat), columns=kept, dtype=object)


def _copied(key: str, values: tuple[str, ...], columns: Mapping[str, tuple[str, ...]]) -> bool:
    """Tell whether a shorter key has the same values: `model.zeroing.p` only repeats `zeroing.p`."""
    return any(key.endswith(f".{other}") and values == those for other, those in columns.items())


def arm_differences(sweep: SweepResults) -> pd.DataFrame:
    """Return the settings that can change a result and in which the arms of a sweep differ, see `differences`.

    Each arm is represented by its first done job, without its seed and fold.
    """
    configs: dict[str, object] = {}
    for job in sweep.done:
        if job.arm not in configs:
            values = settings_of(job)
            configs[job.arm] = {key: value for key, value in values.items() if key not in REPEAT_KEYS}
    return differences(configs)


def settings_of(job: JobResults) -> dict[str, object]:
    """Return the relevant settings of the last stage of a job and, as `stage 0` and so on, those of the stages before.

    They name no folder of this machine, so they are the same whether read from the runs or from the record of a page.

    Raises:
        FileNotFoundError: the configuration of a stage is not written.
    """
    own = relevant(job.last.configuration.content)
    for number, stage in enumerate(job.stages[:-1]):
        if f"stage {number}" not in own:  # the record of a page has them in place of the stages' files
            own[f"stage {number}"] = relevant(stage.configuration.content)
    return {name: without_folders(value) for name, value in own.items()}


def without_folders(value: Any) -> Any:
    """Return a nested value in which absolute paths have only their last two parts."""
    if isinstance(value, Mapping):
        return {key: without_folders(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_folders(inner) for inner in value]
    return "/".join(Path(value).parts[1:][-2:]) if isinstance(value, str) and Path(value).is_absolute() else value


def relevant(config: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Return a configuration without `IGNORED` keys, in a form in which equal settings are equal."""
    kept: dict[str, object] = {}
    for name, value in config.items():
        path = f"{prefix}{name}"
        if path in IGNORED:
            continue
        if isinstance(value, Mapping):
            inner = relevant(value, f"{path}.")
            kept[name] = canonical(inner, f".{path}") if name == "zeroing" else inner
        else:
            kept[name] = value if isinstance(value, list) else canonical(value, f".{path}")
    return kept
