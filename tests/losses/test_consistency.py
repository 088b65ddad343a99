"""Consistency of views: cases computed by hand, second implementations, gradients, equal views."""

import pytest
import torch
from builders import CONF
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor
from torch.nn.functional import cosine_similarity, mse_loss

from dermoscopy.losses.consistency import Consistency
from dermoscopy.machine.randomness import generator

KINDS = ("std", "variance", "cosine", "mse", "jaccard")


def build(kind: str, of: str = "features", stop: str = "none", weight: float = 1.0) -> Consistency:
    return Consistency(kind, of, stop, weight)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=generator(seed, "views"))


def cost_and_gradient(loss: Consistency, views: Tensor) -> tuple[float, Tensor]:
    views = views.clone().requires_grad_()
    cost = loss(views)
    cost.backward()
    return cost.item(), views.grad


@pytest.mark.parametrize(
    ("kind", "views", "cost"),
    [
        # two views of two images with two features each
        ("std", [[[0, 0], [5, 5]], [[2, 0], [5, 6]]], (2**0.5 + 0 + 0 + 0.5**0.5) / 4),
        ("variance", [[[0, 0], [5, 5]], [[2, 0], [5, 6]]], (2 + 0 + 0 + 0.5) / 4),
        ("mse", [[[0, 0], [5, 5]], [[2, 0], [5, 6]]], (4 + 0 + 0 + 1) / 4),
        # three views of an image: along an axis, along the other, between them
        ("cosine", [[[3, 0]], [[0, 2]], [[1, 1]]], (1 + 2 * (1 - 0.5**0.5)) / 3),
        # J of the first image is 1 / 3 and that of the second 1: over the whole batch it would be 3 / 5
        ("jaccard", [[[1, 1, 0], [1, 1, 0]], [[0, 1, 1], [1, 1, 0]]], (2 / 3 + 0) / 2),
    ],
)
def test_a_case_computed_by_hand(kind, views, cost):
    assert build(kind)(torch.tensor(views, dtype=torch.float32)).item() == pytest.approx(cost, abs=1e-6)


def cosine_of_all_pairs(views: Tensor) -> Tensor:
    pairs = [(i, j) for i in range(len(views)) for j in range(i)]
    flat = views.flatten(2)
    return torch.stack([1 - cosine_similarity(flat[i], flat[j], dim=1).mean() for i, j in pairs]).mean()


def jaccard_of_pairs_with_the_first(views: Tensor) -> Tensor:
    a, b = views[:1].flatten(2), views[1:].flatten(2)
    both = (a * b).sum(2)
    return (1 - both / ((a * a).sum(2) + (b * b).sum(2) - both)).mean()


@pytest.mark.parametrize(
    ("kind", "second"),
    [
        ("std", lambda v: v.numpy().std(0, ddof=1).mean()),
        ("variance", lambda v: v.numpy().var(0, ddof=1).mean()),
        ("cosine", cosine_of_all_pairs),
        ("mse", lambda v: sum(mse_loss(other, v[0]) for other in v[1:]) / (len(v) - 1)),
        ("jaccard", jaccard_of_pairs_with_the_first),
    ],
)
@pytest.mark.parametrize("shape", [(4, 3, 5, 6, 6), (2, 3, 5)])
def test_it_agrees_with_a_second_implementation(kind, second, shape):
    views = drawn(*shape)
    assert build(kind)(views).item() == pytest.approx(float(second(views)), rel=1e-5)


def test_the_jaccard_of_zeros_and_ones_is_that_of_sets():
    views = (drawn(2, 1, 200) > 0).float()
    a, b = views[:, 0].bool()
    assert build("jaccard")(views).item() == pytest.approx(1 - float((a & b).sum() / (a | b).sum()), rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [2, 3, 7, 10])
