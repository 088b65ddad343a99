"""Stage keys: hashes of all settings that can change the result of a stage, and of nothing else."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

# Version of the code that determines results. To be increased with any change of the code that lets a configuration
# train to different numbers, or that changes the keys, and noted in CHANGELOG.md. Stages of another recipe are then
# trained again, and only those.
RECIPE = 4

PACKAGE = "dermoscopy."
TARGET = "_target_"
FILES = (
    "split.file",
    ".checkpoint",
    ".pretrained",
    "datamodule.predicted",
)  # keys that name files, which are hashed by content


def stage_key(stages: Sequence[Mapping[str, object]], fingerprint: str) -> str:
    """Return the key of the last of these stages, 16 hexadecimal digits of a SHA-256.

    Equal settings give equal keys, however they are written: 1.0 equals 1, the order of settings has no effect, a file
    counts by its content, and a class of this package by its name, whatever its module.

    Args:
        stages: the settings that can change the result, by name, of every stage up to and including this one.
        fingerprint: hash of the store's content, in place of the path and the preparation of the data.
    """
    parts = [canonical(stage) for stage in stages]
    text = json.dumps([RECIPE, fingerprint, parts], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def canonical(value: object, path: str = "") -> object:
    """Return a setting in canonical form, in which equal settings are equal; `path` is its dotted name."""
    if isinstance(value, Mapping):
        inner = {str(name): canonical(part, f"{path}.{name}") for name, part in value.items()}
        return _without_grid(inner) if path.endswith(".zeroing") else inner
    if isinstance(value, list | tuple):
        return [canonical(part, path) for part in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, str):
        return value
    if path.endswith(f".{TARGET}") and value.startswith(PACKAGE):
        return value.rpartition(".")[2]
    if path.endswith(FILES) and Path(value).is_file():
        with Path(value).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return value


def _without_grid(zeroing: dict[str, object]) -> dict[str, object]:
    """Return zeroing settings, without the grid of cells if all masks are always erased, or (of one grid) never."""
    p = zeroing.get("p")
    return {"p": p} if p == 1 or (p == 0 and "grid" in zeroing) else zeroing
