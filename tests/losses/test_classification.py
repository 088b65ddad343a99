"""Losses of labels: cases computed by hand, a second implementation, weights."""

import math

import pytest
import torch
from parts import make_class_loss, make_label_loss
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from dermoscopy.machine.randomness import generator

NAMES = ("a", "b")
LOGITS = torch.tensor([[0.0, 2.0], [0.0, -1.0]])
LABEL = torch.tensor([[1.0, 1.0], [0.0, 0.0]])


def test_a_case_computed_by_hand():
    loss = make_label_loss(["x"])(torch.zeros(3, 1), torch.tensor([[1.0], [0.0], [1.0]]))
    assert loss["bce"].item() == pytest.approx(math.log(2))


def test_without_weights_it_is_the_plain_mean():
    ours = make_label_loss(NAMES)(LOGITS, LABEL)["bce"]
    assert ours.item() == pytest.approx(binary_cross_entropy_with_logits(LOGITS, LABEL).item())


def test_weights_by_name_by_list_and_their_meaning():
    by_name = make_label_loss(NAMES, {"b": 3.0})(LOGITS, LABEL)["bce"]
    by_list = make_label_loss(NAMES, [1.0, 3.0])(LOGITS, LABEL)["bce"]
    doubled = torch.cat([LABEL, LABEL]), torch.cat([LOGITS, LOGITS])
    assert by_name == by_list
    assert by_name > make_label_loss(NAMES)(doubled[1], doubled[0])["bce"]


def test_unknown_labels_cost_nothing_and_have_no_gradient():
    logits = LOGITS.clone().requires_grad_()
    label = LABEL.clone()
    label[0, 1] = torch.nan
    loss = make_label_loss(NAMES)(logits, label)["bce"]
    loss.backward()
    known = binary_cross_entropy_with_logits(LOGITS[[0, 1, 1], [0, 0, 1]], LABEL[[0, 1, 1], [0, 0, 1]])
    assert loss.item() == pytest.approx(known.item())
    assert logits.grad[0, 1] == 0


def test_automatic_weights_are_negatives_over_positives_of_the_training_labels():
    loss = make_label_loss(NAMES, "auto")
    loss.fit_class_weights(torch.tensor([[1.0, 1.0], [0.0, 1.0], [0.0, 1.0], [0.0, 0.0]]))
    assert loss.pos_weight.tolist() == pytest.approx([3, 1 / 3])


def test_null_weights_mean_none():
    loss = make_label_loss(NAMES, None)
    loss.fit_class_weights(torch.tensor([[1.0, 1.0], [0.0, 1.0], [0.0, 1.0]]))
    assert loss.pos_weight.tolist() == [1, 1]


def test_half_precision_logits_are_computed_in_fp32():
    assert make_label_loss(NAMES)(LOGITS.half(), LABEL)["bce"].dtype == torch.float32


@pytest.mark.parametrize(
    "weights", ["balanced", [1.0], [1.0, -1.0], [1.0, math.nan], [1.0, math.inf], {"c": 1.0}, {"a": math.inf}]
)
def test_weights_that_do_not_fit_are_refused(weights):
    with pytest.raises(ValueError, match="pos_weight"):
        make_label_loss(NAMES, weights)
    with pytest.raises(ValueError, match="class_weight"):
        make_class_loss(NAMES, weights, 1.0)


@pytest.mark.parametrize("factor", [0, -1, math.nan, math.inf])
def test_a_factor_that_is_not_positive_is_refused(factor):
    with pytest.raises(ValueError, match="rarest must be a positive number"):
        make_label_loss(NAMES, None, factor)
    with pytest.raises(ValueError, match="rarest must be a positive number"):
        make_class_loss(NAMES, None, factor)


@pytest.mark.parametrize(("pos_weight", "expected"), [(None, [1, 5]), ([2, 3], [2, 15]), ("auto", [1 / 3, 15])])
@pytest.mark.parametrize("swapped", [False, True])
def test_the_rarest_label_is_identified_at_any_position(pos_weight, expected, swapped):
    label = torch.tensor([[1.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    if swapped:
        label, expected = label.flip(1), expected[::-1]
        pos_weight = pos_weight[::-1] if isinstance(pos_weight, list) else pos_weight
    loss = make_label_loss(NAMES, pos_weight, 5.0)
    for _ in range(2):  # a resumed training fits again
        loss.fit_class_weights(label)
    assert loss.pos_weight.tolist() == pytest.approx(expected)
    assert loss.class_weights == dict(zip(NAMES, loss.pos_weight.tolist(), strict=True))


def test_the_rarest_label_has_the_smallest_positive_share_among_known_labels():
    label = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, torch.nan, 0.0], [0.0, torch.nan, 0.0]])
    label = torch.cat([label, torch.tensor([[1.0, torch.nan, torch.nan]])])
    loss = make_label_loss(("two of five", "two of two", "never"), None, 3.0)
    loss.fit_class_weights(label)
    assert loss.pos_weight.tolist() == [3, 1, 1]


