"""How fast a training is, before its first epoch is over."""

from pathlib import Path

from dermoscopy.machine.files import read_json, write_json
from dermoscopy.runs.files import PACE


def write_pace(folder: Path, seconds: float) -> None:
    """Write the estimated seconds of an epoch to the folder of a stage."""
    write_json(folder / PACE, {"seconds": seconds})


def read_pace(folder: Path) -> float | None:
    """Return the estimated seconds of an epoch of the stage in this folder, None where there is no estimate."""
    try:
        return float(read_json(folder / PACE)["seconds"])
    except FileNotFoundError:  # also where the training has just ended
        return None


def remove_pace(folder: Path) -> None:
    """Remove the estimate of a stage whose training is over."""
    (folder / PACE).unlink(missing_ok=True)
