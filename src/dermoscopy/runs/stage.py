"""A stage: one training as plain data, and the result in its folder."""

import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from dermoscopy.machine.files import read_json, write_atomically
from dermoscopy.runs.files import REPLACED, RERUN, RESULT
from dermoscopy.runs.records import StageRecord, StageResult


@dataclass(frozen=True)
class LrRange:
    """Learning rates that the learning-rate finder tries: `steps` from `start` to `end`, at a constant ratio."""

    start: float
    end: float
    steps: int


@dataclass(frozen=True)
class Stage:
    """One training as plain data, without the objects that are built to run it.

    Attributes:
        name: of the stage.
        epochs: number of epochs.
        key: hash of all settings that can change the result, see `dermoscopy.runs.keys`.
        folder: of the stage; its last part is the key.
        seed: of the initial weights, see `dermoscopy.machine.randomness.repeat_seed`.
        tests: requested mask conditions or TTA of the test; none unless this is the last stage of its run.
        rerun: if not None, an older result counts only if it comes from the rerun of this name.
        own_weights: whether it starts from its own weights instead of the best of the previous stage.
        lr_range: range of the learning-rate finder; None if the rate is configured.
        precision: of its training steps; None if its trainer has none.
    """

    name: str
    epochs: int
    key: str
    folder: Path
    seed: int
    tests: tuple[str, ...] = ()
    rerun: str | None = None
    own_weights: bool = False
    lr_range: LrRange | None = None
    precision: str | None = None

    def tested(self, result: StageResult) -> bool:
        """Tell whether a result has all requested tests."""
        return result["tested"] is not None and set(self.tests) <= set(result["tested"])

    @property
    def plan(self) -> StageRecord:
        """Entry of this stage in the record of its job, before it is trained."""
        plan: StageRecord = {"name": self.name, "key": self.key, "folder": str(self.folder), "epochs": self.epochs}
        return plan if self.precision is None else {**plan, "precision": self.precision}


def finished(folder: Path) -> StageResult | None:
    """Return the result of the stage in this folder, None if it is not finished."""
    path = folder / RESULT
    if not path.is_file():
        return None
    result = read_json(path)
    metrics = {name: math.nan if value is None else value for name, value in result["metrics"].items()}
    return cast(StageResult, result | {"metrics": metrics})


def result_of(stage: Stage) -> StageResult | None:
    """Return the result of a stage, None if the stage must be trained, for the first time or in a rerun."""
    if stage.rerun is not None and _rerun_of(stage.folder) != stage.rerun:
        return None
    return finished(stage.folder)


def set_aside(stage: Stage) -> None:
    """Move the folder of an earlier training to `replaced/` before a rerun, where it stays until the next rerun."""
    if stage.rerun is None or _rerun_of(stage.folder) == stage.rerun:
        return
    if stage.folder.exists():
        aside = stage.folder.parent / REPLACED / stage.folder.name
        shutil.rmtree(aside, ignore_errors=True)
        aside.parent.mkdir(exist_ok=True)
        stage.folder.rename(aside)
    write_atomically(stage.folder / RERUN, stage.rerun)


def _rerun_of(folder: Path) -> str | None:
    """Return the name of the rerun that a stage's folder belongs to, None if it is of a first training."""
    path = folder / RERUN
    return path.read_text() if path.is_file() else None
