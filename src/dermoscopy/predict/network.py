"""Trained networks, and their predictions for images that are prepared as in training."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dermoscopy.data.augment.colour import apply_colour, normalisation
from dermoscopy.data.batches.padding import Padding, visible_pixels
from dermoscopy.machine.hardware import use_full_fp32
from dermoscopy.masks.conditions import takes_masks
from dermoscopy.masks.probability_maps import decide, in_bytes, probabilities
from dermoscopy.networks.weights import read_tensors
from dermoscopy.runs.checkpoints import weights
from dermoscopy.runs.files import BEST
from dermoscopy.runs.recorded import RecordedStage
from dermoscopy.tasks.tta import mean_over_tta


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network in evaluation mode, and the stage that its weights come from.

    The thresholds (L,) are the log-odds above which a classifier's labels count as predicted, chosen in validation.
    Images are uint8 (B, 3, H, W), RGB, with their rows (B, 6) of a store's `frame`. A segmenter predicts the masks that
    a classifier reads, as in its validation; without a segmenter they are unknown.
    """

    stage: RecordedStage
    network: nn.Module
    thresholds: Tensor
    segmenter: "TrainedNetwork | None" = None

    @torch.inference_mode()
    def logits(self, image: Tensor, frame: NDArray[np.int32]) -> Tensor:
        """Return a classifier's logits (B, L) for images with the masks that its segmenter predicts, or none."""
        masks = [self._masks(image, frame)] if takes_masks(self.network) else []
        logits: Tensor = self.network(self._prepared(image, frame), *masks)
        return self._known(logits.float()).cpu()

    def _masks(self, image: Tensor, frame: NDArray[np.int32]) -> Tensor | None:
        """Return the masks (B, K, H, W) that the classifier reads: -1 absent, 0 unknown, +1 present."""
        if self.segmenter is None:
            return None
        source = self.segmenter.stage
        probability = self.segmenter.mask_probability(image, frame, "none")
        present = decide(probability, source.exclusive, self.stage.mask_threshold)
        signed = 2 * present[:, [source.masks.index(name) for name in self.stage.given]].float() - 1
        known = [torch.from_numpy(visible) for visible in visible_pixels(frame, image.shape[2:])]
        signed *= (known[0][:, :, None] & known[1][:, None]).unsqueeze(1)  # the padding is unknown
        return signed.to(next(self.network.parameters()).device)

    @torch.inference_mode()
    def mask_probability(self, image: Tensor, frame: NDArray[np.int32], tta: str) -> Tensor:
        """Return 255 times a segmenter's probability of each mask, uint8 (B, K, H, W), averaged over the `tta`."""

        def predict(view: Tensor) -> Tensor:
            return self._known(probabilities(self.network(view), self.stage.exclusive))

        return in_bytes(mean_over_tta(predict, self._prepared(image, frame), tta)).cpu()

    def _known(self, values: Tensor) -> Tensor:
        """Return predicted values; NaN would become an absent label or mask without a word."""
        if values.isnan().any():
            raise ValueError(f"{self.stage.checkpoint} predicts NaN: its training has diverged, or its file is damaged")
        return values

    def _prepared(self, image: Tensor, frame: NDArray[np.int32]) -> Tensor:
        """Fill the padding of the images as in the network's own test, and normalise them."""
        padding = Padding(frame, image.shape[2:], self.stage.padding, "datamodule.eval_padding")
        filled = padding.fill(image, torch.arange(len(image)))
        device = next(self.network.parameters()).device
        return apply_colour(normalisation(self.stage.mean, self.stage.std).to(device), filled.to(device).float())


