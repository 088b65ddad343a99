"""Stage keys: the hash of all that can change the result of a stage, and of nothing else."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

# Raised by whoever changes the code so that a configuration trains to other numbers, or the way keys are made;
# CHANGELOG.md says what changed. So an update trains again what it would change, and only that.
RECIPE = 3

PACKAGE = "dermoscopy."
TARGET = "_target_"
FILES = ("split.file", ".checkpoint", "datamodule.predicted")  # keys of the user's files: their content counts
EXTREMES = (0, 1)  # probabilities of erasing nothing and everything, with which a grid of cells cannot matter


def stage_key(stages: Sequence[Mapping[str, object]], fingerprint: str) -> str:
    """Return the key of the last of these stages, 16 hexadecimal digits of a sha256.

    Equal settings give equal keys, however they are written: 1.0 is 1, the order of settings does not matter, a file
    is its content, a class of this package is its name, in whatever module it stands.

    Args:
        stages: what can change the result of every stage up to and with this one, by name, in order.
        fingerprint: of the store's content; it stands for the path and the making of the data.
    """
    parts = [canonical(stage) for stage in stages]
    text = json.dumps([RECIPE, fingerprint, parts], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def canonical(value: object, path: str = "") -> object:
    """Return a setting in the form in which equal settings are equal; `path` is its dotted name."""
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
    """Leave out the cells where all or nothing is erased."""
    return {"p": zeroing["p"]} if zeroing.get("p") in EXTREMES else zeroing
