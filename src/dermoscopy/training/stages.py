"""A run is a list of stages; each starts from the best weights of the one before it and is trained once."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from pytorch_lightning import Trainer

from dermoscopy.machine.files import remove_parts, write_json
from dermoscopy.machine.leases import lease
from dermoscopy.machine.provenance import code, sha256
from dermoscopy.machine.randomness import derive
from dermoscopy.plots.curves import draw_stage
from dermoscopy.plots.style import save_figure
from dermoscopy.runs.checkpoints import BEST, LAST, OVER, read_checkpoint, weights
from dermoscopy.runs.history import log_history, read_history
from dermoscopy.runs.splits import SPLIT
from dermoscopy.runs.stage import RESULT, Stage, result_of, set_aside
from dermoscopy.training.lr_finder import TABLE, read_suggestion
from dermoscopy.training.trainer import fit


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
        return self.stage.plan | {"reused": self.reused} | kept


def run_stages(stages: Sequence[Stage], loggers: Sequence[Any]) -> list[Done]:
    """Train what is not yet trained, in order; the last stage is tested.

    A stage that another job trains at this moment is waited for.

    Raises:
        ValueError: no stages, or a loss that stops being finite.
    """
    if not stages:
        raise ValueError("stages is empty: a run needs at least one stage")
    done: list[Done] = []
    for stage in stages:
        initial = done[-1].stage.folder / BEST if done else None
        done.append(_run(stage, initial, loggers, offset=sum(d.stage.epochs for d in done), test=stage is stages[-1]))
    return done


def _run(stage: Stage, initial: Path | None, loggers: Sequence[Any], offset: int, test: bool) -> Done:
    def waits() -> None:
        print(f"  waits for stage {stage.name}, which another job trains ({stage.folder})", flush=True)

    with lease(stage.folder, waits):
        before = result_of(stage)
        if before is not None:
            log_history(loggers, read_history(stage.folder), offset)
            if not test or stage.tested(before):
                return Done(stage, before, reused=True)
        began = time.perf_counter()
        set_aside(stage)
        stage.folder.mkdir(parents=True, exist_ok=True)
        remove_parts(stage.folder)
        initial = None if stage.own_weights else initial
        rate = before.get("lr") if before else _learning_rate(stage, initial)
        torch.manual_seed(derive(stage.seed, "weights"))
        data, task, trainer = stage.build() if rate is None else stage.build(rate)
        for callback in trainer.callbacks:
            if hasattr(callback, "loggers"):
                callback.loggers = loggers
        result = before or _train(stage, initial, data, task, trainer, began) | ({"lr": rate} if rate else {})
        if test:
            result = _test(stage, result, data, task, trainer)
        write_json(stage.folder / RESULT, result)
        return Done(stage, result, reused=before is not None)


def _learning_rate(stage: Stage, initial: Path | None) -> float | None:
    """Return the learning rate that is found for a stage, once; None if it is configured."""
    if stage.find_lr is None:
        return None
    torch.manual_seed(derive(stage.seed, "weights"))
    found = read_suggestion(stage.folder) or stage.find_lr(lambda task: _load(task, initial))
    print(f"  learning rate of {stage.name}: {found:g} ({stage.folder / TABLE})", flush=True)
    return found


def _load(task: Any, initial: Path | None) -> None:
    """Load the network's weights: a stage may have another loss than the one before it."""
    if initial is None:
        return
    state = {n.removeprefix("network."): value for n, value in weights(initial).items() if n.startswith("network.")}
    try:
        task.network.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(
            f"the weights of the stage before ({initial}) do not fit: every stage has the same network, "
            f"unless network.checkpoint names its weights ({' '.join(str(error).split())[:150]} ...)"
        ) from error


def _train(stage: Stage, initial: Path | None, data: Any, task: Any, trainer: Trainer, began: float) -> dict[str, Any]:
    earlier, last = _seconds(stage.folder), stage.folder / LAST
    if not (last.is_file() and OVER in read_checkpoint(last)):
        _load(task, initial)
        fit(trainer, task, data)
    data.write_split(stage.folder / SPLIT)
    best_epoch, best = _best(stage.folder)
    _draw(stage.folder, trainer, best_epoch)
    return {
        "key": stage.key,
        "stage": stage.name,
        "epochs": read_checkpoint(last)["epoch"] if last.is_file() else trainer.current_epoch,
        "best_epoch": best_epoch,
        "metrics": {f"best/{name}": value for name, value in best.items()} | {"best/epoch": best_epoch},
        "tested": None,
        "images": data.counts(),
        "giveaways": data.giveaways(),
        "parameters": sum(p.numel() for p in task.parameters()),
        "trainable": sum(p.numel() for p in task.parameters() if p.requires_grad),
        "seconds": earlier + time.perf_counter() - began,
        "sha256": sha256(stage.folder / BEST),
        "code": code(),
    }


def _test(stage: Stage, result: dict[str, Any], data: Any, task: Any, trainer: Trainer) -> dict[str, Any]:
    """Return the result with the scores of the best weights on the test side."""
    began = time.perf_counter()
    task.load_state_dict(weights(stage.folder / BEST))
    trainer.test(task, datamodule=data, verbose=False)
    scores = {name: value for name, value in task.scored.items() if name.startswith("test/")}
    tested = sorted({*(result["tested"] or ()), *stage.tests})
    seconds = result["seconds"] + time.perf_counter() - began
    return result | {"metrics": result["metrics"] | scores, "tested": tested, "seconds": seconds}


def _draw(folder: Path, trainer: Trainer, best_epoch: int) -> None:
    """Draw the curves of a stage, with the metric that chose its best epoch."""
    checkpoints: Any = trainer.checkpoint_callbacks
    score = next(c.monitor for c in checkpoints if getattr(c, "monitor", None)).removeprefix("val/")
    figure = draw_stage(pd.DataFrame(read_history(folder)), score, best_epoch)
    save_figure(figure, folder / "curves.png", dpi=80, small=False)


def _best(folder: Path) -> tuple[int, dict[str, float]]:
    """Return the epoch of the best checkpoint and the validation metrics of that epoch."""
    epoch = read_checkpoint(folder / BEST)["epoch"]
    skip = ("stage", "epoch", "mode", "seconds")
    row = next(row for row in read_history(folder) if row["epoch"] == epoch and row["mode"] == "val")
    return epoch, {f"val/{name}": value for name, value in row.items() if name not in skip}


def _seconds(folder: Path) -> float:
    """Return the time that the epochs of earlier attempts took."""
    return sum(row["seconds"] for row in read_history(folder) if row["mode"] == "train")
