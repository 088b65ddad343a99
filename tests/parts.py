"""Parts of runs with default arguments for tests, since the constructors have no defaults."""

from dermoscopy.losses.classification import BinaryCrossEntropy
from dermoscopy.masks.zeroing import MixedZeroing, Zeroing
from dermoscopy.networks.classifier import Classifier

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
NO_WEIGHTS = {"pretrained": False, "checkpoint": None}
LABEL_TASK = {"scheduler": None, "freeze": (), "metrics": {}, "exclusive_labels": False, "training_masks": "given"}
LABEL_TASK |= {"validation_masks": "none", "threshold": "zero"}  # arguments of a classification task


def make_classifier(backbone, labels, masks=(), **changes):
    """Return a randomly initialised Classifier without an auxiliary head."""
    return Classifier(
        backbone,
        labels,
        masks,
        **NO_WEIGHTS
        | IMAGENET
        | {"dropout": 0.0, "aux_head_stride": None, "preprocessing": None, "options": {}}
        | changes,
    )


def make_zeroing(p, grid=1, per_channel=False):
    """Return a Zeroing of grid cells of all masks together; by default of whole masks."""
    return Zeroing(p, grid, per_channel)


def make_mixed_zeroing(p=0.5, grids=(16, 8, 4)):
    """Return a MixedZeroing, by default that of conf/."""
    return MixedZeroing(p, grids)


def make_label_loss(labels, pos_weight=None, rarest=1.0):
    """Return a binary cross-entropy, by default without weights."""
    return BinaryCrossEntropy(labels, pos_weight, rarest)