@pytest.mark.parametrize("image", [drawn(1, 2, 3, 4, 4), torch.zeros(1, 2, 3, 4, 4)], ids=["drawn", "zero"])
def test_equal_views_cost_nothing_and_have_no_gradient(kind, count, image):
    cost, gradient = cost_and_gradient(build(kind), image.expand(count, -1, -1, -1, -1))
    assert cost == 0
    assert not gradient.any()


@pytest.mark.parametrize("kind", KINDS)
def test_features_that_are_partly_equal_or_zero_have_a_finite_gradient(kind):
    views = drawn(3, 4, 5)
    views[:, 0] = 0  # an image without features
    views[0, 1] = 0  # a view without features
    views[:, 2] = views[0, 2]  # equal views
    views[1, 3, 0] = views[2, 3, 0] + 1e-7  # nearly equal ones
    cost, gradient = cost_and_gradient(build(kind), views)
    assert 0 < cost < 100
    assert gradient.isfinite().all()
    assert gradient.abs().max() < 10
    assert not gradient[:, 0].any()
    assert gradient[:, 3].any()


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_that_of_finite_differences(kind):
    views = drawn(3, 2, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(build(kind, weight=0.7), views)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_reaches_the_network(kind):
    layer = torch.nn.Conv2d(4, 8, 3)
    views = layer(drawn(6, 4, 5, 5)).reshape(3, 2, 8, 3, 3)
    build(kind)(views).backward()
    assert layer.weight.grad.abs().max() > 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_lets_views_approach_each_other(kind):
    views = drawn(4, 2, 6).abs()
    for _ in range(30):
        before, gradient = cost_and_gradient(build(kind), views)
        views = views - 0.05 * gradient
        assert build(kind)(views).item() < before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("stop", "still"), [("none", []), ("first", [0]), ("others", [1, 2])])
def test_stopped_views_have_no_gradient_and_the_loss_is_unchanged(kind, stop, still):
    views = drawn(3, 2, 4)
    cost, gradient = cost_and_gradient(build(kind, stop=stop), views)
    assert cost == build(kind)(views).item()
    assert [view for view in range(3) if not gradient[view].any()] == still


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_mean_over_any_number_of_images(kind):
    views = drawn(3, 4, 5, 2, 2)
    one_by_one = [build(kind)(views[:, i : i + 1]).item() for i in range(4)]
    assert build(kind)(views).item() == pytest.approx(sum(one_by_one) / 4, rel=1e-5)


def test_the_weight_is_a_factor_and_zero_costs_nothing():
    views = drawn(3, 2, 4)
    assert build("std", weight=0.5)(views).item() == pytest.approx(build("std")(views).item() / 2)
    views[0, 0, 0] = torch.inf
    assert build("std", weight=0)(views).item() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_is_computed_in_fp32(kind):
    views = drawn(3, 2, 4).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        cost = build(kind)(views)
    assert cost.dtype == torch.float32
    assert cost == build(kind)(views.float())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "sdt"}, "kind is one of .* not 'sdt'; did you mean std"),
        ({"of": "logit"}, "of is one of .* not 'logit'; did you mean logits"),
        ({"stop": "second"}, "stop is one of none, first, others, not 'second'"),
        ({"kind": "jaccard", "of": "logits"}, "jaccard compares features, not logits"),
        ({"weight": -1}, "weight must be at least 0"),
        ({"weight": float("nan")}, "weight must be at least 0"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        build(**({"kind": "std"} | changes))


def test_a_single_view_is_refused():
    with pytest.raises(ValueError, match="at least 2 views of an image, got 1"):
        build("std")(drawn(1, 2, 4))


@pytest.mark.parametrize("name", ["std", "variance", "cosine", "pair_mse", "pair_jaccard"])
def test_its_choices_build_what_their_names_say(name):
    loss = instantiate(OmegaConf.load(CONF / "choices" / "consistency.yaml")[name])
    assert loss.kind == name.removeprefix("pair_")
    assert loss.stop == ("others" if name.startswith("pair_") else "none")
