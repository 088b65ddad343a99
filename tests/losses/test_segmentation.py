"""Segmentation terms: cases computed by hand, a second implementation, unknown pixels, precision, gradients."""

import math

import pytest
import segmentation_models_pytorch as smp
import torch
from segmentation_models_pytorch.losses._functional import focal_loss_with_logits
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from dermoscopy.losses.segmentation import (
    BinaryCrossEntropy,
    CrossEntropy,
    Dice,
    Focal,
    Jaccard,
    Lovasz,
    Tversky,
    log_odds,
)

ARGUMENTS = {
    BinaryCrossEntropy: {"masks": ("a", "b"), "pos_weight": None},
    CrossEntropy: {},
    Focal: {"gamma": 2.0, "alpha": 0.25},
    Dice: {"smooth": 1.0},
    Jaccard: {"smooth": 1.0},
    Tversky: {"alpha": 0.3, "beta": 0.7, "smooth": 1.0},
    Lovasz: {},
}
EVERY = [
    (term, exclusive) for term in ARGUMENTS for exclusive in (False, True) if exclusive or term is not CrossEntropy
]
OVERLAP = (Dice, Jaccard, Tversky, Lovasz)  # terms that compare regions
LN3 = math.log(3)  # sigmoid(LN3) = 3/4


def build(term: type, exclusive: bool = False, **changes):
    return term(exclusive=exclusive, **{**ARGUMENTS[term], **changes})


