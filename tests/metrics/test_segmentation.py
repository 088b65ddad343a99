"""Scores of masks: cases computed by hand, second implementations, and pixels that must not count."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from sklearn.metrics import confusion_matrix, f1_score, jaccard_score, precision_score, recall_score
from torch import Tensor
from torchmetrics.functional.segmentation import hausdorff_distance

from dermoscopy.metrics.pixel_counts import count
from dermoscopy.metrics.segmentation import Areas, averages, hausdorff_95, image_scores, mask_scores

SCORES = ("dice", "iou", "precision", "recall", "thresholded_jaccard")


def rows(*texts: str) -> Tensor:
    """Return masks (1, K, 1, W) of +1, -1 and 0, from one text each."""
    codes = {"+": 1.0, "-": -1.0, "?": 0.0}
    return torch.tensor([[[[codes[letter] for letter in text]] for text in texts]])


def scored(logits: Tensor, target: Tensor, exclusive: bool = False) -> dict[str, float]:
    scores = image_scores(count(logits, target, exclusive).numpy())
    return {name: float(values[0, 0]) for name, values in scores.items()}


def drawn(seed: int = 0, exclusive: bool = False) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(-1, 2, (4, 3, 8, 9), generator=generator).float()
    return torch.randn(4, 3 + exclusive, 8, 9, generator=generator), target


def test_half_an_overlap_is_a_third_of_the_union() -> None:
    scores = scored(rows("++--"), rows("-++-"))
    assert scores == {"dice": 1 / 2, "iou": 1 / 3, "precision": 1 / 2, "recall": 1 / 2, "thresholded_jaccard": 0}


def test_a_perfect_prediction_scores_one_and_its_opposite_zero() -> None:
    target = rows("++-+?-")
    assert scored(target, target) == dict.fromkeys(SCORES, 1.0)
    assert scored(-target, target) == dict.fromkeys(SCORES, 0.0)


def test_an_empty_prediction_of_an_empty_mask_scores_one() -> None:
    assert scored(rows("----"), rows("--?-")) == dict.fromkeys(SCORES, 1.0)


def test_if_only_one_is_empty_scores_are_zero_or_undefined_where_they_divide_by_zero() -> None:
    assert scored(rows("---"), rows("+--")) == dict.fromkeys(SCORES, 0.0)
    assert scored(rows("+--"), rows("---")) == pytest.approx(
        dict.fromkeys(SCORES, 0.0) | {"recall": np.nan}, nan_ok=True
    )


@pytest.mark.parametrize("logits", [rows("---"), rows("+++")])
def test_an_image_without_a_known_pixel_is_undefined_in_all(logits: Tensor) -> None:
    assert scored(logits, rows("???")) == pytest.approx(dict.fromkeys(SCORES, np.nan), nan_ok=True)


def test_the_threshold_of_the_jaccard_index_is_065_itself_included() -> None:
    counts = np.array([[[13, 7, 0, 80]], [[129, 71, 0, 0]]])  # IoU .65 and .645
    assert image_scores(counts)["thresholded_jaccard"].ravel().tolist() == [0.65, 0]
    assert mask_scores(counts, ["lesion"])["failure_rate"] == 0.5


@pytest.mark.parametrize("exclusive", [False, True])
def test_unknown_pixels_have_no_influence(exclusive: bool) -> None:
    logits, target = drawn(exclusive=exclusive)
    unknown = (target == 0).any(1, keepdim=True) if exclusive else target == 0
    changed = torch.where(unknown, 100 * torch.randn(logits.shape), logits)
    assert unknown.any() and torch.equal(count(logits, target, exclusive), count(changed, target, exclusive))


def test_scores_agree_with_scikit_learn() -> None:
    logits, target = drawn(3)
    scores = image_scores(count(logits, target, False).numpy())
    others = {"dice": f1_score, "iou": jaccard_score, "precision": precision_score, "recall": recall_score}
    for name, other in others.items():
        for image, mask in np.ndindex(4, 3):
            known = target[image, mask] != 0
            expected = other(target[image, mask][known] > 0, logits[image, mask][known] > 0)
            assert scores[name][image, mask] == pytest.approx(expected)


def test_constant_predictors_have_exactly_the_scores_of_the_areas() -> None:
    generator = torch.Generator().manual_seed(1)
    target = torch.where(torch.rand(5, 1, 10, 10, generator=generator) < 0.3, 1.0, -1.0)
    share = (target > 0).double().mean((1, 2, 3))
    everywhere = mask_scores(count(torch.ones_like(target), target, False).numpy(), ["lesion"])
    assert everywhere["iou"] == pytest.approx(share.mean().item(), abs=1e-12)
    assert everywhere["dice"] == pytest.approx((2 * share / (1 + share)).mean().item(), abs=1e-12)
    assert everywhere["pooled_iou"] == pytest.approx(share.mean().item(), abs=1e-12)  # images are equally large
    assert (everywhere["recall"], everywhere["failure_rate"]) == (1, 1)
    nowhere = mask_scores(count(-torch.ones_like(target), target, False).numpy(), ["lesion"])
    assert nowhere["dice"] == nowhere["iou"] == nowhere["pooled_dice"] == nowhere["recall"] == nowhere["precision"] == 0


def test_pooled_scores_are_those_of_the_summed_counts() -> None:
    counts = np.random.default_rng(0).integers(0, 50, (6, 2, 4))
    counts[0, 0] = counts[1] = 0  # nothing known
    counts[2, 1] = 0, 0, 0, 9  # both empty
    scores = mask_scores(counts, ["a", "b"])
    tp, fp, fn, _ = np.moveaxis(counts.sum(0), -1, 0)
    for number, name in enumerate("ab"):
        assert scores[f"pooled_iou/{name}"] == pytest.approx((tp / (tp + fp + fn))[number])
        assert scores[f"pooled_dice/{name}"] == pytest.approx((2 * tp / (2 * tp + fp + fn))[number])
    assert scores["pooled_dice"] == pytest.approx((2 * tp / (2 * tp + fp + fn)).mean())


def test_undefined_images_are_excluded_from_the_mean() -> None:
    counts = np.array([[[1, 1, 1, 1], [0, 0, 0, 4]], [[0, 0, 0, 0], [0, 0, 0, 0]]])
    scores = mask_scores(counts, ["a", "b"])
    assert (scores["dice/a"], scores["dice/b"], scores["dice"]) == (0.5, 1, 0.75)
    assert (scores["failure_rate/a"], scores["failure_rate/b"], scores["pooled_dice/b"]) == (1, 0, 1)
    assert all(np.isnan(value) for value in mask_scores(counts[1:], ["a", "b"]).values())
    assert not any("/" in name for name in mask_scores(counts[:, :1], ["a"]))


def areas(counts: np.ndarray) -> Areas:
    tp, fp, fn, _ = np.moveaxis(counts, -1, 0)
    return Areas(tp + fn, tp + fp, counts.sum(-1))


def test_the_score_of_task_2_by_hand() -> None:
    small, large = [[1, 1, 0, 2], [0, 0, 0, 4]], [[0, 10, 10, 20], [10, 0, 10, 20]]  # images of 4 and of 40 pixels
    scores = mask_scores(np.array([small, large]), ["a", "b"])
    tp, wrong = 1 / 4, 1 / 4 + 10 / 40 + 10 / 40
    assert scores["task2_jaccard/a"] == pytest.approx(tp / (tp + wrong)) == pytest.approx(1 / 4)
    assert scores["pooled_iou/a"] == pytest.approx(1 / 22)  # where the large image counts ten times
    assert scores["task2_jaccard/b"] == pytest.approx(1 / 2)
    assert scores["task2_jaccard"] == pytest.approx((1 / 4 + 1 / 4) / (1 + 1 / 2))  # pooled, not the mean of both
    assert mask_scores(np.array([[[0, 0, 0, 9]], [[0, 0, 0, 5]]]), ["a"])["task2_jaccard"] == 1


def test_the_score_of_task_2_is_that_of_summed_confusion_matrices_of_images_of_any_size() -> None:
    rng = np.random.default_rng(0)
    counts, matrices, weight = [], {mask: np.zeros((2, 2)) for mask in range(3)}, np.array([1, 0, 2, 3, 1, 1])
    for times in weight:
        shape = rng.integers(5, 30, 2)
        of_image = []
        for mask in range(3):
            truth, predicted = rng.random((2, *shape)) < (0.05, 0.3, 0.6)[mask]
            matrix = confusion_matrix(truth.ravel(), predicted.ravel(), labels=[False, True])
            matrices[mask] += times * matrix / matrix.sum()
            (tn, fp), (fn, tp) = matrix
            of_image.append((tp, fp, fn, tn))
        counts.append(of_image)

    def jaccard(matrix: np.ndarray) -> float:
        return float(matrix[1, 1] / (matrix.sum() - matrix[0, 0]))

    scores = averages(image_scores(np.array(counts)), areas(np.array(counts)), weight[None].astype(float))
    expected = [*map(jaccard, matrices.values()), jaccard(np.sum([*matrices.values()], axis=0))]
    assert scores["task2_jaccard"][0] == pytest.approx(expected)


def test_an_image_of_weight_two_counts_as_two_images() -> None:
    counts = np.random.default_rng(0).integers(0, 50, (3, 2, 4))
    once = averages(image_scores(counts), areas(counts), np.array([[2.0, 0, 1]]))
    twice = counts[[0, 0, 2]]
    for name, values in averages(image_scores(twice), areas(twice), np.ones((1, 3))).items():
        assert np.allclose(once[name], values)


def blob(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(40, 60))
    return ndimage.gaussian_filter(noise, 4) > 0.02


def test_the_hausdorff_distance_of_two_points_is_their_distance() -> None:
    one, other = np.zeros((2, 9, 9), bool)
    one[1, 1] = other[4, 5] = True
    assert hausdorff_95(one, other) == 5
    assert hausdorff_95(one, other, spacing=0.5) == 2.5


def test_the_hausdorff_distance_agrees_with_a_distance_transform() -> None:
    def directed(one: np.ndarray, other: np.ndarray) -> float:
        edges = [mask & ~ndimage.binary_erosion(mask) for mask in (one, other)]
        return float(np.percentile(ndimage.distance_transform_edt(~edges[1])[edges[0]], 95))

    for seed in range(5):
        one, other = blob(seed), blob(seed + 10)
        assert hausdorff_95(one, other) == pytest.approx(max(directed(one, other), directed(other, one)))


def test_the_hausdorff_distance_ignores_few_outliers_and_never_exceeds_the_full_one() -> None:
    one, other = blob(0), blob(1)
    both = torch.from_numpy(np.stack([one, other]))[:, None, None].long()
    full = hausdorff_distance(both[0], both[1], num_classes=1, include_background=True, input_format="one-hot")
    assert 0 < hausdorff_95(one, other) < full.item()
    speck = one.copy()
    speck[~one.any(1), 0] = False
    assert hausdorff_95(one, one) == 0 == hausdorff_95(speck, one)


def test_hausdorff_of_empty_masks_is_zero_for_two_and_the_diagonal_for_one() -> None:
    empty, full = np.zeros((3, 4), bool), np.ones((3, 4), bool)
    assert hausdorff_95(empty, empty) == 0
    assert (hausdorff_95(empty, full), hausdorff_95(full, empty, spacing=2.0)) == (5, 10)
    assert np.isnan([hausdorff_95(full, full, known=empty), hausdorff_95(empty, full, known=empty)]).all()


def test_hausdorff_agrees_with_distance_transforms_also_of_empty_masks_and_of_known_parts() -> None:
    def by_transform(one: np.ndarray, other: np.ndarray, spacing: float) -> float:
        outlines = [mask & ~ndimage.binary_erosion(mask) for mask in (one, other)]
        sides = [mask.any() for mask in outlines]
        if not all(sides):
            return spacing * np.sqrt(one.shape[0] ** 2 + one.shape[1] ** 2) if any(sides) else 0.0
        to_other, to_one = (ndimage.distance_transform_edt(~mask, sampling=spacing) for mask in outlines[::-1])
        return max(np.percentile(to_other[outlines[0]], 95), np.percentile(to_one[outlines[1]], 95))

    rng = np.random.default_rng(0)
    for share in (0, 0.01, 0.02, 0.1, 0.5):
        for number in range(20):
            one, other = rng.random((2, 9, 14)) < share
            top, left, bottom, right = rng.integers((0, 0, 5, 8), (4, 7, 9, 14))
            part = np.s_[top:bottom, left:right]  # what the image shows
            known, spacing = np.zeros((9, 14), bool), 1 + number / 4
            known[part] = True
            expected = by_transform(one[part], other[part], spacing)
            assert hausdorff_95(one, other, known, spacing) == pytest.approx(expected)


def test_finding_nothing_is_never_better_than_finding_something() -> None:
    truth, nothing = blob(0), np.zeros((40, 60), bool)
    corner = nothing.copy()
    corner[-1, -1] = True
    assert hausdorff_95(nothing, truth) > hausdorff_95(corner, truth) > 0


def test_the_hausdorff_distance_is_that_of_the_known_part_only() -> None:
    one, other, known = blob(0), blob(1), np.zeros((40, 60), bool)
    known[5:30] = True
    assert hausdorff_95(one, other, known) == hausdorff_95(one[5:30], other[5:30]) != hausdorff_95(one, other)