def test_weights_of_earlier_versions_load_and_their_configurations_build():
    loss = make_label_loss(labels=NAMES, pos_weight=None)
    loss.load_state_dict({"pos_weight": torch.tensor([2.0, 3.0])})
    assert loss.class_weights == {"a": 2, "b": 3}


CLASSES = ("x", "y", "z")
UNKNOWN_ROWS = torch.tensor([[0.0, 0, 0], [1, 0, torch.nan], [torch.nan] * 3])


def rows(*counts: int) -> torch.Tensor:
    """Return one-hot labels with the given number of images per class."""
    return torch.eye(len(counts)).repeat_interleave(torch.tensor(counts), 0)


def test_a_case_of_classes_computed_by_hand():
    logits = torch.tensor([[math.log(2), 0, 0]] * 2)  # probabilities 1/2, 1/4, 1/4
    label = torch.tensor([[1.0, 0, 0], [0, 0, 1]])
    plain = make_class_loss(CLASSES)(logits, label)["ce"]
    assert plain.item() == pytest.approx((math.log(2) + math.log(4)) / 2)
    weighted = make_class_loss(CLASSES, {"z": 3.0}, 1.0)(logits, label)["ce"]
    assert weighted.item() == pytest.approx((math.log(2) + 3 * math.log(4)) / 2)


@pytest.mark.parametrize("weights", [None, [1.0, 0.5, 4.0]])
def test_the_loss_of_classes_agrees_with_a_second_implementation(weights):
    logits = torch.randn(20, 3, generator=generator("logits"))
    label = rows(12, 5, 3)
    losses = cross_entropy(logits, label.argmax(1), torch.tensor(weights or [1.0] * 3), reduction="none")
    assert make_class_loss(CLASSES, weights, 1.0)(logits, label)["ce"].item() == pytest.approx(losses.mean().item())


def test_unknown_rows_do_not_count():
    known = rows(2, 1, 1)
    logits = torch.randn(7, 3, generator=generator("logits")).requires_grad_()
    loss = make_class_loss(CLASSES, [1.0, 2.0, 3.0], 1.0)
    cost = loss(logits, torch.cat([known, UNKNOWN_ROWS]))["ce"]
    cost.backward()
    assert cost.item() == pytest.approx(loss(logits[:4], known)["ce"].item())
    assert logits.grad[:4].any(1).all()
    assert not logits.grad[4:].any()
    nothing = loss(logits, UNKNOWN_ROWS[[0] * 7])["ce"]
    assert nothing.item() == 0


def test_automatic_class_weights_are_inverse_frequencies_of_mean_one_over_the_images():
    loss = make_class_loss(CLASSES, "auto", 1.0)
    loss.fit_class_weights(torch.cat([rows(6, 3, 1), UNKNOWN_ROWS]))
    expected = [10 / 18, 10 / 9, 10 / 3]  # N / (L n), "balanced" elsewhere
    assert list(loss.class_weights.values()) == pytest.approx(expected)
    assert list(loss.class_weights) == list(CLASSES)


def test_complement_weighs_like_the_cascade_study_whose_mean_was_over_the_weights():
    label = rows(86, 14)
    logits = torch.randn(100, 2, generator=generator("logits"))
    loss = make_class_loss(("benign", "malignant"), "complement", 1.0)
    loss.fit_class_weights(label)
    study = cross_entropy(logits, label.argmax(1), torch.tensor([0.14, 0.86]))
    assert loss(logits, label)["ce"].item() == pytest.approx(study.item())
    assert loss.class_weights["malignant"] / loss.class_weights["benign"] == pytest.approx(0.86 / 0.14)


@pytest.mark.parametrize("weights", [None, "auto", "complement", [1.0, 2.0, 3.0]])
@pytest.mark.parametrize(("counts", "rarest"), [((2, 5, 9), 0), ((5, 2, 9), 1), ((5, 9, 2), 2), ((0, 9, 2), 2)])
def test_the_rarest_class_is_identified_at_any_position(weights, counts, rarest):
    plain, loss = make_class_loss(CLASSES, weights, 1.0), make_class_loss(CLASSES, weights, 4.0)
    for fitted in (plain, loss, loss):  # a resumed training fits again
        fitted.fit_class_weights(rows(*counts))
    assert (loss.class_weight / plain.class_weight).tolist() == [4.0 if i == rarest else 1.0 for i in range(3)]


