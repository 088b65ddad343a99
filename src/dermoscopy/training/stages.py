"""Training and test of the stages of a run; each stage starts from the best weights of the previous one."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from dermoscopy.contracts import Logger
from dermoscopy.data.batches.datamodule import DermoscopyData
from dermoscopy.machine.files import remove_parts, write_json
from dermoscopy.machine.leases import lease
from dermoscopy.machine.messages import kept_warnings
from dermoscopy.machine.provenance import code, sha256
from dermoscopy.machine.randomness import derive
from dermoscopy.plots.curves import draw_stage
from dermoscopy.plots.style import save_figure
from dermoscopy.runs.checkpoints import OVER, REMEMBERED, read_checkpoint, weights
from dermoscopy.runs.files import BEST, CURVES, LAST, RESULT, SPLIT
from dermoscopy.runs.history import log_history, read_history, trained_seconds, validation_scores
from dermoscopy.runs.pace import remove_pace
from dermoscopy.runs.records import StageRecord, StageResult
from dermoscopy.runs.stage import LrRange, Stage, result_of, set_aside
from dermoscopy.tasks.base import Task
from dermoscopy.tasks.remarks import empty_remarks, monitor_remarks, weight_remarks
from dermoscopy.training.callbacks.history import History
from dermoscopy.training.callbacks.pace import Pace
from dermoscopy.training.lr_finder import TABLE, find_learning_rate, read_suggestion
from dermoscopy.training.trainer import fit, silence_lightning


class Parts(NamedTuple):
    """Parts of a stage.

    Attributes:
        data: the data module.
        task: the Lightning module.
        trainer: returns the trainer; keyword arguments replace the stage's own.
    """

    data: DermoscopyData
    task: Task
    trainer: Callable[..., Trainer]


# Builds the parts of a stage with this learning rate, or the configured one; only if needed, as it takes seconds
Build = Callable[[Stage, float | None], Parts]


@dataclass(frozen=True)
class TrainedStage:
    """A trained stage: its result, and whether it had been trained before."""

    stage: Stage
    result: StageResult
    reused: bool

    @property
    def record(self) -> StageRecord:
        """Row of this stage in the record of its job."""
        result = self.result
        return {
            **self.stage.plan,
            "reused": self.reused,
            "epochs": result["epochs"],
            "best_epoch": result["best_epoch"],
            "seconds": result["seconds"],
        }


def run_stages(
    stages: Sequence[Stage], build: Build, loggers: Sequence[Logger], tell: Callable[[], object] = lambda: None
) -> list[TrainedStage]:
    """Train the stages that are not yet trained, in order; test the last one.

    If another job is training a stage, wait for it.

    Args:
        stages: of one run.
        build: builds the parts of a stage.
        loggers: of the job.
        tell: called once or twice a stage, when it is known better how long it takes.

    Raises:
        ValueError: no stages, or a loss that is no longer finite.
    """
    if not stages:
        raise ValueError("stages is empty: a run needs at least one stage")
    silence_lightning()
    trained: list[TrainedStage] = []
    for stage in stages:
        run = _StageRun(
            stage,
            build,
            loggers,
            before=trained[-1].stage.folder / BEST if trained else None,
            offset=sum(earlier.stage.epochs for earlier in trained),
            test=stage is stages[-1],
            tell=tell,
        )
        trained.append(run())
    return trained


@dataclass(frozen=True)
class _StageRun:
    """One stage of a run: trained, tested, or reused.

    Attributes:
        stage, build, loggers, tell: see `run_stages`.
        before: best weights of the previous stage; None for the first stage.
        offset: number of epochs in earlier stages.
        test: whether the stage is tested.
    """

    stage: Stage
    build: Build
    loggers: Sequence[Logger]
    before: Path | None
    offset: int
    test: bool
    tell: Callable[[], object]

    def __call__(self) -> TrainedStage:
        stage = self.stage
        with lease(stage.folder, self._report_waiting):
            earlier = result_of(stage)
            if earlier is not None:
                log_history(self.loggers, read_history(stage.folder), self.offset)
                if not self.test or stage.tested(earlier):
                    return TrainedStage(stage, earlier, reused=True)
            result = self._complete(earlier)
            write_json(stage.folder / RESULT, result)
            remove_pace(stage.folder)
            return TrainedStage(stage, result, reused=earlier is not None)

    def _report_waiting(self) -> None:
        print(f"  waits for stage {self.stage.name}, which another job trains ({self.stage.folder})", flush=True)

    def _complete(self, earlier: StageResult | None) -> StageResult:
        """Train and test the stage as far as needed; return the complete result."""
        stage, began = self.stage, time.perf_counter()
        set_aside(stage)
        stage.folder.mkdir(parents=True, exist_ok=True)
        remove_parts(stage.folder)
        initial = None if stage.own_weights else self.before
        rate = earlier.get("lr") if earlier else _learning_rate(stage, self.build, initial)
        torch.manual_seed(derive(stage.seed, "weights"))
        with kept_warnings() as texts:
            data, task, make_trainer = self.build(stage, rate)
            trainer = make_trainer()
            trainer.callbacks.append(Pace(stage.folder, self.tell))  # type: ignore[attr-defined]
            for callback in trainer.callbacks:  # type: ignore[attr-defined]
                if isinstance(callback, History):
                    callback.loggers = self.loggers
            result = earlier or _train(stage, initial, data, task, trainer, began) | ({"lr": rate} if rate else {})
            result = _test(stage, result, data, task, trainer) if self.test else result
        if earlier is not None and "warnings" not in earlier:  # of an older version: those of its training are unknown
            return result
        return {**result, "warnings": [*dict.fromkeys([*result.get("warnings", ()), *texts, *task.lines])]}


def _learning_rate(stage: Stage, build: Build, initial: Path | None) -> float | None:
    """Return the learning rate that the finder suggests for a stage; None if it is configured."""
    if stage.lr_range is None:
        return None
    torch.manual_seed(derive(stage.seed, "weights"))
    rate = read_suggestion(stage.folder) or _find_learning_rate(stage, stage.lr_range, build, initial)
    print(f"  learning rate of {stage.name}: {rate:g} ({stage.folder / TABLE})", flush=True)
    return rate


def _find_learning_rate(stage: Stage, lr_range: LrRange, build: Build, initial: Path | None) -> float:
    data, task, make_trainer = build(stage, 0.0)
    _load(task, initial)
    return find_learning_rate(task, data, make_trainer, stage.folder, lr_range)


def _load(task: Task, initial: Path | None) -> None:
    """Load only the network's weights, since a stage may have another loss than the previous one."""
    if initial is None:  # the network keeps the weights of its own files
        task.tell(*weight_remarks(task.network))
        return
    state = {n.removeprefix("network."): value for n, value in weights(initial).items() if n.startswith("network.")}
    try:
        task.network.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(
            f"the weights of the previous stage ({initial}) do not fit: every stage has the same network, "
            f"unless its entry in stages sets network.checkpoint ({' '.join(str(error).split())[:150]} ...)"
        ) from error


