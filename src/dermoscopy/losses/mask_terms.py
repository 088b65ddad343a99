"""What the terms of a loss of masks share: which pixels count, and means over them."""

import torch
from torch import Tensor, nn


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


def per_channel(weights: Tensor, exclusive: bool) -> Tensor:
    """Return weights of masks (K,) per channel (C,); the background of exclusive masks, their first channel, has 1."""
    return torch.cat([torch.ones(1), weights]) if exclusive else weights


class MaskTerm(nn.Module):
    """A term of a loss of masks, whose mean over masks may be weighted.

    Args:
        exclusive: whether a pixel belongs to at most one of the masks.
    """

    mask_weights: Tensor | None

    def __init__(self, exclusive: bool) -> None:
        super().__init__()
        self.exclusive = exclusive
        self.register_buffer("mask_weights", None, persistent=False)

    def weigh(self, weights: Tensor) -> None:
        """Set the weight of each mask (K,)."""
        self.mask_weights = per_channel(weights, self.exclusive)

    def mean(self, cost: Tensor, kept: Tensor) -> Tensor:
        """Return the mean of costs (B, C, H, W) or (C,) where `kept` (bool, same shape), weighted by their mask."""
        if self.mask_weights is None:
            return mean_where(cost, kept)
        weight = kept * (self.mask_weights if cost.dim() == 1 else self.mask_weights[:, None, None])
        return (cost * weight).sum() / weight.sum().clamp(min=torch.finfo(weight.dtype).tiny)
