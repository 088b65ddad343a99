"""Decision on `trainer.precision=auto` for the stages of a run, before their keys are computed."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from omegaconf import DictConfig, open_dict

from dermoscopy.config.build import build, plain
from dermoscopy.config.trained import without_weights
from dermoscopy.runs.keys import canonical
from dermoscopy.runs.precision import AUTO, FP32, Decision, Measurer, TrialFailed, decided

if TYPE_CHECKING:  # a finished sweep answers without importing torch
    from dermoscopy.tasks.base import Task

# Arguments of a network that hardly change its speed, besides those with "drop" in their names: arms that differ in
# them alone have the same precision.
SIMILAR = ("labels", "masks", "mean", "std", "preprocessing", "pretrained", "checkpoint")


def decide_precision(stage: DictConfig, sweep: Path, claim: Callable[[], object]) -> None:
    """Replace the precision `auto` in the configuration of a stage by what this sweep decides once for all jobs.

    Where a training step cannot be tried outside of a training, it is fp32, and a line says so.

    Args:
        stage: its configuration.
        sweep: folder of the sweep.
        claim: takes the GPU and sets the number of threads of the job; called before a measurement.
    """
    if stage.trainer.get("precision") != AUTO:
        return
    measurer = Measurer(partial(_circumstances, stage.trainer.accelerator, claim), partial(_chosen, stage))
    try:
        stage.trainer.precision = decided(_decided_about(stage), sweep, Path(stage.runs), measurer)
    except TrialFailed as error:
        stage.trainer.precision = FP32
        print(
            f"  trainer.precision={FP32} in stage {stage.stage}, as no training step can be tried: {error}", flush=True
        )


def _decided_about(stage: DictConfig) -> dict[str, object]:
    """Return what two trainings have in common that are to have the same precision, whatever else they differ in."""
    return {"network": _shape(canonical(without_weights(plain(stage.network)))), **_batch(stage)}


def _batch(stage: DictConfig) -> dict[str, int]:
    """Return the number, height and width of the images of a training batch."""
    data = stage.datamodule
    height, width = (int(side) // int(data.get("reduce") or 1) for side in stage.data.size)
    return {"images": int(data.get("batch_size") or 1), "height": height, "width": width}


def _shape(network: object) -> object:
    """Return the settings of a network without those that hardly change its speed."""
    if not isinstance(network, Mapping):
        return network
    return {name: _shape(value) for name, value in network.items() if name not in SIMILAR and "drop" not in name}


def _circumstances(accelerator: str, claim: Callable[[], object]) -> dict[str, object]:
    import torch  # noqa: PLC0415  (see the top)

    from dermoscopy.machine import hardware  # noqa: PLC0415

    claim()
    return {
        "hardware": hardware.describe(accelerator),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def _chosen(stage: DictConfig) -> Decision:
    from dermoscopy.training import precision  # noqa: PLC0415  (see the top)

    batch, data, model = _batch(stage), stage.datamodule, stage.model
    decision = precision.choose(
        partial(_task, stage),
        (batch["images"], batch["height"], batch["width"]),
        labels=len(model.get("labels") or data.get("labels") or ()),
        masks=len(data.get("masks") or model.get("masks") or ()),
        accelerator=stage.trainer.accelerator,
    )
    if "seconds" in decision:
        print(f"  trainer.precision={decision['precision']} in stage {stage.stage}: {decision['reason']}", flush=True)
    return decision


def _task(stage: DictConfig) -> "Task":
    """Return the task of a stage with random weights."""
    copied = stage.copy()
    with open_dict(copied):
        copied.network = without_weights(plain(copied.network))
        if copied.optimizer.get("lr") == AUTO:
            copied.optimizer.lr = 1.0  # its optimizer is not used
    return cast("Task", build(copied.model))
