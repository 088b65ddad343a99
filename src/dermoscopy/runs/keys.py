"""The key of a stage: the hash of all that can change its result."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# Raised by whoever changes the code so that a configuration trains to other numbers; CHANGELOG.md says what changed.
# So an update trains again what it would change, and only that.
RECIPE = 1


# What cannot change a result: names, places, how it is shown. All else is part of the key, also what is not known here.
IRRELEVANT = frozenset(
    {
        *("name", "arms", "lengths", "protocol", "stage", "stages", "folder", "rerun", "runs", "tracking", "logger"),
        *(
            "offset",
            "fingerprint",
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


# files of the user's: their content counts, not where they lie
FILES = ("split.file", ".checkpoint", "datamodule.predicted")


def stage_key(configurations: Sequence[Mapping[str, Any]], fingerprint: str) -> str:
    """Return the key of the last of these stages: sha256 of all that can change its result.

    Args:
        configurations: resolved configuration of every stage up to and with this one.
        fingerprint: of the store's content; it stands for the path and the recipe of the data.
    """
    parts = [relevant(configuration) for configuration in configurations]
    text = json.dumps([RECIPE, fingerprint, parts], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def relevant(
    configuration: Mapping[str, Any], prefix: str = "", irrelevant: frozenset[str] = IRRELEVANT
) -> dict[str, Any]:
    """Return the part of a configuration that can change a result, written so that equal settings look equal."""
    kept = {}
    for name, value in configuration.items():
        path = f"{prefix}{name}"
        if path in irrelevant:
            continue
        nested = isinstance(value, Mapping)
        kept[name] = relevant(value, f"{path}.", irrelevant) if nested else _canonical(path, value)
        if name == "zeroing" and isinstance(value, Mapping) and value.get("p") in (0, 1):
            kept[name] = {"p": int(value["p"])}  # all or nothing: the grid cannot matter
    return kept


def _canonical(path: str, value: Any) -> Any:
    """1.0 is 1, and a file is its content."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and path.endswith(FILES) and Path(value).is_file():
        with Path(value).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return value
