"""A run is a list of stages; each starts from the best weights of the one before it and is trained once."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from pytorch_lightning import Trainer

from dermoscopy.analysis.figures import draw_stage, save_figure
from dermoscopy.callbacks import log_history, read_history
from dermoscopy.files import write_json
from dermoscopy.ledger import finished
from dermoscopy.tasks.base import Task

LAST, BEST = "last.ckpt", "best.ckpt"


@dataclass(frozen=True)
class Stage:
    """One training: its name, number of epochs, key and folder, and what its configuration builds.

    ``build`` is called only if the stage has to be trained; it returns the data, the task and the trainer.
    """

    name: str
    epochs: int
    key: str
    folder: Path
    build: Callable[[], tuple[Any, Task, Trainer]]


@dataclass(frozen=True)
class Done:
    """What a stage left: its result, and whether it had been trained before."""

    stage: Stage
    result: dict[str, Any]
    reused: bool

    @property
    def record(self) -> dict[str, Any]:
        """The row of this stage in the record of its job."""
        kept = {name: self.result[name] for name in ("epochs", "best_epoch", "seconds")}
        stage = {"name": self.stage.name, "key": self.stage.key, "folder": str(self.stage.folder)}
        return stage | {"reused": self.reused} | kept


def run_stages(stages: Sequence[Stage], loggers: Sequence[Any], rerun: bool = False) -> list[Done]:
    """Train what is not yet trained, in order; the last stage is tested.

    Raises:
        ValueError: no stages, or a loss that stops being finite.
    """
    if not stages:
        raise ValueError("stages is empty: a run needs at least one stage")
    done: list[Done] = []
    offset = 0
    for stage in stages:
        result = None if rerun else finished(stage.folder)
        if result is not None:
            log_history(loggers, read_history(stage.folder), offset)
        if rerun:
            (stage.folder / LAST).unlink(missing_ok=True)
        trained = result or _train(stage, done[-1].stage.folder / BEST if done else None, test=stage is stages[-1])
        done.append(Done(stage, trained, reused=result is not None))
        offset += stage.epochs
    return done


def _train(stage: Stage, initial: Path | None, test: bool) -> dict[str, Any]:
    started = time.perf_counter()
    stage.folder.mkdir(parents=True, exist_ok=True)
    data, task, trainer = stage.build()
    if initial is not None:
        task.load_state_dict(_weights(initial))
    last = stage.folder / LAST
    trainer.fit(task, datamodule=data, ckpt_path=str(last) if last.is_file() else None, weights_only=True)
    if trainer.interrupted:
        raise KeyboardInterrupt
    best_epoch, best = _best(stage.folder)
    _draw(stage.folder, trainer, best_epoch)
    task.load_state_dict(_weights(stage.folder / BEST))
    metrics = {f"best/{name}": value for name, value in best.items()} | {"best/epoch": best_epoch}
    if test:
        trainer.test(task, datamodule=data, verbose=False)
        metrics |= {name: value for name, value in task.scored.items() if name.startswith("test/")}
    result = {
        "key": stage.key,
        "stage": stage.name,
        "epochs": trainer.current_epoch,
        "best_epoch": best_epoch,
        "metrics": metrics,
        "images": data.counts(),
        "parameters": sum(p.numel() for p in task.parameters()),
        "trainable": sum(p.numel() for p in task.parameters() if p.requires_grad),
        "seconds": time.perf_counter() - started,
    }
    write_json(stage.folder / "result.json", result)
    return result


def _draw(folder: Path, trainer: Trainer, best_epoch: int) -> None:
    """Draw the curves of a stage, with the metric that chose its best epoch."""
    monitored = next(c.monitor for c in trainer.checkpoint_callbacks if c.monitor)  # type: ignore[attr-defined]
    history = pd.DataFrame(read_history(folder))
    save_figure(draw_stage(history, monitored.removeprefix("val/"), best_epoch), folder / "curves.png", dpi=80)


def _weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]


def _best(folder: Path) -> tuple[int, dict[str, float]]:
    """Return the epoch of the best checkpoint and the validation metrics of that epoch."""
    epoch = torch.load(folder / BEST, map_location="cpu", weights_only=True, mmap=True)["epoch"]
    skip = ("stage", "epoch", "mode", "seconds")
    row = next(row for row in read_history(folder) if row["epoch"] == epoch and row["mode"] == "val")
    return epoch, {f"val/{name}": value for name, value in row.items() if name not in skip}
