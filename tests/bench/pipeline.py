"""The input pipeline at 224 px with five masks: whole batches on all cores, against albumentations on one core."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from hydra.utils import instantiate

from dermoscopy.contracts import NOT_ANNOTATED
from dermoscopy.data.augment.augment import Augment
from dermoscopy.data.batches.datamodule import DermoscopyData
from dermoscopy.masks.encoding import encode
from tests.bench.material import training
from tests.bench.timing import Comparison, rates, take_turns

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # else its import looks for a newer version online
import albumentations as A
from albumentations.pytorch import ToTensorV2

SIZE = 224
PASSES = 4  # over the images, per round


def compare(folder: Path, rounds: int, quick: bool) -> list[Comparison]:
    """Compare gathering, encoding, augmenting and normalising batches of images that are in memory."""
    cfg = training(folder, SIZE)
    data = instantiate(cfg.datamodule)
    data.setup("fit")
    passes = 1 if quick else PASSES
    cores, images = torch.get_num_threads(), passes * len(data.rows("train"))
    albumentations = _albumentations(data, cfg.datamodule.mean, cfg.datamodule.std)

    def ours() -> None:
        for _ in range(passes):
            for batch in data.train_dataloader():
                data.finish(batch)

    def reference_pipeline() -> None:
        for _ in range(passes):
            for rows in data.rows("train").split(data.batch_size):
                albumentations(rows)

    ways = {
        "ours": ours,
        "ours on one": lambda: _on_one_core(ours),
        "albumentations": lambda: _on_one_core(reference_pipeline),
    }
    rate = {name: rates(images, seconds) for name, seconds in take_turns(ways, rounds, "input pipeline").items()}
    part, reference_is = f"pipeline {SIZE} px, {len(data.mask_names)} masks", "albumentations, threads: 1"
    ours_is, reference = "batches, threads:", rate["albumentations"]
    return [
        Comparison(part, f"{ours_is} {cores}", reference_is, "images/s", rate["ours"], reference, target=2),
        Comparison(part, f"{ours_is} 1", reference_is, "images/s", rate["ours on one"], reference),
    ]


def _albumentations(data: DermoscopyData, mean: Any, std: Any) -> Callable[[torch.Tensor], dict[str, torch.Tensor]]:
    """Return the same pipeline per sample: the same transforms with the same ranges, then collation."""
    augment = data.augment
    assert isinstance(augment, Augment)
    transform = A.Compose(
        [
            A.HorizontalFlip(p=augment.hflip),
            A.VerticalFlip(p=augment.vflip),
            A.Affine(
                scale=(1 / augment.scale, augment.scale),
                rotate=(-augment.rotate, augment.rotate),
                translate_percent=(-augment.shift, augment.shift),
                interpolation=cv2.INTER_LINEAR,
                fill_mask=NOT_ANNOTATED,
                p=1,
            ),
            A.ColorJitter(
                brightness=(1 - augment.brightness, 1 + augment.brightness),
                contrast=(1, 1),
                saturation=(1 - augment.saturation, 1 + augment.saturation),
                hue=(0, 0),
                p=1,
            ),
            A.Normalize(mean, std),
            ToTensorV2(transpose_mask=True),
        ]
    )
    images = data.store.image()
    masks = np.ascontiguousarray(data.store.mask()[..., [data.store.mask_names.index(n) for n in data.mask_names]])

    def batch(rows: torch.Tensor) -> dict[str, torch.Tensor]:
        samples = [transform(image=images[row], mask=masks[row]) for row in rows.tolist()]
        image, mask = (torch.stack([sample[name] for sample in samples]) for name in ("image", "mask"))
        return {"image": image, "mask": encode(mask), "label": data.label[rows], "index": rows}

    return batch


def _on_one_core(work: Callable[[], None]) -> None:
    threads, cv_threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    work()
    torch.set_num_threads(threads)
    cv2.setNumThreads(cv_threads)
