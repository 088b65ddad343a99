"""The training step: Lightning's loop over our data and task, against the bare loop on random tensors."""

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from dermoscopy.data.batches.datamodule import DermoscopyData
from dermoscopy.runs.precision import BF16
from tests.bench.material import PRECISION, training
from tests.bench.timing import Comparison, rates, seconds_of, synchronise

BATCH = {
    "cpu": {224: 8, 128: 16, 64: 32},
    "cuda": {224: 128, 128: 128, 64: 256},
}  # images per batch, by image size in pixels
# Turns are short, so that other load on the machine affects all loops alike; on a GPU a turn has several batches, as
# synchronising after each would hide the cost of the loop while the GPU computes.
BATCHES = {"cpu": 1, "cuda": 10}  # per turn
TURNS = {"cpu": {224: 3, 128: 3, 64: 5}, "cuda": {224: 3, 128: 3, 64: 3}}  # per round
PIPELINE, BARE = "input pipeline alone", "bare loop"
Loss = Callable[[Tensor], Tensor]  # of logits; includes the target
Drawn = Callable[[DictConfig, torch.device], tuple[tuple[Tensor, ...], Loss]]  # inputs of a network, and its loss


class Repeated(DermoscopyData):
    """Data whose training subset is repeated, so that few images make one long epoch."""

    times = 1

    def rows(self, subset: str) -> Tensor:
        """Return the store rows of one subset."""
        return super().rows(subset).repeat(self.times)


class Turns(Callback):
    """Timer of a training and other work in turns: after every `batches` training batches the others run once."""

    def __init__(self, batches: int, others: Mapping[str, Callable[[], object]]) -> None:
        self.batches, self.others = batches, others
        self.seconds: dict[str, list[float]] = {name: [] for name in ("ours", *others)}
        self.began = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """End a turn of the training and run a turn of each of the others."""
        if (batch_idx + 1) % self.batches:
            return
        synchronise()
        self.seconds["ours"].append(time.perf_counter() - self.began)
        for name, work in self.others.items():
            self.seconds[name].append(seconds_of(work))
        self.began = time.perf_counter()


def compare(folder: Path, rounds: int, quick: bool) -> list[Comparison]:
    """Compare ResNet50 with five masks at 224 px and at 64 px."""
    overrides = ["network.backbone=resnet50"]
    return [
        row
        for size in (224, 64)
        for row in against_bare("step", "ResNet50", labels_and_loss, folder, size, overrides, rounds, quick)
    ]


def against_bare(
    part: str, network: str, drawn: Drawn, folder: Path, size: int, overrides: list[str], rounds: int, quick: bool
) -> list[Comparison]:
    """Compare a training on demo data with the bare loop on the tensors of `drawn`, and with the input pipeline."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    batch_size = BATCH[device][size] // (4 if quick else 1)
    batches, turns = BATCHES[device], 1 if quick else TURNS[device][size]
    length = [f"datamodule.batch_size={batch_size}", f"trainer.limit_train_batches={(rounds + 1) * turns * batches}"]
    cfg = training(folder, size, *overrides, *length, f"trainer.accelerator={device}", "epochs=1")
    turns_seconds = _train(cfg, torch.device(device), batches, drawn)
    seconds = {name: _rounds(values, turns) for name, values in turns_seconds.items()}
    seconds["both"] = [bare + pipeline for bare, pipeline in zip(seconds["bare"], seconds["pipeline"], strict=True)]
    rate = {name: rates(turns * batches * batch_size, values) for name, values in seconds.items()}
    part, bare = f"{part} {size} px, batch {batch_size}", rate["bare"]
    return [
        Comparison(part, f"training, {network}", BARE, "images/s", rate["ours"], bare, target=0.97),
        Comparison(part, "bare loop + input pipeline", BARE, "images/s", rate["both"], bare),
        Comparison(part, PIPELINE, BARE, "images/s", rate["pipeline"], bare),
    ]


def _rounds(values: list[float], turns: int) -> list[float]:
    """Return the seconds per round of `turns` turns, without the first, which is a warm-up."""
    return [sum(values[begin : begin + turns]) for begin in range(turns, len(values), turns)]


def _train(cfg: DictConfig, device: torch.device, batches: int, drawn: Drawn) -> dict[str, list[float]]:
    """Return the seconds per turn of `batches` batches: of the training (ours), the bare loop, the pipeline."""
    data = instantiate(cfg.datamodule, _target_=f"{__name__}.Repeated")
    images = (cfg.trainer.limit_train_batches + 1) * data.batch_size  # the last batch has another size
    data.times = -(-images // len(data.rows("train")))
    bare, pipeline = bare_step(cfg, device, *drawn(cfg, device)), _pipeline(data)
    others = {
        "bare": lambda: [bare() for _ in range(batches)],
        "pipeline": lambda: [next(pipeline) for _ in range(batches)],
    }
    turns = Turns(batches, others)
    trainer = instantiate(
        cfg.trainer, callbacks=[turns], enable_checkpointing=False, enable_progress_bar=False, limit_val_batches=0
    )
    trainer.fit(instantiate(cfg.model), datamodule=data)
    return turns.seconds


def _pipeline(data: DermoscopyData) -> Iterator[Any]:
    """Yield finished training batches without end."""
    while True:
        yield from map(data.finish, data.train_dataloader())


def random_planes(cfg: DictConfig, device: torch.device, count: int) -> Tensor:
    """Return a batch of normally distributed planes (B, count, H, W)."""
    planes = torch.randn(cfg.datamodule.batch_size, count, *cfg.data.size, device=device)
    return planes.contiguous(memory_format=torch.channels_last)


def labels_and_loss(cfg: DictConfig, device: torch.device) -> tuple[tuple[Tensor, ...], Loss]:
    """Return random images and masks, and BCE against random labels."""
    image, mask = random_planes(cfg, device, 3), random_planes(cfg, device, len(cfg.data.masks)).sign()
    label = torch.rand(len(image), len(cfg.data.labels), device=device).round()
    return (image, mask), partial(binary_cross_entropy_with_logits, target=label)


def bare_step(cfg: DictConfig, device: torch.device, inputs: tuple[Tensor, ...], loss: Loss) -> Callable[[], None]:
    """Return one step of a minimal loop: same network, optimizer and precision, random tensors drawn once."""
    network = instantiate(cfg.network).to(device, memory_format=torch.channels_last).train()
    optimizer = instantiate(cfg.optimizer)(network.parameters())
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=PRECISION == BF16)

    def step() -> None:
        optimizer.zero_grad()
        with autocast:
            logits = network(*inputs)
        loss(logits.float()).backward()
        optimizer.step()

    return step


def bottleneck(comparisons: list[Comparison]) -> list[str]:
    """Return one sentence per network and size that names the bottleneck of training."""
    sentences = []
    for row in comparisons:
        if row.ours_is == PIPELINE:
            pipeline, step = median(row.ours), median(row.reference)
            slower = "the step" if step < pipeline else "the input pipeline"
            sentences.append(
                f"{row.part}: {slower} is the bottleneck ({step:.4g} images/s in the step, "
                f"{pipeline:.4g} in the input pipeline)"
            )
    return sentences