def drawn(exclusive: bool, batch: int = 3, masks: int = 2, side: int = 8, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return random logits and fully known masks; exclusive ones do not overlap."""
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, masks, side, side)
    if exclusive:
        drawn_class = torch.randint(masks + 1, (batch, side, side), generator=generator)
        present = torch.stack([drawn_class == k + 1 for k in range(masks)], 1)
    else:
        present = torch.rand(shape, generator=generator) < 0.4
    logits = 2 * torch.randn(batch, masks + exclusive, side, side, generator=generator)
    return logits, present * 2.0 - 1


def row(*values: float) -> Tensor:
    """Return one image with one mask and one row of pixels."""
    return torch.tensor(values, dtype=torch.float32).reshape(1, 1, 1, -1)


def images(*rows: Tensor) -> Tensor:
    """Return a batch of such images."""
    return torch.cat(rows)


def classes(target: Tensor) -> Tensor:
    """Return the class of each pixel (B, H, W) of exclusive masks, 0 for the background."""
    return torch.cat([target.amax(1, keepdim=True) < 0, target > 0], 1).int().argmax(1)


@pytest.mark.parametrize(
    ("term", "changes", "logits", "target", "cost"),
    [
        (BinaryCrossEntropy, {}, row(LN3, LN3, 9), row(1, -1, 0), -(math.log(3 / 4) + math.log(1 / 4)) / 2),
        (Focal, {}, row(LN3), row(1), -0.25 * (1 / 4) ** 2 * math.log(3 / 4)),
        (Focal, {}, row(LN3), row(-1), -0.75 * (3 / 4) ** 2 * math.log(1 / 4)),
        (Focal, {"alpha": None, "gamma": 0}, row(LN3), row(-1), -math.log(1 / 4)),
        # four pixels of probability 1/2, one of them present: TP = FN = 1/2, FP = 3/2
        (Dice, {"smooth": 0.5}, row(0, 0, 0, 0), row(1, -1, -1, -1), 1 - 1 / (1 + 0.5 * 1.5 + 0.5 * 0.5)),
        (Jaccard, {"smooth": 0.5}, row(0, 0, 0, 0), row(1, -1, -1, -1), 1 - 1 / (1 + 1.5 + 0.5)),
        (Tversky, {"smooth": 0.5}, row(0, 0, 0, 0), row(1, -1, -1, -1), 1 - 1 / (1 + 0.3 * 1.5 + 0.7 * 0.5)),
        # hinge errors 2 (absent) and 1/2 (present): Jaccard loss 1/2 after the first, 1 after both
        (Lovasz, {}, row(1, 0.5, -3), row(-1, 1, -1), 2 * 0.5 + 0.5 * 0.5),
        # with a second image, without the mask: FP = 1 + 3/2 + 2 in all, whatever image they are in
        (
            Dice,
            {"smooth": 0.5},
            images(row(0, 0, 0, 0), row(0, 0, 0, 0)),
            images(row(1, -1, -1, -1), row(-1, -1, -1, -1)),
            1 - 1 / (1 + 0.5 * 3.5 + 0.5 * 0.5),
        ),
        (Jaccard, {"smooth": 0.5}, images(row(0, 0), row(0, 0)), images(row(1, 0), row(-1, -1)), 1 - 1 / (1 + 1 + 0.5)),
        (
            Tversky,
            {"smooth": 0.5},
            images(row(0, 0), row(0, 0)),
            images(row(1, 0), row(-1, -1)),
            1 - 1 / (1 + 0.3 + 0.35),
        ),
        (Lovasz, {}, images(row(0.5, -3), row(1, 0)), images(row(1, -1), row(-1, 0)), 2 * 0.5 + 0.5 * 0.5),
    ],
)
def test_a_case_computed_by_hand(term, changes, logits, target, cost):
    assert build(term, **changes)(logits, target).item() == pytest.approx(cost)


def test_exclusive_cases_computed_by_hand():
    logits = torch.tensor([math.log(2), 0, 0])[None, :, None, None]  # probabilities 1/2, 1/4, 1/4
    background, first = torch.tensor([[-1.0, -1], [1, -1]]).reshape(2, 1, 2, 1, 1)
    assert build(CrossEntropy, True)(logits, background).item() == pytest.approx(math.log(2))
    assert build(CrossEntropy, True)(logits, first).item() == pytest.approx(math.log(4))
    cost = (math.log(2) + 2 * math.log(4 / 3)) / 3  # the absent classes have probability 3/4 of being absent
    assert build(BinaryCrossEntropy, True)(logits, background).item() == pytest.approx(cost)
    assert build(Lovasz, True)(logits, first).item() == pytest.approx(3 / 4)


@pytest.mark.parametrize(
    ("term", "second"),
    [
        (BinaryCrossEntropy, binary_cross_entropy_with_logits),
        (Focal, focal_loss_with_logits),
        (Dice, smp.losses.DiceLoss("multilabel", smooth=1.0)),
        (Jaccard, smp.losses.JaccardLoss("multilabel", smooth=1.0)),
        (Tversky, smp.losses.TverskyLoss("multilabel", smooth=1.0, alpha=0.3, beta=0.7)),
        (Lovasz, smp.losses.LovaszLoss("multilabel", per_image=False)),
    ],
)
def test_the_loss_of_overlapping_masks_agrees_with_a_second_implementation(term, second):
    logits, target = drawn(False)
    target[1:, 0] = -1  # one image of three has the first mask
    truth = (target + 1) / 2
    per_mask = [float(second(logits[:, k : k + 1], truth[:, k : k + 1])) for k in range(2)]
    assert build(term)(logits, target).item() == pytest.approx(sum(per_mask) / 2, rel=1e-5)


@pytest.mark.parametrize(
    ("term", "second"),
    [
        (CrossEntropy, cross_entropy),
        (Dice, smp.losses.DiceLoss("multiclass", smooth=1.0)),
        (Jaccard, smp.losses.JaccardLoss("multiclass", smooth=1.0)),
        (Tversky, smp.losses.TverskyLoss("multiclass", smooth=1.0, alpha=0.3, beta=0.7)),
        (Lovasz, smp.losses.LovaszLoss("multiclass", per_image=False)),
    ],
)
def test_the_loss_of_exclusive_classes_agrees_with_a_second_implementation(term, second):
    logits, target = drawn(True)
    truth = classes(target)
    assert len(truth.unique()) == 3
    assert build(term, True)(logits, target).item() == pytest.approx(float(second(logits, truth)), rel=1e-5)


@pytest.mark.parametrize("term", OVERLAP)
def test_to_find_a_sparse_mask_with_false_pixels_elsewhere_costs_less_than_to_find_nothing(term):
    target = -torch.ones(10, 1, 8, 8)
    target[0, :, 0] = 1  # 8 pixels in one image of ten
    finds = target.clone()
    finds[1:9, :, 4, 4] = 1  # and a false pixel in eight of the others
    nothing = build(term)(-9 * torch.ones_like(target), target)
    assert nothing > 0.8
    assert build(term)(torch.where(finds > 0, 9.0, -9.0), target) < nothing


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("term", OVERLAP)
def test_a_mask_that_no_image_of_the_batch_has_leaves_the_mean(term, exclusive):
    logits, target = drawn(exclusive)
    if exclusive:
        logits[:, 2] = -torch.inf  # a class that is never predicted
        alone = build(term, True)(logits[:, :2], target[:, :1].where(target[:, 1:] < 0, -1))
        target[:, 1] = -1
    else:
        alone = build(term)(logits[:, :1], target[:, :1])
        target[:, 1] = -1
    assert build(term, exclusive)(logits, target).item() == pytest.approx(alone.item(), rel=1e-5)


@pytest.mark.parametrize("term", OVERLAP)
def test_regions_are_those_of_the_batch_as_one_large_image(term):
    logits, target = drawn(False)
    large = (torch.cat(list(part), -1)[None] for part in (logits, target))
    assert build(term)(logits, target).item() == pytest.approx(build(term)(*large).item(), rel=1e-5)


@pytest.mark.parametrize("gap", [0.0, 1.0, 30.0, -1000.0])
def test_log_odds_of_two_classes_are_the_difference_of_their_logits_of_any_size(gap):
    logits = torch.tensor([0.25, 0.25 + gap])[None, :, None, None]
    assert log_odds(logits, exclusive=True).flatten().tolist() == pytest.approx([-gap, gap])


def test_the_sigmoid_of_log_odds_is_the_softmax():
    logits = 5 * torch.randn(2, 5, 4, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(log_odds(logits, exclusive=True).sigmoid(), logits.softmax(1))


@pytest.mark.parametrize("term", [BinaryCrossEntropy, CrossEntropy])
def test_one_exclusive_mask_is_one_mask_of_the_difference_of_two_logits(term):
    logits, target = drawn(True, masks=1)
    plain = build(BinaryCrossEntropy)(logits[:, 1:] - logits[:, :1], target)
    assert build(term, True)(logits, target).item() == pytest.approx(plain.item(), rel=1e-5)


@pytest.mark.parametrize("exclusive", [False, True])
def test_the_lovasz_cost_of_certain_predictions_is_one_minus_their_jaccard(exclusive):
    logits, target = drawn(exclusive)
    if exclusive:
        certain = torch.nn.functional.one_hot(logits.argmax(1), 3).movedim(3, 1)
        truth = torch.nn.functional.one_hot(classes(target), 3).movedim(3, 1)
        cost = build(Lovasz, True)(100.0 * certain, target)
    else:
        certain, truth = (logits > 0).int(), (target > 0).int()
        cost = build(Lovasz)(logits.sign(), target) / 2  # hinge errors 0 and 2
    jaccard = (certain & truth).sum((0, 2, 3)) / (certain | truth).sum((0, 2, 3))
    assert cost.item() == pytest.approx((1 - jaccard).mean().item(), rel=1e-5)


@pytest.mark.parametrize(("term", "exclusive"), EVERY)
def test_a_perfect_prediction_costs_nothing_and_its_opposite_a_lot(term, exclusive):
    _, target = drawn(exclusive)
    signs = torch.cat([-target.amax(1, keepdim=True), target], 1) if exclusive else target
    assert build(term, exclusive)(30 * signs, target).item() < 1e-4
    assert build(term, exclusive)(-30 * signs, target).item() > 0.6


@pytest.mark.parametrize(("term", "exclusive"), EVERY)
def test_an_empty_prediction_of_an_empty_mask_costs_nothing(term, exclusive):
    target = -torch.ones(2, 2, 16, 16)
    logits = torch.full((2, 2 + exclusive, 16, 16), -20.0)
    if exclusive:
        logits[:, 0] = 20
    assert build(term, exclusive)(logits, target).item() < 1e-5


@pytest.mark.parametrize(("term", "exclusive"), EVERY)
def test_unknown_pixels_count_as_if_they_were_cut_off(term, exclusive):
    logits, target = drawn(exclusive)
    target[..., 5:] = 0
    cut = build(term, exclusive)(logits[..., :5], target[..., :5])
    assert build(term, exclusive)(logits, target).item() == pytest.approx(cut.item(), rel=1e-5)


@pytest.mark.parametrize(("term", "exclusive"), EVERY)
def test_logits_of_unknown_pixels_change_nothing_and_have_no_gradient(term, exclusive):
    logits, target = drawn(exclusive)
    target[:, :1, ::2, 1::3] = 0  # of one mask: with exclusive masks this leaves all of them unknown
    unknown = (target == 0).any(1, keepdim=True).expand_as(logits) if exclusive else target == 0
    given = logits.requires_grad_()
    cost = build(term, exclusive)(given, target)
    cost.backward()
    assert not given.grad[unknown].any()
    assert given.grad[~unknown].any()
    for other in (-1e4, 1e4, math.nan):
        assert build(term, exclusive)(logits.detach().masked_fill(unknown, other), target) == cost


@pytest.mark.parametrize(("term", "exclusive"), EVERY)
def test_an_image_without_known_pixels_is_excluded_and_a_batch_without_any_costs_nothing(term, exclusive):
    logits, target = drawn(exclusive)
    target[1:] = 0
    alone = build(term, exclusive)(logits[:1], target[:1])
    assert build(term, exclusive)(logits, target).item() == pytest.approx(alone.item(), rel=1e-5)
    given = logits[1:].clone().requires_grad_()
    cost = build(term, exclusive)(given, target[1:])
    cost.backward()
    assert cost == 0
    assert not given.grad.any()


@pytest.mark.parametrize(("dtype", "side"), [(torch.float16, 512), (torch.bfloat16, 64)])
@pytest.mark.parametrize(("term", "exclusive"), EVERY)
def test_half_precision_logits_are_computed_in_fp32_so_that_no_sum_overflows(term, exclusive, dtype, side):
    logits, target = drawn(exclusive, batch=1, masks=1, side=side)
    half = logits.to(dtype)
    given = half.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        cost = build(term, exclusive)(given, target)
    cost.backward()
    assert cost.dtype == torch.float32
    assert given.grad.isfinite().all()
    assert cost.item() == pytest.approx(build(term, exclusive)(half.double(), target.double()).item(), rel=1e-4)


@pytest.mark.parametrize(("term", "exclusive"), [*EVERY, ("sharp", False)])
def test_the_gradient_is_that_of_finite_differences(term, exclusive):
    loss = build(Focal, gamma=0.5) if term == "sharp" else build(term, exclusive)
    logits, target = drawn(exclusive, batch=2, side=3)
    target[0, 0, 1] = 0
    assert torch.autograd.gradcheck(lambda given: loss(given, target), logits.double().requires_grad_())


@pytest.mark.parametrize("gamma", [0, 0.5, 2])
def test_the_gradient_stays_finite_where_the_prediction_is_certain(gamma):
    logits = row(200, -200, 200, -200).requires_grad_()
    build(Focal, gamma=gamma)(logits, row(1, -1, -1, 1)).backward()
    assert logits.grad.isfinite().all()


def test_cross_entropy_of_masks_that_may_overlap_is_refused():
    with pytest.raises(ValueError, match=r"ce needs exclusive=true.*bce"):
        CrossEntropy(exclusive=False)


@pytest.mark.parametrize(
    ("term", "changes"),
    [
        (Focal, {"gamma": -1}),
        (Focal, {"gamma": math.inf}),
        (Focal, {"gamma": math.nan}),
        (Tversky, {"alpha": math.nan}),
        (Tversky, {"beta": math.inf}),
        (Tversky, {"smooth": math.inf}),
        (Focal, {"alpha": 1.5}),
        (Dice, {"smooth": 0}),
        (Jaccard, {"smooth": -1}),
        (Tversky, {"alpha": -0.1}),
    ],
)
def test_an_argument_out_of_range_is_named(term, changes):
    name, value = next(iter(changes.items()))
    with pytest.raises(ValueError, match=rf"{name}.*got {value}"):
        build(term, **changes)


@pytest.mark.parametrize("shape", [(3, 1, 8, 8), (3, 3, 8, 8), (3, 2, 4, 4)])
def test_logits_of_another_shape_are_refused_instead_of_broadcast(shape):
    _, target = drawn(False)
    with pytest.raises(ValueError, match=r"exclusive=false need \(3, 2, 8, 8\)"):
        build(Dice)(torch.zeros(shape), target)


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("weights", [[2.0, 5.0], {"b": 5.0, "a": 2.0}])
def test_pos_weight_multiplies_the_cost_of_pixels_with_a_mask(exclusive, weights):
    logits, target = drawn(exclusive)
    target[0, :, :4] = 0
    weighted = build(BinaryCrossEntropy, exclusive, pos_weight=weights)(logits, target)
    odds = log_odds(logits, exclusive)
    costs = []
    for b, k, y, x in (target != 0).nonzero().tolist():
        c = k + exclusive
        present = target[b, k, y, x] > 0
        cost = torch.nn.functional.softplus(-odds[b, c, y, x] if present else odds[b, c, y, x])
        costs.append(cost * ([2.0, 5.0][k] if present else 1))
        if exclusive and k == 0:  # the background, once per pixel
            background = (target[b, :, y, x] < 0).all()
            costs.append(torch.nn.functional.softplus(-odds[b, 0, y, x] if background else odds[b, 0, y, x]))
    assert weighted.item() == pytest.approx(torch.stack(costs).mean().item(), rel=1e-4)


def test_automatic_weights_are_absent_over_present_pixels_and_counted_only_if_needed():
    loss = build(BinaryCrossEntropy, pos_weight="auto")
    for _ in range(2):  # every stage fits again
        lines = loss.fit_mask_weights(lambda: (torch.tensor([10, 0]), torch.tensor([30, 40])))
    assert loss.pos_weight.tolist() == [3, 40] and lines == ["pos_weight=auto is a 3, b 40"]
    exclusive = build(BinaryCrossEntropy, True, pos_weight="auto")
    exclusive.fit_mask_weights(lambda: (torch.tensor([10, 20]), torch.tensor([30, 20])))
    assert exclusive.pos_weight.tolist() == [1, 3, 1]
    for fixed in (None, [1.0, 2.0]):
        assert build(BinaryCrossEntropy, pos_weight=fixed).fit_mask_weights(lambda: pytest.fail("counted")) == []
    assert not loss.state_dict()


@pytest.mark.parametrize("weights", ["balanced", [1.0], [1.0, -1.0], [1.0, math.nan], {"c": 1.0}])
def test_a_pos_weight_that_does_not_fit_is_refused(weights):
    with pytest.raises(ValueError, match="^pos_weight "):
        build(BinaryCrossEntropy, pos_weight=weights)


@pytest.mark.parametrize(("term", "exclusive"), EVERY)
def test_equal_weights_of_masks_change_nothing(term, exclusive):
    logits, target = drawn(exclusive)
    target[1, :, 2:4] = 0
    weighted = build(term, exclusive)
    weighted.weigh(torch.ones(2))
    assert weighted(logits, target).item() == pytest.approx(build(term, exclusive)(logits, target).item(), rel=1e-5)
    assert weighted(logits, torch.zeros_like(target)).item() == 0


@pytest.mark.parametrize("term", [term for term, exclusive in EVERY if not exclusive])
def test_weights_of_masks_are_those_of_their_losses(term):
    logits, target = drawn(False)
    plain, weighted = build(term), build(term)
    weighted.weigh(torch.tensor([3.0, 1.0]))
    first, second = (plain(logits[:, k : k + 1], target[:, k : k + 1]).item() for k in (0, 1))
    assert weighted(logits, target).item() == pytest.approx((3 * first + second) / 4, rel=1e-5)


def test_weights_of_exclusive_masks_are_those_of_torch_with_one_for_the_background():
    logits, target = drawn(True)
    weighted = build(CrossEntropy, True)
    weighted.weigh(torch.tensor([3.0, 0.5]))
    classes = torch.where((target > 0).any(1), (target > 0).float().argmax(1) + 1, 0)
    theirs = cross_entropy(logits, classes, torch.tensor([1.0, 3.0, 0.5]))
    assert weighted(logits, target).item() == pytest.approx(theirs.item(), rel=1e-5)
