"""Consistency loss: distance between the outputs of a network for several mask views of one image."""

import math
from collections.abc import Callable, Collection

import torch
from torch import Tensor, nn

from dermoscopy.machine.messages import nearest

LEVELS = ("features", "logits", "probabilities")
STOPS = ("none", "first", "others")
EPSILON = 1e-7  # keeps the Jaccard of all-zero features defined


def std(views: Tensor) -> Tensor:
    """Return the standard deviation over views (V, B, ...) with denominator V - 1, averaged over all other axes."""
    return _centred(views).std(0).mean()  # torch's gradient is 0, not infinite, where the deviation is 0


def variance(views: Tensor) -> Tensor:
    """Return the variance over views (V, B, ...) with denominator V - 1, averaged over all other axes."""
    return _centred(views).var(0).mean()


def cosine(views: Tensor) -> Tensor:
    """Return 1 - cosine similarity, averaged over all pairs of views (V, B, ...) of an image and over images.

    This is the variance of the unit vectors, summed over their components. A zero vector has no direction and stays
    zero: a pair of them costs 0, a zero and a unit vector 1/2.
    """
    norm = torch.linalg.vector_norm(views, dim=_components(views), keepdim=True)
    direction = views / norm.masked_fill(norm == 0, 1)
    return _centred(direction).var(0).sum() / views.shape[1]


def mse(views: Tensor) -> Tensor:
    """Return the mean squared difference of the other views (V, B, ...) from the first."""
    return (views[1:] - views[0]).square().mean()


def jaccard(views: Tensor) -> Tensor:
    """Return 1 - J of each other view (V, B, ...) with the first, J = ab / (aa + bb - ab), averaged over images.

    For features of 0 or 1 this is the zeroing study's J = |ab| / (|a| + |b| - |ab|), except for two differences: the
    study summed over the whole batch, so that images with large features dominated; and for other features its J left
    [0, 1] and was not maximal for equal views. This J is 1 only for equal views, and not negative if no feature is.
    """
    first, others, components = views[:1], views[1:], _components(views)
    distance = (others - first).square().sum(components)  # (V - 1, B); aa + bb - 2 ab, without cancellation
    size = first.square().sum(components) + others.square().sum(components)
    return (2 * distance / (size + distance + EPSILON)).mean()


def _centred(views: Tensor) -> Tensor:
    """Return the views minus the first: the spread is the same, and equal views have exactly no gradient."""
    return views - views[:1]


def _components(views: Tensor) -> tuple[int, ...]:
    return tuple(range(2, views.dim()))


KINDS: dict[str, Callable[[Tensor], Tensor]] = {
    "std": std,
    "variance": variance,
    "cosine": cosine,
    "mse": mse,
    "jaccard": jaccard,
}


class Consistency(nn.Module):
    """Consistency loss: a scalar in fp32 of views (V, B, ...) of each image, 0 if all views are equal.

    Args:
        kind: std (of the zeroing study), variance, cosine, mse, jaccard; mse and jaccard compare every other view with
            the first.
        of: compared output, passed by the caller: features, logits or probabilities.
        stop: views without gradient, which the others approach: none, first, others (all but the first).
        weight: factor on the loss; 0 computes nothing.

    Raises:
        ValueError: a name is unknown, jaccard is used for anything but features, the weight is negative, or (in use)
            there is a single view.
    """

    def __init__(self, kind: str, of: str, stop: str, weight: float) -> None:
        super().__init__()
        for argument, value, known in (("kind", kind, KINDS), ("of", of, LEVELS), ("stop", stop, STOPS)):
            _check(argument, value, known)
        if kind == "jaccard" and of != "features":
            raise ValueError(f"kind=jaccard compares features, not {of}: set of=features")
        if not 0 <= weight < math.inf:
            raise ValueError(f"weight must be at least 0 and finite, got {weight}")
        self.kind, self.of, self.stop, self.weight = kind, of, stop, weight

    def forward(self, views: Tensor) -> Tensor:
        if len(views) < 2:
            raise ValueError(
                f"consistency compares at least 2 views of an image, got {len(views)}: "
                "mask_views=legacy mask_views.views=4"
            )
        views = views.to(torch.promote_types(views.dtype, torch.float32))
        if self.weight == 0:
            return views.new_zeros(())
        if self.stop == "first":
            views = torch.cat([views[:1].detach(), views[1:]])
        elif self.stop == "others":
            views = torch.cat([views[:1], views[1:].detach()])
        return self.weight * KINDS[self.kind](views)

    def extra_repr(self) -> str:
        return f"{self.weight:g}*{self.kind} of {self.of}, stop={self.stop}"


def _check(argument: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        raise ValueError(f"{argument} is one of {', '.join(known)}, not {value!r}{nearest(str(value), known)}")