def load_network(stage: RecordedStage, network: nn.Module, device: torch.device) -> TrainedNetwork:
    """Load the weights of a stage into its network, on a device.

    Raises:
        ValueError: the file holds no weights, or those of another network, or no thresholds of its labels.
    """
    load_weights(network, stage.checkpoint)
    use_full_fp32()
    ready = network.to(device=device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    return TrainedNetwork(stage, ready, _thresholds(stage))


def load_weights(network: nn.Module, checkpoint: Path) -> None:
    """Load the network's weights from a checkpoint of its whole task.

    Raises:
        ValueError: the file holds no weights, or those of another network.
    """
    try:
        state = {name: value for name, value in read_tensors(checkpoint).items() if not name.startswith("loss.")}
    except OSError:
        raise
    except Exception as error:  # torch raises many kinds for bytes that are no checkpoint
        raise ValueError(
            f"{checkpoint} is damaged, or no file of a run: copy the folder of the run again, or give another run "
            "(only tensors are loaded, never pickled code)"
        ) from error
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{checkpoint} does not fit the network of the config.yaml beside it: {reason}") from error


def given_masks_of(classifier: TrainedNetwork, segmenter: TrainedNetwork | None) -> TrainedNetwork:
    """Return a classifier that reads the masks predicted by a segmenter, or none.

    Raises:
        ValueError: a classifier that was validated with masks has no segmenter, neither its own nor another; or the
            segmenter is for a classifier without masks, lacks one of its masks, or was trained on other image sizes.
    """
    own, run, reads = classifier.stage, classifier.stage.folder, takes_masks(classifier.network)
    if segmenter is None:
        segments = "segmenter" in dict(classifier.network.named_children())
        if reads and own.validation_masks != "none" and not segments:
            raise ValueError(
                f"run {run} was validated with {own.validation_masks} masks, which new images do not have: "
                f"segmenter=ID predicts them, a run that segments {', '.join(own.given)}"
            )
        return classifier
    if not (reads and own.given):
        raise ValueError(f"run {run} reads no masks: leave segmenter out")
    other = segmenter.stage
    if missing := [name for name in own.given if name not in other.masks]:
        raise ValueError(f"segmenter {other.folder} does not predict {missing[0]}, which run {run} reads")
    if (own.size, own.fit) != (other.size, other.fit):
        raise ValueError(
            f"segmenter {other.folder} was trained on images of {other.size}, {other.fit}, run {run} on images of "
            f"{own.size}, {own.fit}: train both on the same (data.size, data.fit)"
        )
    return replace(classifier, segmenter=segmenter)


def _thresholds(stage: RecordedStage) -> Tensor:
    """Return the thresholds stored with a classifier's weights; 0 for a segmenter and for files of a network alone."""
    if stage.masks or stage.checkpoint.suffix != Path(BEST).suffix:
        return torch.zeros(len(stage.labels))
    thresholds = weights(stage.checkpoint).get("thresholds")
    if thresholds is None or thresholds.shape != (len(stage.labels),):
        raise ValueError(
            f"{stage.checkpoint} does not fit the config.yaml beside it: it must have a threshold for each of the "
            f"{len(stage.labels)} labels"
        )
    return thresholds.clone()  # the file is only mapped


def check_ensemble(stages: Sequence[RecordedStage], decoded: bool) -> None:
    """Refuse runs whose predictions cannot be averaged.

    Args:
        stages: of the runs.
        decoded: whether image files are decoded once for all runs.

    Raises:
        ValueError: several runs are no segmenters, or differ in their masks or, if decoded, in their image size.
    """
    first, *others = stages
    for stage in others:
        pairs = {"masks": (first.masks, stage.masks), "exclusive": (first.exclusive, stage.exclusive)}
        if decoded:
            pairs |= {"size": (first.size, stage.size), "fit": (first.fit, stage.fit)}
        for name, (expected, own) in pairs.items():
            if own != expected:
                raise ValueError(
                    f"runs must agree for a mean: {name} is {expected} in {first.folder}, but {own} in {stage.folder}"
                )
    if others and not first.masks:
        raise ValueError(f"run names {len(stages)} classifiers, but only masks of several runs are averaged: name one")


def mean_of(parts: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return the mean of the predictions of several networks."""
    return np.rint(np.mean(parts, axis=0)).astype(np.uint8) if len(parts) > 1 else parts[0]
