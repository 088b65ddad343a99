"""Choice of a training's precision: bf16 where training steps are measurably faster in it than in fp32."""

import itertools
import time
from collections.abc import Callable
from contextlib import nullcontext

import torch
from pytorch_lightning.utilities.seed import isolate_rng
from torch import Tensor

from dermoscopy.contracts import Batch
from dermoscopy.machine import hardware
from dermoscopy.machine.messages import reason
from dermoscopy.runs.precision import BF16, FP32, Decision, TrialFailed
from dermoscopy.tasks.base import Task

FASTER = 1.1  # bf16 rounds to 3 digits: not for less than a tenth of the time
FEWEST = 4  # images of a measured batch, if the batches of the training have as many
STEP = 0.4  # seconds: batches are reduced until a step in fp32 takes no longer
SECONDS, LEAST, MOST = 1.0, 2, 8  # of the steps in turns; how many turns there are


def choose(
    build: Callable[[], Task], shape: tuple[int, int, int], labels: int, masks: int, accelerator: str
) -> Decision:
    """Choose the precision of a training on this machine; leave no trace in any random state.

    On a CPU with bf16 arithmetic both precisions are measured. On a GPU with it, it is always bf16.

    Args:
        build: returns the task of the training, with any weights; called only for a measurement.
        shape: images, height and width of a training batch.
        labels, masks: their numbers L and K in a batch.
        accelerator: as Lightning names it.

    Raises:
        TrialFailed: a training step failed.
    """
    facts = Decision(
        precision=FP32,
        reason="the hardware has no bf16 arithmetic",
        hardware=hardware.describe(accelerator),
        threads=torch.get_num_threads(),
        torch=torch.__version__,
    )
    if not hardware.has_bf16(accelerator):
        return facts
    if hardware.device_type(accelerator) != "cpu":
        return facts | {"precision": BF16, "reason": "the GPU has bf16 arithmetic"}
    with isolate_rng(include_cuda=False):
        task = build()
        task.tells = False
        try:
            seconds = measure(task, shape[0], lambda images: random_batch(images, *shape[1:], labels, masks))
        except Exception as error:  # of the user's network, loss or task
            raise TrialFailed(reason(error)) from error
    ratio = seconds[FP32] / seconds[BF16]
    chosen = BF16 if ratio >= FASTER else FP32
    why = f"bf16 trains {ratio:.3g} times as fast as fp32 here, it is used from {FASTER} on"
    return facts | {"precision": chosen, "reason": why, "seconds": seconds}


def random_batch(images: int, height: int, width: int, labels: int, masks: int) -> Batch:
    """Return a training batch of random images; a pixel has exactly one of the masks, an image at most one label."""
    image = torch.randn(images, 3, height, width).contiguous(memory_format=torch.channels_last)
    mask = -torch.ones(images, masks, height, width)
    if masks:
        mask.scatter_(1, torch.randint(masks, (images, 1, height, width)), 1)
    each = _one_of_each(labels)
    label = each[torch.arange(images) % len(each)]
    return Batch(image=image, mask=mask, label=label, index=torch.arange(images), predicted=mask.clone())


def _one_of_each(labels: int) -> Tensor:
    """Return the labels of one image with each of them alone, and of one without any if there is a single label."""
    return torch.eye(max(labels, 2))[:, :labels]


def measure(task: Task, most: int, batch_of: Callable[[int], Batch]) -> dict[str, float]:
    """Return the fewest seconds that a training step of the task took in each precision, on the CPU.

    A step is forward, loss, backward and an optimizer step of AdamW, whatever the task's optimizer, as it computes in
    fp32 in both. Steps of both precisions take turns, so that other load affects both. The task learns from the batch.

    Args:
        task: that of the training.
        most: images of a batch in training; large or slow batches are measured with fewer.
        batch_of: returns a batch with this number of images.
    """
    batch = batch_of(min(most, FEWEST))
    pixels = torch.ones(batch["mask"].shape[1])
    task.fit_losses(_one_of_each(batch["label"].shape[1]), lambda: (pixels, pixels))
    optimizer = torch.optim.AdamW([p for p in task.parameters() if p.requires_grad], lr=1e-5, fused=True)
    one_step = min(_seconds(task, optimizer, batch, FP32) for _ in range(2))
    batch = batch_of(min(most, max(FEWEST, int(FEWEST * STEP / one_step))))
    taken: dict[str, list[float]] = {FP32: [], BF16: []}
    began = time.perf_counter()
    for turn in itertools.count():
        for precision, seconds in taken.items():
            seconds.append(_seconds(task, optimizer, batch, precision))
        if turn == MOST or (turn >= LEAST and time.perf_counter() - began > SECONDS):
            return {precision: min(seconds[1:]) for precision, seconds in taken.items()}  # the first is the warm-up
    raise AssertionError("unreachable")


def _seconds(task: Task, optimizer: torch.optim.Optimizer, batch: Batch, precision: str) -> float:
    """Return the seconds of a training step; with one thread those of its core, so that other programs do not count."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    began = clock()
    optimizer.zero_grad()
    # as Lightning does it
    mixed = torch.autocast("cpu", torch.bfloat16, cache_enabled=False) if precision == BF16 else nullcontext()
    with mixed:
        loss: Tensor = task.training_loss(batch, 0)
    loss.backward()
    optimizer.step()
    return clock() - began
