"""A plain lesion segmenter as a baseline of equal training time: python -m tests.bench.plain_segmenter STORE SPLIT"""

import argparse
import sys
import time
from pathlib import Path

import h5py
import pandas as pd
import segmentation_models_pytorch as smp
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

BATCH = 16
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


def main() -> None:
    """Train on all but the test subset; print the test scores and the CPU seconds of the training as CSV."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.plain_segmenter", description=__doc__)
    parser.add_argument("store", type=Path, help="HDF5 file of prepare.py with a mask named lesion")
    parser.add_argument("split", type=Path, help="split.csv of a run, whose test subset is used")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    images, masks, test = read(arguments.store, arguments.split)
    torch.manual_seed(arguments.seed)
    began = time.process_time()
    network = train(images[~test], masks[~test], arguments.epochs)
    seconds = time.process_time() - began
    dice, iou = score(network, images[test], masks[test])
    thresholded = torch.where(iou < 0.65, 0, iou)
    means = {"dice": dice, "iou": iou, "thresholded_jaccard": thresholded}
    row = {"epochs": arguments.epochs, "cpu_seconds": round(seconds), "images": len(iou)}
    row |= {name: round(float(values.mean()), 4) for name, values in means.items()}
    print(pd.DataFrame([row]).to_csv(index=False), end="")


def read(store: Path, split: Path) -> tuple[Tensor, Tensor, Tensor]:
    """Return images (N, 3, H, W) uint8, masks (N, 1, H, W) 0, 1 or 255 (unknown), flags (N,) of the test subset."""
    with h5py.File(store) as file:
        lesion = list(file["mask"].attrs["names"]).index("lesion")
        images = torch.from_numpy(file["image"][:]).permute(0, 3, 1, 2)
        masks = torch.from_numpy(file["mask"][..., lesion])[:, None]
        subset = pd.read_csv(split).set_index("id")["subset"].loc[file["id"].asstr()[:]]
    return images, masks, torch.tensor((subset == "test").tolist())


def train(images: Tensor, masks: Tensor, epochs: int) -> torch.nn.Module:
    """Return a U-Net on ResNet18 from scratch: flips, BCE + Dice, AdamW with one cycle."""
    network = smp.Unet("resnet18", encoder_weights=None).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    steps = len(images) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-3, total_steps=epochs * steps)
    for epoch in range(epochs):
        for rows in torch.randperm(len(images))[: steps * BATCH].split(BATCH):
            image, mask = normalise(images[rows]), masks[rows]
            axes = [axis for axis in (2, 3) if torch.rand(()) < 0.5]
            image, mask = image.flip(axes), mask.flip(axes)
            logits, known, truth = network(image), (mask != 255).float(), (mask == 1).float()
            bce = (binary_cross_entropy_with_logits(logits, truth, reduction="none") * known).sum() / known.sum()
            predicted = logits.sigmoid() * known
            dice = 1 - (2 * (predicted * truth).sum() + 1) / (predicted.sum() + truth.sum() + 1)
            optimizer.zero_grad()
            (bce + dice).backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}/{epochs}", file=sys.stderr)
    return network.eval()


@torch.inference_mode()
def score(network: torch.nn.Module, images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Return Dice and IoU per image, over its known pixels."""
    scores = []
    for image, mask in zip(images.split(64), masks.split(64), strict=True):
        predicted, truth = (network(normalise(image)) > 0) & (mask != 255), mask == 1
        intersection, union = (predicted & truth).sum((1, 2, 3)), (predicted | truth).sum((1, 2, 3))
        iou = torch.where(union > 0, intersection / union, 1.0)
        scores.append((2 * iou / (1 + iou), iou))
    dice, iou = (torch.cat(values) for values in zip(*scores, strict=True))
    return dice, iou


def normalise(image: Tensor) -> Tensor:
    """Return normalised images (B, 3, H, W) from values of 0 ... 255."""
    return (image / 255 - MEAN[:, None, None]) / STD[:, None, None]


if __name__ == "__main__":
    main()
