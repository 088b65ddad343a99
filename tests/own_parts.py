"""Examples of custom parts, one per kind, as users would write them; see CONTRIBUTING.md."""

from pathlib import Path

from pytorch_lightning import Callback
from torch import nn

from dermoscopy.data.batches.datamodule import DermoscopyData
from dermoscopy.data.raw.sources import FolderSource


class Pixelwise(nn.Module):
    """A network: maps an image (B, 3, H, W) to logits (B, K, H, W)."""

    def __init__(self, masks, width):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, width, 1), nn.ReLU(), nn.Conv2d(width, len(masks), 1))

    def forward(self, image):
        return self.layers(image)


class Roughness(nn.Module):
    """A term of a loss: maps logits and masks (B, K, H, W) of -1, +1 and 0 (unknown) to one number."""

    def forward(self, logits, mask):
        return logits.sigmoid().diff(dim=3).abs().mean()


class SquaredError(nn.Module):
    """A whole loss: maps the same inputs to its terms by name."""

    def forward(self, logits, mask):
        known = mask != 0
        error = ((logits.sigmoid() - (mask > 0).float()) * known).square()
        return {"squared_error": error.sum() / known.sum().clamp(min=1)}


def area_error(probability, mask, at):
    """Return a metric of masks: one relative error of the predicted area per image."""
    predicted, truth = ((present & (mask != 0)).flatten(1).sum(1) for present in (probability > at, mask > 0))
    return (predicted - truth).abs() / truth


def mean_probability(probability, label):
    """Return a metric of labels: one number for all images."""
    return probability.mean()


class Diary(Callback):
    """A callback: writes one line per epoch."""

    def __init__(self, file):
        self.file = Path(file)

    def on_train_epoch_end(self, trainer, pl_module):
        with self.file.open("a") as file:
            file.write(f"epoch {trainer.current_epoch}: {pl_module.scored['val/loss']:.3f}\n")


class ByPatient(FolderSource):
    """A source of raw files: images are grouped by the part of their names before the hyphen."""

    def listing(self):
        listing = super().listing()
        return listing._replace(items=[item._replace(group=item.id.split("-")[0]) for item in listing.items])


class Grey(DermoscopyData):
    """A data module: converts images to grey."""

    def finish(self, batch):
        batch = super().finish(batch)
        return batch | {"image": batch["image"].mean(1, keepdim=True).expand(-1, 3, -1, -1)}