def test_class_weights_are_restored_from_a_checkpoint():
    loss = make_class_loss(CLASSES, "auto", 2.0)
    loss.fit_class_weights(rows(6, 3, 1))
    again = make_class_loss(CLASSES, "auto", 2.0)
    again.load_state_dict(loss.state_dict())
    assert again.class_weights == loss.class_weights


def test_images_with_several_mutually_exclusive_labels_have_no_weight():
    loss = make_class_loss(NAMES, "auto", 1.0)
    loss.fit_class_weights(torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]))
    assert loss.class_weights == pytest.approx({"a": 1.5, "b": 0.75})


def test_a_single_exclusive_label_is_refused():
    with pytest.raises(ValueError, match=r"at least 2, got \['a'\]"):
        make_class_loss(["a"])


@pytest.mark.parametrize("weights", ["auto", "complement"])
def test_frequencies_of_a_single_class_are_refused(weights):
    with pytest.raises(ValueError, match=f"class_weight={weights} needs training images of at least 2 labels"):
        make_class_loss(CLASSES, weights, 1.0).fit_class_weights(rows(3, 0, 0))


def test_half_precision_logits_of_classes_are_computed_in_fp32():
    assert make_class_loss(NAMES)(LOGITS.half(), rows(1, 1))["ce"].dtype == torch.float32


def test_masks_are_refused():
    with pytest.raises(ValueError, match="compares labels"):
        make_class_loss(NAMES)(torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4))


@pytest.mark.parametrize("make", [make_label_loss, make_class_loss])
@pytest.mark.parametrize("smoothing", [-0.1, 1, math.nan])
def test_smoothing_that_is_no_share_below_one_is_refused(make, smoothing):
    with pytest.raises(ValueError, match=r"smoothing must lie in \[0, 1\)"):
        make(NAMES, smoothing=smoothing)


def test_smoothing_spreads_the_target_over_yes_and_no_in_training_only():
    logits = torch.tensor([[math.log(3)], [math.log(3)]])  # probability 3/4
    label = torch.tensor([[1.0], [0.0]])
    yes, no = math.log(4 / 3), math.log(4)
    loss = make_label_loss(["x"], [2.0], smoothing=0.2)
    by_hand = (0.9 * 2 * yes + 0.1 * no + 0.1 * 2 * yes + 0.9 * no) / 2
    assert loss(logits, label)["bce"].item() == pytest.approx(by_hand, rel=1e-5)
    loss.eval()
    assert loss(logits, label)["bce"].item() == make_label_loss(["x"], [2.0])(logits, label)["bce"].item()


@pytest.mark.parametrize("weights", [None, [1.0, 0.5, 4.0]])
def test_smoothing_of_classes_agrees_with_that_of_torch(weights):
    logits = torch.randn(20, 3, generator=generator("logits"))
    label = rows(12, 5, 3)
    loss = make_class_loss(CLASSES, weights, smoothing=0.1)
    weight = torch.tensor(weights or [1.0] * 3)
    theirs = cross_entropy(logits, label.argmax(1), weight, label_smoothing=0.1, reduction="none").mean()
    with_unknown = torch.cat([logits, logits[:3]]), torch.cat([label, UNKNOWN_ROWS])
    assert loss(logits, label)["ce"].item() == pytest.approx(theirs.item(), rel=1e-5)
    assert loss(*with_unknown)["ce"].item() == pytest.approx(theirs.item(), rel=1e-5)
    plain = make_class_loss(CLASSES, weights)
    assert loss.eval()(logits, label)["ce"].item() == plain(logits, label)["ce"].item()


def test_unknown_labels_stay_unknown_under_smoothing():
    label = LABEL.clone()
    label[0, 1] = torch.nan
    logits = LOGITS.clone().requires_grad_()
    make_label_loss(NAMES, smoothing=0.3)(logits, label)["bce"].backward()
    assert logits.grad[0, 1] == 0 and (logits.grad[1] != 0).all()


@pytest.mark.parametrize("make", [make_label_loss, make_class_loss])
@pytest.mark.parametrize("share", [0.3, 0.7, 1 / 3])
def test_the_loss_of_a_mixture_is_the_mixture_of_the_losses(make, share):
    logits = torch.randn(30, 3, generator=generator("logits"))
    first, second = rows(10, 10, 10), rows(10, 10, 10)[torch.randperm(30, generator=generator("order"))]
    loss = make(CLASSES, [1.0, 0.5, 4.0])
    (mixed,), (one,), (two,) = (
        loss(logits, label).values() for label in (torch.lerp(second, first, share), first, second)
    )
    assert mixed.item() == pytest.approx((share * one + (1 - share) * two).item(), rel=1e-5)
