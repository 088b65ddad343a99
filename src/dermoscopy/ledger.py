"""Which trainings are done: the key of a stage and the result left in its folder."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# What cannot change a result: names, places, how it is shown. All else is part of the key, also what is not known here.
IRRELEVANT = frozenset(
    {
        *("name", "arms", "lengths", "protocol", "stage", "stages", "folder", "rerun", "runs", "tracking", "logger"),
        *("offset", "threads", "model.availability"),
        *("data.name", "data.raw", "data.size", "data.fit", "data.on_error", "data.store", "data.source", "data.make"),
        *("datamodule.store", "datamodule.memory", "datamodule.eval_batch_size"),
        *("trainer.accelerator", "trainer.devices", "trainer.num_nodes", "trainer.strategy", "trainer.callbacks"),
        *("trainer.default_root_dir", "trainer.enable_progress_bar", "trainer.log_every_n_steps", "trainer.profiler"),
        *("callbacks.history", "callbacks.progress", "callbacks.last", "callbacks.predictions"),
        "callbacks.best.dirpath",
    }
)


def stage_key(configurations: Sequence[Mapping[str, Any]], fingerprint: str) -> str:
    """Return the key of the last of these stages: sha256 of all that can change its result.

    Args:
        configurations: resolved configuration of every stage up to and with this one.
        fingerprint: of the store's content; it stands for the path and the recipe of the data.
    """
    parts = [relevant(configuration) for configuration in configurations]
    text = json.dumps([fingerprint, parts], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def relevant(configuration: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the part of a configuration that can change a result, written so that equal settings look equal."""
    kept = {}
    for name, value in configuration.items():
        path = f"{prefix}{name}"
        if path in IRRELEVANT:
            continue
        kept[name] = relevant(value, f"{path}.") if isinstance(value, Mapping) else value
        if name == "zeroing" and isinstance(value, Mapping) and value.get("p") in (0, 1):
            kept[name] = {"p": float(value["p"])}  # all or nothing: the grid cannot matter
    return kept


def finished(folder: Path) -> dict[str, Any] | None:
    """Return the result of the stage in this folder, None if it was never finished."""
    path = folder / "result.json"
    if not path.is_file():
        return None
    result: dict[str, Any] = json.loads(path.read_text())
    return result | {"metrics": {k: math.nan if v is None else v for k, v in result["metrics"].items()}}
