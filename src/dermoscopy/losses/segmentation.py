"""Terms of a segmentation loss: functions of logits and signed masks to a scalar, in fp32, over the known pixels.

Shapes: target (B, K, H, W) is -1 absent, +1 present, 0 unknown. Logits are (B, K, H, W), or (B, K + 1, H, W) if the K
masks are exclusive: channel 0 is then the background, softmax gives the probabilities, and a pixel is known when all
of its K masks are. Cross-entropies and focal average over the known pixels of the batch. The others, which compare
regions, see the batch as one large image, and average over the masks that are present in it: averaged over images, they
would reward a network that finds nothing wherever a mask is absent from most of them, since an empty prediction of an
empty mask costs nothing. Where nothing counts the loss is 0.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, logsigmoid

from dermoscopy.losses.mask_terms import MaskTerm, compare, log_odds, mean_where, per_channel
from dermoscopy.losses.weights import Weights, weights_by_name


class BinaryCrossEntropy(MaskTerm):
    """Binary cross-entropy of every mask; for exclusive classes, of each one against the rest.

    Args:
        exclusive: whether a pixel belongs to at most one of the masks.
        masks: names of the K masks.
        pos_weight: factor on the pixels where a mask is present: None for none, "auto" for absent / present pixels in
            the training images, or a list or a mapping by name (masks not named keep 1); that of the background is 1.

    Raises:
        ValueError: a weight is not positive or of an unknown mask, or their number is wrong.
    """

    pos_weight: Tensor | None

    def __init__(self, exclusive: bool, masks: Sequence[str], pos_weight: Weights) -> None:
        super().__init__(exclusive)
        self.masks, self.automatic = tuple(masks), pos_weight == "auto"
        given = weights_by_name("pos_weight", None if self.automatic else pos_weight, self.masks, ("auto",))
        weights = None if pos_weight is None else per_channel(given, exclusive)
        self.register_buffer("pos_weight", weights, persistent=False)  # fitted again whenever a training begins

    def fit_mask_weights(self, pixels: Callable[[], tuple[Tensor, Tensor]]) -> list[str]:
        """Set automatic weights from numbers of pixels (K,), present and absent; return a line that states them."""
        if not self.automatic or self.pos_weight is None:
            return []
        present, absent = pixels()
        weights = absent / present.clamp(min=1)
        self.pos_weight.copy_(per_channel(weights, self.exclusive))
        return [f"pos_weight=auto is {', '.join(f'{n} {w:.3g}' for n, w in zip(self.masks, weights, strict=True))}"]

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        logits, truth, known = compare(logits, target, self.exclusive)
        logits = log_odds(logits, self.exclusive)
        weight = None if self.pos_weight is None else self.pos_weight[:, None, None]
        cost = binary_cross_entropy_with_logits(logits, truth, pos_weight=weight, reduction="none")
        return self.mean(cost, known)


class CrossEntropy(MaskTerm):
    """Cross-entropy of exclusive classes, background included.

    Args:
        exclusive: must be true.

    Raises:
        ValueError: `exclusive` is false.
    """

    def __init__(self, exclusive: bool) -> None:
        super().__init__(exclusive)
        if not exclusive:
            raise ValueError(
                "the loss term ce needs exclusive=true; for one mask, or several that may overlap, use bce"
            )

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        logits, truth, known = compare(logits, target, exclusive=True)
        cost = cross_entropy(logits, truth, reduction="none")
        if self.mask_weights is None:
            return mean_where(cost, known[:, 0])
        return self.mean(cost[:, None].expand_as(truth), truth > 0)  # a pixel has the weight of its class


class Focal(MaskTerm):
    """Focal loss: binary cross-entropy in which a pixel with probability p of its true class has weight (1 - p)^gamma.

    Args:
        exclusive: whether a pixel belongs to at most one of the masks.
        gamma: strength of the down-weighting of well predicted pixels; 0 is plain cross-entropy.
        alpha: weight of pixels where the mask is present, 1 - alpha where it is absent; None for no weights.

    Raises:
        ValueError: `gamma` is negative or `alpha` is outside [0, 1].

    Source: Lin et al., Focal Loss for Dense Object Detection, 2017.
    """

    def __init__(self, exclusive: bool, gamma: float, alpha: float | None) -> None:
        super().__init__(exclusive)
        if not 0 <= gamma < math.inf:
            raise ValueError(f"gamma must be at least 0, got {gamma}")
        if alpha is not None and not 0 <= alpha <= 1:
            raise ValueError(f"alpha must be null or lie in [0, 1], got {alpha}")
        self.gamma, self.alpha = gamma, alpha

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        logits, truth, known = compare(logits, target, self.exclusive)
        toward_truth = log_odds(logits, self.exclusive) * (2 * truth - 1)
        weight = (self.gamma * logsigmoid(-toward_truth)).exp()  # a power would have no gradient at p = 1, gamma < 1
        if self.alpha is not None:
            weight = weight * (1 - self.alpha + (2 * self.alpha - 1) * truth)
        return self.mean(-logsigmoid(toward_truth) * weight, known)


class Tversky(MaskTerm):
    """1 - Tversky index of probabilities, TP / (TP + alpha FP + beta FN), per mask, over the batch.

    Args:
        exclusive: whether a pixel belongs to at most one of the masks; the background then counts as one of them.
        alpha: weight of false positives.
        beta: weight of false negatives.
        smooth: pixels added to the true positives, so that the index of a few pixels is less steep.

    Raises:
        ValueError: a weight is negative or `smooth` is not positive.

    Source: Salehi et al., Tversky Loss Function for Image Segmentation, 2017.
    """

    def __init__(self, exclusive: bool, alpha: float, beta: float, smooth: float) -> None:
        super().__init__(exclusive)
        for name, weight in (("alpha", alpha), ("beta", beta)):
            if not 0 <= weight < math.inf:
                raise ValueError(f"{name} must be a number of at least 0, got {weight}")
        if not 0 < smooth < math.inf:
            raise ValueError(f"smooth must be positive, got {smooth}")
        self.alpha, self.beta, self.smooth = alpha, beta, smooth

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        logits, truth, known = compare(logits, target, self.exclusive)
        probability = (logits.softmax(1) if self.exclusive else logits.sigmoid()) * known
        true_positive = (probability * truth).sum((0, 2, 3)) + self.smooth  # (C,), like all following sums
        false_positive = (probability * (1 - truth)).sum((0, 2, 3))
        false_negative = ((1 - probability) * truth).sum((0, 2, 3))
        index = true_positive / (true_positive + self.alpha * false_positive + self.beta * false_negative)
        return self.mean(1 - index, truth.sum((0, 2, 3)) > 0)


class Dice(Tversky):
    """1 - soft Dice, 2 TP / (2 TP + FP + FN), per mask, over the batch.

    Args:
        exclusive, smooth: see `Tversky`.
    """

    def __init__(self, exclusive: bool, smooth: float) -> None:
        super().__init__(exclusive, alpha=0.5, beta=0.5, smooth=smooth)


class Jaccard(Tversky):
    """1 - soft Jaccard (IoU), TP / (TP + FP + FN), per mask, over the batch.

    Args:
        exclusive, smooth: see `Tversky`.
    """

    def __init__(self, exclusive: bool, smooth: float) -> None:
        super().__init__(exclusive, alpha=1, beta=1, smooth=smooth)


class Lovasz(MaskTerm):
    """Lovász extension of 1 - Jaccard, per mask, over the batch.

    It is applied to hinge errors for masks that may overlap, and to 1 - the softmax of the true class for exclusive
    ones, background included.

    Args:
        exclusive: whether a pixel belongs to at most one of the masks.

    Source: Berman et al., The Lovász-Softmax Loss, 2018, algorithm 1.
    """

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        logits, truth, known = compare(logits, target, self.exclusive)
        errors = (truth - logits.softmax(1)).abs() if self.exclusive else (1 - logits * (2 * truth - 1)).relu()
        errors = (errors * known).transpose(0, 1).flatten(1)  # unknown pixels come last, with error 0
        errors, order = errors.sort(1, descending=True)
        truth = truth.transpose(0, 1).flatten(1).gather(1, order)  # (C, pixels of the batch)
        present = truth.sum(1, keepdim=True)
        # Loss if all pixels up to this one were wrong.
        jaccard = 1 - (present - truth.cumsum(1)) / (present + (1 - truth).cumsum(1))
        cost = (errors * jaccard.diff(dim=1, prepend=torch.zeros_like(present))).sum(1)
        return self.mean(cost, present[:, 0] > 0)
