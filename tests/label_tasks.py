"""Classification tasks on the demo data, and networks that record their inputs."""

from functools import partial

import torch
from parts import LABEL_TASK, make_label_loss, make_zeroing
from torch import nn
from trainers import quiet_trainer

from dermoscopy.losses.segmentation import BinaryCrossEntropy as MaskBinaryCrossEntropy
from dermoscopy.losses.weighted_sum import LossSum
from dermoscopy.tasks.classification import ClassificationTask
from dermoscopy.tasks.consistency import ConsistencyTask
from dermoscopy.tasks.joint import JointTask

LABELS = ("globules", "streaks")


class Reader(nn.Module):
    """A classifier of the mean colour and the mean of each mask that records its inputs."""

    aux_head_stride = 1
    segments = ("globules", "streaks")

    def __init__(self, labels=2, masks=2):
        super().__init__()
        self.image, self.mask = nn.Linear(3, labels), nn.Linear(masks, labels)
        self.segmenter = nn.Conv2d(3, masks, 1)
        self.inputs = []

    def forward(self, image, mask=None):
        self.inputs.append((self.training, image, mask))
        logits = self.image(image.mean((2, 3)))
        return logits if mask is None else logits + self.mask(mask.mean((2, 3)))

    def forward_with_features(self, image, mask):
        return self(image, mask), self.mask(mask.mean((2, 3)))[:, :, None, None]

    def forward_masks(self, image):
        return self.segmenter(image)

    def forward_joint(self, image):
        masks = self.segmenter(image)
        return self(image, masks.tanh()), masks

    def masks(self, training):
        return [mask for mode, _, mask in self.inputs if mode == training]


class ImageOnly(nn.Module):
    """A network that takes only an image, like those of other libraries; records its batch sizes."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, len(LABELS))
        self.batch_sizes = []

    def forward(self, image):
        self.batch_sizes.append(len(image))
        return self.layer(image.mean((2, 3)))


class JointImageOnly(ImageOnly):
    """A network that also segments, like a Y-net; records the batch sizes of its joint passes."""

    segments = LABELS

    def __init__(self):
        super().__init__()
        self.segmenter, self.joint_batch_sizes = nn.Conv2d(3, len(LABELS), 1), []

    def forward_masks(self, image):
        return self.segmenter(image)

    def forward_joint(self, image):
        self.joint_batch_sizes.append(len(image))
        return self.layer(image.mean((2, 3))), self.segmenter(image)


def make_task(task=ClassificationTask, network=None, **rest):
    torch.manual_seed(0)
    common = {
        "network": network or Reader(),
        "loss": make_label_loss(LABELS),
        "labels": LABELS,
        "mask_conditions": ["none", "given"],
        "optimizer": partial(torch.optim.SGD, lr=0.1),
        "seed": 0,
        **LABEL_TASK,
    }
    if task is not ConsistencyTask:
        common["zeroing"] = make_zeroing(0)
    return task(**(common | rest))


def joint(task=JointTask, **rest):
    mask_loss = LossSum("bce", {"bce": MaskBinaryCrossEntropy(False, LABELS, None)}, LABELS, None)
    arguments = {"mask_loss": mask_loss, "masks": LABELS, "weights": {"labels": 1.0, "masks": 1.0}, "exclusive": False}
    return make_task(task, **(arguments | rest))


def trainer(**rest):
    quiet = {"enable_checkpointing": False, "limit_train_batches": 1, "precision": "32-true", "accelerator": "cpu"}
    return quiet_trainer(max_epochs=1, **({"callbacks": []} | quiet | rest))


def fit(task, data):
    trainer().fit(task, datamodule=data)
    return task


def run_test(task, data, *callbacks):
    trainer(callbacks=list(callbacks)).test(task, datamodule=data, verbose=False)
    return task
