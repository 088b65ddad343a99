"""In what the configurations of arms differ: nested values flattened to dotted keys, equal keys left out."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from dermoscopy.runs.keys import canonical
from dermoscopy.runs.tables import Sweep, configuration

REPEAT_KEYS = ("seed", "fold")
# Names, places, and how it is shown: what tells nothing of what an arm does.
NOT_SHOWN = frozenset(
    {
        *("name", "arms", "lengths", "protocol", "stage", "stages", "folder", "rerun", "runs", "tracking", "logger"),
        *(
            "offset",
            "fingerprint",
            "recipe",
            "threads",
            "jobs_per_gpu",
            "sweep",
            "model.availability",
            "model.views",
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


def flatten(config: Any, prefix: str = "") -> dict[str, Any]:
    """Leaves of a nested configuration by dotted key.

    Booleans, None and empty containers are leaves as well. A list of plain values, nested or not, is one leaf, its
    text; a list that holds a mapping is entered by index.
    """
    return dict(_leaves(config, prefix))


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        children = value.items()
    elif isinstance(value, list) and _holds_mapping(value):
        children = dict(enumerate(value)).items()
    else:
        yield key, str(value) if isinstance(value, list | Mapping) else value
        return
    for name, child in children:
        yield from _leaves(child, f"{key}.{name}" if key else str(name))


def _holds_mapping(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and any(map(_holds_mapping, value)))


def differences(configs: Mapping[str, Any]) -> pd.DataFrame:
    """Table of arms x dotted keys that take more than one value; a key that an arm lacks is an empty string there.

    Values are told apart by their text as written in Python, so True, 1 and "1" differ.
    """
    flat = {arm: flatten(config) for arm, config in configs.items()}
    keys = sorted({key for leaves in flat.values() for key in leaves})
    columns = {key: tuple(repr(leaves.get(key, "")) for leaves in flat.values()) for key in keys}
    differing = {key: values for key, values in columns.items() if len(set(values)) > 1}
    kept = [key for key, values in differing.items() if not _copied(key, values, differing)]
    rows = [[leaves.get(key, "") for key in kept] for leaves in flat.values()]
    return pd.DataFrame(rows, index=list(flat), columns=kept, dtype=object)


def _copied(key: str, values: tuple[str, ...], columns: Mapping[str, tuple[str, ...]]) -> bool:
    """Tell whether a shorter path holds the same: model.zeroing.p only repeats zeroing.p."""
    return any(key.endswith(f".{other}") and values == those for other, those in columns.items())


def arm_configurations(sweep: Sweep) -> dict[str, Any]:
    """What can change a result in the last stage of each arm's first done job, without its seed and fold."""
    configs: dict[str, Any] = {}
    for job, arm in sweep.jobs.loc[sweep.jobs["status"] == "done", ["job", "arm"]].itertuples(index=False):
        if arm not in configs and (content := configuration(sweep, job)):
            configs[arm] = {key: value for key, value in _shown(content).items() if key not in REPEAT_KEYS}
    return configs


def _shown(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a configuration without what is not shown, written so that equal settings look equal."""
    shown: dict[str, Any] = {}
    for name, value in config.items():
        path = f"{prefix}{name}"
        if path in NOT_SHOWN:
            continue
        if isinstance(value, Mapping):
            inner = _shown(value, f"{path}.")
            shown[name] = canonical(inner, f".{path}") if name == "zeroing" else inner
        else:
            shown[name] = value if isinstance(value, list) else canonical(value, f".{path}")
    return shown
