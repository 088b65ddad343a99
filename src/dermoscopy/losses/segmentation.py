"""Terms of a segmentation loss: functions of logits and signed masks to a scalar, in fp32, over the known pixels.

Shapes: target (B, K, H, W) is -1 absent, +1 present, 0 unknown. Logits are (B, K, H, W), or (B, K + 1, H, W) if the K
masks are exclusive: channel 0 is then the background, softmax gives the probabilities, and a pixel is known when all
of its K masks are. Cross-entropies and focal average over the known pixels of the batch. The others, which compare
regions, see the batch as one large image, and average over the masks that are present in it: averaged over images, they
would reward a network that finds nothing wherever a mask is absent from most of them, since an empty prediction of an
empty mask costs nothing. Where nothing counts the loss is 0.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, logsigmoid


def compare(logits: Tensor, target: Tensor, exclusive: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return logits, truth (0 or 1, of their type) and known (bool), (B, C, H, W) each, 0 at unknown pixels.

    Raises:
        ValueError: the target holds no masks, or the logits differ from it in channels or size.
    """
    if target.dim() != 4:
        raise ValueError(f"this loss compares masks (B, K, H, W), not labels {tuple(target.shape)}: use loss=labels")
    known, truth = target != 0, target > 0
    if exclusive:
        known = known.all(1, keepdim=True)
        truth = torch.cat([~truth.any(1, keepdim=True), truth], 1) & known
        known = known.expand_as(truth)
    if logits.shape != truth.shape:
        raise ValueError(
            f"the network returns logits {tuple(logits.shape)}, but masks {tuple(target.shape)} with exclusive="
            f"{str(exclusive).lower()} need {tuple(truth.shape)}: match network and exclusive to data.masks"
        )
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32)).masked_fill(~known, 0)
    return logits, truth.to(logits.dtype), known


def log_odds(logits: Tensor, exclusive: bool) -> Tensor:
    """Return log p - log(1 - p) of each channel's probability p, exact even where p rounds to 0 or 1."""
    if not exclusive:
        return logits
    log_p = logits.log_softmax(1)
    p = log_p.exp()
    likely = p > 0.75  # at most one class per pixel; 1 - p has lost digits there, the sum of the other p has not
    log_rest = log_p.masked_fill(likely, -torch.inf).logsumexp(1, keepdim=True)
    return log_p - torch.where(likely, log_rest, torch.log1p(-p.masked_fill(likely, 0)))


def mean_where(cost: Tensor, kept: Tensor) -> Tensor:
    """Return the mean of the costs where `kept` (bool, same shape) is true, 0 if it is nowhere."""
    return (cost * kept).sum() / kept.sum().clamp(min=1)


class BinaryCrossEntropy(nn.Module):
    """Binary cross-entropy of every mask; for exclusive classes, of each one against the rest.

    Args:
        exclusive: whether a pixel belongs to at most one of the masks.
    """

    def __init__(self, exclusive: bool) -> None:
        super().__init__()
        self.exclusive = exclusive

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        logits, truth, known = compare(logits, target, self.exclusive)
        logits = log_odds(logits, self.exclusive)
        return mean_where(binary_cross_entropy_with_logits(logits, truth, reduction="none"), known)


class CrossEntropy(nn.Module):
    """Cross-entropy of exclusive classes, background included.

    Args:
        exclusive: must be true.

    Raises:
        ValueError: `exclusive` is false.
    """

    def __init__(self, exclusive: bool) -> None:
        super().__init__()
        if not exclusive:
            raise ValueError(
                "the loss term ce needs exclusive=true; for one mask, or several that may overlap, use bce"
            )

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        logits, truth, known = compare(logits, target, exclusive=True)
        return mean_where(cross_entropy(logits, truth, reduction="none"), known[:, 0])


class Focal(nn.Module):
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
        super().__init__()
        if gamma < 0:
            raise ValueError(f"gamma must be at least 0, got {gamma}")
        if alpha is not None and not 0 <= alpha <= 1:
            raise ValueError(f"alpha must be null or lie in [0, 1], got {alpha}")
        self.exclusive, self.gamma, self.alpha = exclusive, gamma, alpha

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        logits, truth, known = compare(logits, target, self.exclusive)
        toward_truth = log_odds(logits, self.exclusive) * (2 * truth - 1)
        weight = (self.gamma * logsigmoid(-toward_truth)).exp()  # a power would have no gradient at p = 1, gamma < 1
        if self.alpha is not None:
            weight = weight * (1 - self.alpha + (2 * self.alpha - 1) * truth)
        return mean_where(-logsigmoid(toward_truth) * weight, known)


class Tversky(nn.Module):
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
        super().__init__()
        if min(alpha, beta) < 0:
            raise ValueError(f"alpha and beta must be at least 0, got {alpha} and {beta}")
        if smooth <= 0:
            raise ValueError(f"smooth must be positive, got {smooth}")
        self.exclusive, self.alpha, self.beta, self.smooth = exclusive, alpha, beta, smooth

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        logits, truth, known = compare(logits, target, self.exclusive)
        probability = (logits.softmax(1) if self.exclusive else logits.sigmoid()) * known
        true_positive = (probability * truth).sum((0, 2, 3)) + self.smooth  # (C,), like all following sums
        false_positive = (probability * (1 - truth)).sum((0, 2, 3))
        false_negative = ((1 - probability) * truth).sum((0, 2, 3))
        index = true_positive / (true_positive + self.alpha * false_positive + self.beta * false_negative)
        return mean_where(1 - index, truth.sum((0, 2, 3)) > 0)


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


class Lovasz(nn.Module):
    """Lovász extension of 1 - Jaccard, per mask, over the batch.

    It is applied to hinge errors for masks that may overlap, and to 1 - the softmax of the true class for exclusive
    ones, background included.

    Args:
        exclusive: whether a pixel belongs to at most one of the masks.

    Source: Berman et al., The Lovász-Softmax Loss, 2018, algorithm 1.
    """

    def __init__(self, exclusive: bool) -> None:
        super().__init__()
        self.exclusive = exclusive

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
        return mean_where(cost, present[:, 0] > 0)
