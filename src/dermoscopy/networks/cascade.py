"""Cascade: a segmenter predicts the lesion mask, a classifier reads the image conditioned on it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dermoscopy.contracts.networks import MapNetwork, MaskNetwork, NamesMasks
from dermoscopy.machine.messages import nearest
from dermoscopy.masks.probability_maps import probabilities
from dermoscopy.networks.conditioning import Conditioning
from dermoscopy.networks.mask_postprocessing import MaskPostprocessing
from dermoscopy.networks.weights import load_matching, read_weights


class Cascade(nn.Module):
    """A classifier conditioned on a lesion mask that is given or predicted by a segmenter.

    Both parts receive the image as normalised by the data; each converts it to the normalisation of its weights.

    Args:
        segmenter: network from image to mask logits, with `masks` and `exclusive`; None: lesion given or unknown.
        classifier: network from image and optional mask channel to logits (B, L); with a channel, `masks` has one name.
        mask: name of the lesion mask.
        masks: names of the K input masks; may be empty if there is a segmenter.
        postprocessing: post-processing of the lesion mask.
        conditioning: transformation of the image by the lesion mask for the classifier.
        threshold: the segmenter's probability above which a pixel belongs to the lesion.
        checkpoint: file of a whole cascade to start from; its parts have their own checkpoints.

    Raises:
        ValueError: the parts do not fit each other, the threshold is outside (0, 1), or the weights do not fit.
    """

    def __init__(
        self,
        segmenter: MaskNetwork | None,
        classifier: nn.Module,
        mask: str,
        masks: Sequence[str],
        postprocessing: MaskPostprocessing,
        conditioning: Conditioning,
        threshold: float,
        checkpoint: str | Path | None,
    ) -> None:
        super().__init__()
        if not 0 < threshold < 1:
            raise ValueError(f"threshold is a probability in (0, 1), got {threshold}")
        self.segmenter: Any = segmenter  # a module and a MaskNetwork, or None
        self.classifier = classifier
        _check_masks(self.segmenter, mask, masks)
        _check_channel(classifier, conditioning, mask)
        self.postprocessing, self.conditioning = postprocessing, conditioning
        self.mask, self.masks, self.threshold = mask, tuple(masks), threshold
        if checkpoint is not None:
            load_matching(self, read_weights(checkpoint), checkpoint, places=("",), heads=())

    def forward(self, image: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return label logits (B, L).

        Args:
            image: (B, 3, H, W), normalised.
            mask: (B, K, H, W) in -1, 0, +1, where +1 in the lesion's mask is lesion. None is all unknown. A lesion mask
                that is unknown everywhere is predicted by the segmenter; without a segmenter it is empty.
        """
        logits: Tensor = self.classifier(*_arguments(self._conditioned(image, mask)))
        return logits

    @property
    def segments(self) -> tuple[str, ...]:
        """Names of the masks that the segmenter predicts; none without one."""
        return () if self.segmenter is None else tuple(self.segmenter.masks)

    def forward_masks(self, image: Tensor) -> Tensor:
        """Return only the segmenter's logits."""
        logits: Tensor = self.segmenter(image)
        return logits

    def forward_joint(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return label logits (B, L) and the segmenter's logits, for joint training of both parts.

        The classifier reads the probability itself, so that the label loss has a gradient in the segmenter. The
        post-processing has none: it only determines the box and whether there is any lesion.

        Raises:
            ValueError: there is no segmenter, or its masks differ from the data's.
        """
        if self.segments != self.masks or not self.segments:
            raise ValueError(
                f"the cascade's segmenter predicts {list(self.segments)}, its masks are {list(self.masks)}: "
                "to train it with the classifier they must be equal (data.masks)"
            )
        logits = self.segmenter(image)
        soft = self._probability(logits)
        inputs = self.conditioning(image, soft, self.postprocessing(self._above(soft.detach())))
        return self.classifier(*_arguments(inputs)), logits

    def forward_maps(self, image: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the classifier's last feature maps (B, C, h, w) of the conditioned image.

        Raises:
            ValueError: the classifier has no feature maps.
        """
        return self._classifier_of_maps().forward_maps(*_arguments(self._conditioned(image, mask)))

    def forward_head(self, maps: Tensor) -> Tensor:
        """Return the logits (B, L) from feature maps."""
        return self._classifier_of_maps().forward_head(maps)

    def _classifier_of_maps(self) -> MapNetwork:
        if not isinstance(self.classifier, MapNetwork):
            raise ValueError(f"the cascade's classifier, {type(self.classifier).__name__}, has no feature maps")
        return self.classifier

    @torch.no_grad()
    def to_image_coordinates(self, picture: Tensor, image: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map a picture (B, C, H, W) of the classifier's input back to image coordinates; 0 elsewhere."""
        return self.conditioning.to_image_coordinates(picture, self.postprocessing(self._lesion(image, mask)))

    def _conditioned(self, image: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the classifier's input: the conditioned image and its mask channel or None."""
        if not self.conditioning.reads_mask:
            return image, None
        inputs: tuple[Tensor, Tensor | None] = self.conditioning(image, self.postprocessing(self._lesion(image, mask)))
        return inputs

    def _lesion(self, image: Tensor, mask: Tensor | None) -> Tensor:
        """Return the lesion mask (B, 1, H, W), 0 or 1."""
        if mask is None or not self.masks:
            return torch.zeros_like(image[:, :1]) if self.segmenter is None else self._predicted(image)
        lesion = self._given(image, mask)
        if self.segmenter is not None and (unknown := (lesion == 0).flatten(1).all(1)).any():
            predicted = self._predicted(image[unknown])
            lesion = lesion.index_put((unknown,), predicted)
        return lesion.clamp(min=0)

    def _given(self, image: Tensor, mask: Tensor) -> Tensor:
        """Return the given lesion mask (B, 1, H, W): -1, 0 for unknown, +1."""
        expected = (len(image), len(self.masks), *image.shape[-2:])
        if mask.shape != expected:
            raise ValueError(f"masks {list(self.masks)} of these images must be {expected}, got {tuple(mask.shape)}")
        place = self.masks.index(self.mask)
        return mask[:, place : place + 1].to(image)

    @torch.no_grad()
    def _predicted(self, image: Tensor) -> Tensor:
        """Return the lesion mask predicted by the segmenter in evaluation mode, which keeps its running statistics."""
        training = [module for module in self.segmenter.modules() if module.training]
        self.segmenter.eval()
        try:
            return self._above(self._probability(self.segmenter(image)))
        finally:
            for module in training:  # not train(): frozen parts stay in evaluation mode
                module.training = True

    def _probability(self, logits: Tensor) -> Tensor:
        place = self.segmenter.masks.index(self.mask)
        return probabilities(logits, self.segmenter.exclusive)[:, place : place + 1]

    def _above(self, probability: Tensor) -> Tensor:
        return (probability > self.threshold).to(probability)


def _arguments(inputs: tuple[Tensor, Tensor | None]) -> tuple[Tensor, ...]:
    """Return the arguments of the classifier: without a channel only the image, as it need not take a mask."""
    image, channel = inputs
    return (image,) if channel is None else (image, channel)


def _check_masks(segmenter: MaskNetwork | None, mask: str, masks: Sequence[str]) -> None:
    if segmenter is not None and mask not in segmenter.masks:
        raise ValueError(
            f"segmenter predicts {list(segmenter.masks)}, the cascade needs {mask}{nearest(mask, segmenter.masks)}; "
            f"set data.masks=[{mask}], or set segmenter.masks"
        )
    if mask not in masks and (masks or segmenter is None):
        raise ValueError(
            f"mask is {mask!r}, the masks are {list(masks)}{nearest(mask, masks)}; set data.masks=[{mask}]"
        )


def _check_channel(classifier: nn.Module, conditioning: Conditioning, mask: str) -> None:
    required = [mask] if conditioning.channel else []
    masks = classifier.masks if isinstance(classifier, NamesMasks) else ()
    if len(masks) != len(required):
        channel = str(conditioning.channel).lower()
        raise ValueError(
            f"classifier.masks is {list(masks)}, conditioning.channel={channel} needs it to be [{', '.join(required)}]"
        )
