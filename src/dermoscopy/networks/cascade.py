"""Cascade: a segmenter finds the lesion, a classifier sees the image conditioned on it."""

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
    """A classifier of what a segmenter, or whoever gives the masks, has found.

    Both parts get the image as the data normalise it; a segmenter whose weights expect another turns it into that.

    Args:
        segmenter: maps an image to mask logits; has `masks` and `exclusive`. None: the lesion is given or unknown.
        classifier: maps an image, and the channel if there is one, to logits (B, L); has `masks`, one, if there is.
        mask: name of the mask that is the lesion.
        masks: names of the K masks that are given; may be empty if there is a segmenter.
        postprocessing: from the lesion's mask to the part that is used.
        conditioning: how the classifier sees the image.
        threshold: the segmenter's probability above which a pixel is of the lesion.
        checkpoint: start from a file of a whole cascade; its parts have checkpoints of their own.

    Raises:
        ValueError: parts that do not fit each other, a threshold outside (0, 1), weights that do not fit.
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
            mask: (B, K, H, W) in -1, 0, +1; the lesion is where its own is +1. None is all unknown. Where the
                lesion's is unknown everywhere, the segmenter finds it; without a segmenter it is empty.
        """
        logits: Tensor = self.classifier(*_arguments(self._seen(image, mask)))
        return logits

    @property
    def segments(self) -> tuple[str, ...]:
        """Names of the masks that the segmenter finds; none without one."""
        return () if self.segmenter is None else tuple(self.segmenter.masks)

    def forward_masks(self, image: Tensor) -> Tensor:
        """Return the segmenter's logits alone."""
        logits: Tensor = self.segmenter(image)
        return logits

    def forward_joint(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return label logits (B, L) and the segmenter's logits, for training both parts together.

        The classifier sees the probability itself, so that the loss of the labels reaches the segmenter. Postprocessing
        has no gradient: it only decides on the box, and on whether anything was found.

        Raises:
            ValueError: no segmenter, or one of other masks than the data's.
        """
        if self.segments != self.masks or not self.segments:
            raise ValueError(
                f"the cascade's segmenter finds {list(self.segments)}, its masks are {list(self.masks)}: "
                "to train it with the classifier they must be the same (data.masks)"
            )
        logits = self.segmenter(image)
        soft = self._probability(logits)
        seen = self.conditioning(image, soft, self.postprocessing(self._above(soft.detach())))
        return self.classifier(*_arguments(seen)), logits

    def forward_maps(self, image: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the classifier's last feature maps (B, C, h, w) of what it is shown of the image.

        Raises:
            ValueError: it offers none.
        """
        return self._classifier_of_maps().forward_maps(*_arguments(self._seen(image, mask)))

    def forward_head(self, maps: Tensor) -> Tensor:
        """Return the logits (B, L) of feature maps."""
        return self._classifier_of_maps().forward_head(maps)

    def _classifier_of_maps(self) -> MapNetwork:
        if not isinstance(self.classifier, MapNetwork):
            raise ValueError(f"the cascade's classifier, {type(self.classifier).__name__}, offers no feature maps")
        return self.classifier

    @torch.no_grad()
    def to_image_coordinates(self, picture: Tensor, image: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return a picture (B, C, H, W) of what the classifier is shown where that lies in the image; 0 elsewhere."""
        return self.conditioning.to_image_coordinates(picture, self.postprocessing(self._lesion(image, mask)))

    def _seen(self, image: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return what the classifier is shown."""
        if not self.conditioning.reads_mask:
            return image, None
        shown: tuple[Tensor, Tensor | None] = self.conditioning(image, self.postprocessing(self._lesion(image, mask)))
        return shown

    def _lesion(self, image: Tensor, mask: Tensor | None) -> Tensor:
        """Return where the lesion is (B, 1, H, W), 0 or 1."""
        if mask is None or not self.masks:
            return torch.zeros_like(image[:, :1]) if self.segmenter is None else self._found(image)
        lesion = self._given(image, mask)
        if self.segmenter is not None and (unknown := (lesion == 0).flatten(1).all(1)).any():
            found = self._found(image[unknown])
            lesion = lesion.index_put((unknown,), found)
        return lesion.clamp(min=0)

    def _given(self, image: Tensor, mask: Tensor) -> Tensor:
        """Return the lesion's mask (B, 1, H, W) as it is given: -1, 0 unknown, +1."""
        wanted = (len(image), len(self.masks), *image.shape[-2:])
        if mask.shape != wanted:
            raise ValueError(f"masks {list(self.masks)} of these images must be {wanted}, got {tuple(mask.shape)}")
        place = self.masks.index(self.mask)
        return mask[:, place : place + 1].to(image)

    @torch.no_grad()
    def _found(self, image: Tensor) -> Tensor:
        """Return where the segmenter, as in prediction, sees the lesion: its statistics stay as they are."""
        training = [module for module in self.segmenter.modules() if module.training]
        self.segmenter.eval()
        try:
            return self._above(self._probability(self.segmenter(image)))
        finally:
            for module in training:  # not train(): parts that are frozen stay in evaluation
                module.training = True

    def _probability(self, logits: Tensor) -> Tensor:
        place = self.segmenter.masks.index(self.mask)
        return probabilities(logits, self.segmenter.exclusive)[:, place : place + 1]

    def _above(self, probability: Tensor) -> Tensor:
        return (probability > self.threshold).to(probability)


def _arguments(seen: tuple[Tensor, Tensor | None]) -> tuple[Tensor, ...]:
    """What the classifier is called with: a network that reads no mask need not take one."""
    image, channel = seen
    return (image,) if channel is None else (image, channel)


def _check_masks(segmenter: MaskNetwork | None, mask: str, masks: Sequence[str]) -> None:
    if segmenter is not None and mask not in segmenter.masks:
        raise ValueError(
            f"segmenter finds {list(segmenter.masks)}, the cascade needs {mask}{nearest(mask, segmenter.masks)}; "
            f"set data.masks=[{mask}], or segmenter.masks for it alone"
        )
    if mask not in masks and (masks or segmenter is None):
        raise ValueError(
            f"mask is {mask!r}, the masks are {list(masks)}{nearest(mask, masks)}; set data.masks=[{mask}]"
        )


def _check_channel(classifier: nn.Module, conditioning: Conditioning, mask: str) -> None:
    wanted = [mask] if conditioning.channel else []
    masks = classifier.masks if isinstance(classifier, NamesMasks) else ()
    if len(masks) != len(wanted):
        channel = str(conditioning.channel).lower()
        raise ValueError(
            f"classifier.masks is {list(masks)}, conditioning.channel={channel} needs it to be [{', '.join(wanted)}]"
        )