def _train(
    stage: Stage, initial: Path | None, data: DermoscopyData, task: Task, trainer: Trainer, began: float
) -> StageResult:
    earlier, last = trained_seconds(stage.folder), stage.folder / LAST
    content = read_checkpoint(last) if last.is_file() else {}
    if OVER not in content:
        _load(task, initial)
        fit(trainer, task, data)
    elif REMEMBERED in content:  # what the training has said is not said again
        task.remember(content[REMEMBERED])
    data.write_split(stage.folder / SPLIT)
    best_epoch = read_checkpoint(stage.folder / BEST)["epoch"]
    best = validation_scores(stage.folder, best_epoch)
    callbacks = trainer.checkpoint_callbacks
    monitor, mode = next((c.monitor, c.mode) for c in callbacks if isinstance(c, ModelCheckpoint) and c.monitor)
    task.tell(*monitor_remarks(monitor, best[monitor]))
    if task.must_find_masks(monitor):
        epochs = [row for row in read_history(stage.folder) if row["mode"] == "val"]
        task.tell(*empty_remarks(monitor, mode, epochs, best_epoch))
    _draw(stage.folder, monitor, best_epoch)
    return {
        "key": stage.key,
        "stage": stage.name,
        "epochs": read_checkpoint(last)["epoch"] if last.is_file() else trainer.current_epoch,
        "best_epoch": best_epoch,
        "metrics": {f"best/{name}": value for name, value in best.items()} | {"best/epoch": best_epoch},
        "tested": None,
        "images": data.counts(),
        "label_leakage": data.label_leakage(),
        "parameters": sum(p.numel() for p in task.parameters()),
        "trainable": sum(p.numel() for p in task.parameters() if p.requires_grad),
        "seconds": earlier + time.perf_counter() - began,
        "sha256": sha256(stage.folder / BEST),
        "code": code(),
    }


def _test(stage: Stage, result: StageResult, data: DermoscopyData, task: Task, trainer: Trainer) -> StageResult:
    """Return the result with the scores of the best weights on the test subset."""
    began = time.perf_counter()
    task.load_state_dict(weights(stage.folder / BEST))
    trainer.test(task, datamodule=data, verbose=False)
    scores = {name: value for name, value in task.scored.items() if name.startswith("test/")}
    tested = sorted({*(result["tested"] or ()), *stage.tests})
    seconds = result["seconds"] + time.perf_counter() - began
    return {**result, "metrics": result["metrics"] | scores, "tested": tested, "seconds": seconds}


def _draw(folder: Path, monitor: str, best_epoch: int) -> None:
    """Draw the curves of a stage with the metric that selected its best epoch."""
    figure = draw_stage(pd.DataFrame(read_history(folder)), monitor.removeprefix("val/"), best_epoch)
    save_figure(figure, folder / CURVES, dpi=80, small=False)
