"""A stage: one training as plain data, and the result that it leaves in its folder."""

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
    """Where the learning-rate finder looks: from `start` to `end` in `steps` steps of a constant ratio."""

    start: float
    end: float
    steps: int


@dataclass(frozen=True)
class Stage:
    """One training, as plain data; whoever runs it is given a function that builds what it needs.

    Attributes:
        name: of the stage.
        epochs: their number.
        key: hash of all that can change the result, see `dermoscopy.runs.keys`.
        folder: where the stage is kept; its last part is the key.
        seed: of the first weights.
        tests: what the test asks for, if this is the last stage of its run.
        rerun: if not None, an older result counts only if it comes from the rerun of this name.
        own_weights: whether it starts from weights of its own instead of the best of the stage before.
        lr_range: where its learning rate is looked for; None if the rate is configured.
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

    def tested(self, result: StageResult) -> bool:
        """Tell whether a result has all the tests that are asked for."""
        return result["tested"] is not None and set(self.tests) <= set(result["tested"])

    @property
    def plan(self) -> StageRecord:
        """The row of this stage in the record of its job, before it is trained."""
        return {"name": self.name, "key": self.key, "folder": str(self.folder), "epochs": self.epochs}


def finished(folder: Path) -> StageResult | None:
    """Return the result of the stage in this folder, None if it was never finished."""
    path = folder / RESULT
    if not path.is_file():
        return None
    result = read_json(path)
    metrics = {name: math.nan if value is None else value for name, value in result["metrics"].items()}
    return cast(StageResult, result | {"metrics": metrics})


def result_of(stage: Stage) -> StageResult | None:
    """Return the result of a stage if it counts, None if the stage is to be trained (again)."""
    if stage.rerun is not None and _rerun_of(stage.folder) != stage.rerun:
        return None
    return finished(stage.folder)


def set_aside(stage: Stage) -> None:
    """Make room for the rerun of a stage: what an earlier training left moves to `replaced/`, until the next rerun."""
    if stage.rerun is None or _rerun_of(stage.folder) == stage.rerun:
        return
    if stage.folder.exists():
        aside = stage.folder.parent / REPLACED / stage.folder.name
        shutil.rmtree(aside, ignore_errors=True)
        aside.parent.mkdir(exist_ok=True)
        stage.folder.rename(aside)
    write_atomically(stage.folder / RERUN, stage.rerun)


def _rerun_of(folder: Path) -> str | None:
    """The name of the rerun that a stage's folder belongs to."""
    path = folder / RERUN
    return path.read_text() if path.is_file() else None
