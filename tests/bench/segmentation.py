"""A segmenter: its training step against the bare loop on random tensors, and the time to score its masks."""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from dermoscopy.data.store.reader import open_store
from dermoscopy.evaluation.segmentation import evaluate
from tests.bench.material import training
from tests.bench.step import Loss, against_bare, random_planes
from tests.bench.timing import Comparison, take_turns

SIZE = 128
UNET = ("model=segmentation", "network=unet", "network.encoder=resnet18")
IMAGES = 100


def compare(folder: Path, rounds: int, quick: bool) -> list[Comparison]:
    """Compare a U-Net on ResNet18 at 128 px, trained with BCE + Dice; time the scores of a hundred masks."""
    step = against_bare("segmentation", "U-Net ResNet18", masks_and_loss, folder, SIZE, [*UNET], rounds, quick)
    return [*step, *_evaluation(folder, rounds)]


def masks_and_loss(cfg: DictConfig, device: torch.device) -> tuple[tuple[Tensor, ...], Loss]:
    """Return random images, and BCE + Dice against random masks."""
    truth = (random_planes(cfg, device, len(cfg.data.masks)) > 0).float()

    def loss(logits: Tensor) -> Tensor:
        predicted = logits.sigmoid()
        dice = 1 - (2 * (predicted * truth).sum() + 1) / (predicted.sum() + truth.sum() + 1)
        return binary_cross_entropy_with_logits(logits, truth) + dice

    return (random_planes(cfg, device, 3),), loss


def _evaluation(folder: Path, rounds: int) -> list[Comparison]:
    """Time the scoring by MaskPredictions, with the true masks inverted in a quarter of each image."""
    cfg = training(folder, SIZE, *UNET)
    store, source = open_store(cfg.data.store, cfg.data.size, cfg.data.fit), instantiate(cfg.data.source)
    names, rows = list(cfg.data.masks), np.arange(IMAGES)
    predicted = np.uint8(255) * (store.mask()[:IMAGES][..., [store.mask_names.index(name) for name in names]] == 1)
    predicted[:, : SIZE // 2, : SIZE // 2] = ~predicted[:, : SIZE // 2, : SIZE // 2]
    height, width = cfg.data.make.size
    score = partial(evaluate, predicted, rows, store, names, False)
    ways = {
        "at the store's size": partial(score, hd95=False),
        f"also at {height} x {width} px": partial(score, hd95=False, source=source),
        "also Hausdorff distances": partial(score, hd95=True, source=source),
    }
    part = f"scores of {IMAGES} masks, {SIZE} px"
    seconds = take_turns(ways, rounds, part)
    return [Comparison(part, way, "", "s", took, []) for way, took in seconds.items()]
