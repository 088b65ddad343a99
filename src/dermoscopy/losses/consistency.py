"""How far apart the outputs of one network are for several views of an image: the same image under other masks."""

import math
from collections.abc import Callable, Collection

import torch
from torch import Tensor, nn

from dermoscopy.machine.messages import nearest

LEVELS = ("features", "logits", "probabilities")
STOPS = ("none", "first", "others")
EPSILON = 1e-7  # keeps the Jaccard of features that are all zero defined


def std(views: Tensor) -> Tensor:
    """Return the standard deviation over views (V, B, ...), V - 1 in its denominator, averaged over all else."""
    return _apart(views).std(0).mean()  # torch's gradient is 0 where the deviation is, not infinite


def variance(views: Tensor) -> Tensor:
    """Return the variance over views (V, B, ...), V - 1 in its denominator, averaged over all else."""
    return _apart(views).var(0).mean()


def cosine(views: Tensor) -> Tensor:
    """Return 1 - cosine similarity, of all pairs of views (V, B, ...) of an image, averaged.

    That is the variance of the unit vectors, summed over their components. A zero vector has no direction and stays
    zero: two of them cost 0, one beside a unit vector 1/2.
    """
    norm = torch.linalg.vector_norm(views, dim=_components(views), keepdim=True)
    direction = views / norm.masked_fill(norm == 0, 1)
    return _apart(direction).var(0).sum() / views.shape[1]


def mse(views: Tensor) -> Tensor:
    """Return the mean squared difference of the other views (V, B, ...) from the first."""
    return (views[1:] - views[0]).square().mean()


def jaccard(views: Tensor) -> Tensor:
    """Return 1 - J of each other view (V, B, ...) with the first, J = ab / (aa + bb - ab) of each image, averaged.

    Where features are 0 or 1 this is S0's J = |ab| / (|a| + |b| - |ab|) but for two things: S0 summed over the whole
    batch, so that images with large features decided; and for other features its J left [0, 1] and was not greatest
    where both views agree. This one is 1 there and only there, and never negative if no feature is.
    """
    first, others, components = views[:1], views[1:], _components(views)
    apart = (others - first).square().sum(components)  # (V - 1, B); aa + bb - 2 ab, without cancellation
    size = first.square().sum(components) + others.square().sum(components)
    return (2 * apart / (size + apart + EPSILON)).mean()


def _apart(views: Tensor) -> Tensor:
    """The views less the first: they spread as far, and where they are equal not even rounding leaves a gradient."""
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
    """What it costs that views of one image differ: maps views (V, B, ...) to a scalar, in fp32, 0 if all are equal.

    Args:
        kind: std (S0's), variance, cosine, mse, jaccard; mse and jaccard compare every other view with the first.
        of: what the views are views of, which whoever calls hands over: features, logits or probabilities.
        stop: the views that get no gradient, so that the rest approach them: none, first, others (all but the first).
        weight: factor on the cost; 0 computes nothing.

    Raises:
        ValueError: an unknown name, jaccard of anything but features, a negative weight, or (in use) a single view.
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
                f"consistency compares at least 2 views of an image, got {len(views)}: raise the views of mask_views"
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
