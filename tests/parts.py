"""Parts of runs with default arguments for tests, since the constructors have no defaults."""

from dermoscopy.losses.classification import BinaryCrossEntropy, CrossEntropy
from dermoscopy.masks.zeroing import MixedZeroing, Zeroing
from dermoscopy.networks.classifier import Classifier
from dermoscopy.tasks.mixing import Mixing
from dermoscopy.tasks.parameter_groups import ParameterGroups

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
NO_WEIGHTS = {"pretrained": False, "checkpoint": None}
LABEL_TASK = {"scheduler": None, "freeze": (), "metrics": {}, "exclusive_labels": False, "training_masks": "given"}
ONE_GROUP = ParameterGroups(head=1, layer_decay=1, decay_norms=True)
LABEL_TASK |= {"validation_masks": "none", "threshold": "zero"}  # arguments of a classification task
LABEL_TASK |= {"parameter_groups": ONE_GROUP, "mixing": Mixing(0.0, 0.0)}


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


def make_label_loss(labels, pos_weight=None, rarest=1.0, smoothing=0.0):
    """Return a binary cross-entropy, by default without weights and label smoothing."""
    return BinaryCrossEntropy(labels, pos_weight, rarest, smoothing)


def make_class_loss(labels, class_weight=None, rarest=1.0, smoothing=0.0):
    """Return a cross-entropy of exclusive labels, by default without weights and label smoothing."""
    return CrossEntropy(labels, class_weight, rarest, smoothing)
