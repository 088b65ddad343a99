"""Which trainings are done: a stage, its key, and the result left in its folder."""

import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dermoscopy.machine.files import read_json, write_atomically

RESULT, RERUN, REPLACED = "result.json", "rerun.txt", "replaced"


@dataclass(frozen=True)
class Stage:
    """One training.

    Attributes:
        name: of the stage, and number of its epochs.
        key, folder: hash of all that can change its result, and the place where it is kept under that name.
        seed: of its first weights.
        tests: what the network is given at test, if this is the last stage of its run.
        rerun: if not None, an older result counts only if it comes from the rerun of this name.
        build: returns the data, the task and the trainer, given a learning rate or nothing for the configured one;
            called only if there is something to train or to test.
        own_weights: whether it starts from weights of its own instead of the best of the stage before.
        find_lr: finds its learning rate, given what loads its first weights into a task; None if it is configured.
    """

    name: str
    epochs: int
    key: str
    folder: Path
    seed: int
    build: Callable[..., tuple[Any, Any, Any]]
    tests: tuple[str, ...] = ()
    rerun: str | None = None
    own_weights: bool = False
    find_lr: Callable[[Callable[[Any], None]], float] | None = None

    def tested(self, result: Mapping[str, Any]) -> bool:
        """Tell whether a result has all the tests that are asked for."""
        return result["tested"] is not None and set(self.tests) <= set(result["tested"])

    @property
    def plan(self) -> dict[str, Any]:
        """The row of this stage in the record of its job, before it is trained."""
        return {"name": self.name, "key": self.key, "folder": str(self.folder), "epochs": self.epochs}


def finished(folder: Path) -> dict[str, Any] | None:
    """Return the result of the stage in this folder, None if it was never finished."""
    path = folder / RESULT
    if not path.is_file():
        return None
    result = read_json(path)
    return result | {"metrics": {k: math.nan if v is None else v for k, v in result["metrics"].items()}}


def result_of(stage: Stage) -> dict[str, Any] | None:
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
