"""GoogLeNet of torchvision without its auxiliary classifiers; it reads no masks."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torchvision
from torch import Tensor

from dermoscopy.networks.normalisation import Preprocessing, custom_preprocessing
from dermoscopy.networks.weights import load_matching, read_weights

HEADS = ("fc.", "preprocessing.")  # what a file may lack, or have for other labels
AUXILIARY = ("aux1.", "aux2.")  # classifiers that torchvision's files have, and this network has not
PUBLISHED_STATISTICS = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)  # of torchvision's weights, by its `transform_input`


class GoogLeNet(torchvision.models.GoogLeNet):
    """GoogLeNet with L logits.

    Args:
        labels: names of the L labels.
        checkpoint: file to start from: torchvision's state_dict, or a checkpoint of this project.
        mean, std: normalisation of the input images.
        preprocessing: {mean, std} of the images that the weights expect; None takes those in a checkpoint of this
            project, and those of torchvision's weights for any other file.

    Raises:
        ValueError: the weights do not fit.
    """

    def __init__(
        self,
        labels: Sequence[str],
        checkpoint: str | Path | None,
        mean: Sequence[float],
        std: Sequence[float],
        preprocessing: Mapping[str, Sequence[float]] | None,
    ) -> None:
        super().__init__(num_classes=len(labels), aux_logits=False, init_weights=True)
        self.preprocessing = Preprocessing(mean, std)
        if checkpoint is not None:
            state = {n: value for n, value in read_weights(checkpoint).items() if not n.startswith(AUXILIARY)}
            if "preprocessing.mean" not in load_matching(self, state, checkpoint, places=("",), heads=HEADS):
                self.preprocessing.expect(*PUBLISHED_STATISTICS)
        if preprocessing is not None:
            self.preprocessing.expect(*custom_preprocessing(preprocessing))

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (B, L) of image (B, 3, H, W)."""
        logits: Tensor = super().forward(self.preprocessing(image))
        return logits
