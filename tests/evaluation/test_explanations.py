"""Grad-CAM and the influence of masks are what can be worked by hand, and looking changes nothing."""

from contextlib import nullcontext
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from torch import nn

from dermoscopy.evaluation.explanations import (
    Explanation,
    Unexplained,
    cells,
    draw_explanations,
    grad_cam,
    influence_table,
    mask_influence,
)


class Linear(nn.Module):
    """The maps are the first two colours, a logit is a weighted sum of their means; masks add theirs."""

    def __init__(self, weight, masks=((0.0,),)):
        super().__init__()
        self.weight, self.masks = torch.tensor(weight), torch.tensor(masks)  # (L, 2) and (L, K)

    def features(self, image, mask=None):
        return image[:, :2]

    def head(self, features):
        return features.mean((2, 3)) @ self.weight.T

    def forward(self, image, mask=None):
        logits = self.head(self.features(image))
        return logits if mask is None else logits + mask.mean((2, 3)) @ self.masks.T


class Deep(nn.Module):
    """Convolutions with all that behaves otherwise in training."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.below = nn.Sequential(nn.Conv2d(5, 6, 3, stride=4, padding=1), nn.BatchNorm2d(6), nn.ReLU())
        self.above = nn.Sequential(nn.Conv2d(6, 4, 1), nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout())
        self.last = nn.Linear(4, 3)
        with torch.no_grad():
            self.below[1].running_mean.uniform_(-0.3, 0.3)

    def features(self, image, mask=None):
        mask = torch.zeros_like(image[:, :2]) if mask is None else mask
        return self.below(torch.cat([image, mask], 1))

    def head(self, features):
        return self.last(self.above(features))

    def forward(self, image, mask=None):
        return self.head(self.features(image, mask))


A = [[1.0, 0.0], [0.0, 2.0]]
B = [[0.0, 1.0], [1.0, 1.0]]
IMAGE = torch.tensor([[A, B, B]])


def batch():
    generator = torch.Generator().manual_seed(0)
    mask = torch.randint(-1, 2, (4, 2, 16, 24), generator=generator).float()
    return torch.randn(4, 3, 16, 24, generator=generator), mask


def test_grad_cam_of_a_linear_network_is_worked_by_hand():
    # d y / d A = 2 / 4 everywhere, d y / d B = -1 / 4; (2 A - B) / 4 = [[2, -1], [-1, 3]] / 4; without what is negative
    found = grad_cam(Linear([[0.0, 1.0], [2.0, -1.0]]), IMAGE, None, label=1)
    np.testing.assert_allclose(found[0], [[2 / 3, 0], [0, 1]], atol=1e-6)
    np.testing.assert_allclose(grad_cam(Linear([[0.0, 1.0]]), IMAGE, None, label=0)[0], B)


def test_grad_cam_is_upsampled_between_the_centres_of_cells():
    network = Linear([[1.0, 0.0]])
    network.features = lambda image, mask: image[:, :, ::4, ::4]
    with pytest.raises(Unexplained):  # a function in place of a method may take anything
        grad_cam(network, IMAGE, None, 0)
    image = torch.zeros(1, 3, 2, 8)
    image[0, 0, :, 4:] = 1  # cells of 4 pixels, with centres at 1.5 and 5.5

    class Coarse(Linear):
        def features(self, image, mask=None):
            return nn.functional.avg_pool2d(image[:, :2], (2, 4))

    found = grad_cam(Coarse([[1.0, 0.0]]), image, None, 0)
    np.testing.assert_allclose(found[0], [[0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1]] * 2, atol=1e-6)
    assert cells(Coarse([[1.0, 0.0]]), image) == (1, 2)


def test_an_image_without_any_evidence_is_zero_everywhere_and_leaves_the_others_as_they_are():
    images = torch.cat([IMAGE, -IMAGE, 0 * IMAGE])
    found = grad_cam(Linear([[1.0, 0.0]]), images, None, 0)
    np.testing.assert_allclose(found, [np.array(A) / 2, np.zeros((2, 2)), np.zeros((2, 2))])


def test_grad_cam_agrees_with_gradients_of_the_whole_network_and_its_maxima_are_one():
    network, (image, mask) = Deep(), batch()
    for given in (None, mask):
        found = grad_cam(network, image, given, label=2)
        network.eval()
        kept = []
        hook = network.below.register_forward_hook(lambda module, inputs, output, kept=kept: kept.append(output))
        logits = network(image, given)
        hook.remove()
        kept[0].retain_grad()
        logits[:, 2].sum().backward()
        maps, gradient = kept[0].detach().numpy(), kept[0].grad.numpy()
        evidence = np.einsum("bc,bchw->bhw", gradient.mean((2, 3)), maps).clip(0)
        wide = nn.Upsample((16, 24), mode="bilinear")(torch.tensor(evidence)[:, None])[:, 0].numpy()
        assert (evidence.max((1, 2)) > 0).sum() > 1
        np.testing.assert_allclose(found, wide / np.maximum(wide.max((1, 2), keepdims=True), 1e-12), atol=1e-5)
        assert {round(float(value), 5) for value in found.amax((1, 2))} <= {0, 1}
        network.train()


@pytest.mark.parametrize("mode", [nullcontext, torch.no_grad, torch.inference_mode])
def test_looking_leaves_the_network_as_it_was_in_whatever_mode(mode):
    network = Deep()
    network.above.eval()
    network.last.weight.requires_grad_(False)
    modes = [module.training for module in network.modules()]
    state = {name: value.clone() for name, value in network.state_dict().items()}
    expected = grad_cam(network, *batch(), 0), mask_influence(network, *batch())
    with mode():
        found = grad_cam(network, *batch(), 0), mask_influence(network, *batch())  # tensors made in this mode
    for one, other in zip(expected, found, strict=True):
        assert torch.equal(one, other) and not other.requires_grad
    assert all(parameter.grad is None for parameter in network.parameters())
    assert [module.training for module in network.modules()] == modes
    assert network.state_dict().keys() == state.keys()
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


def test_the_influence_of_a_mask_is_its_weight_times_its_mean():
    weights = [[0.5, -2.0, 0.0], [0.0, 1.0, 3.0]]  # of two labels for three masks
    mask = torch.zeros(2, 3, 2, 2)
    mask[0, 0], mask[0, 1, 0], mask[0, 2] = 1, -1, -1  # the second is unknown in half of the image
    mask[1, 1] = 1  # the others are not given
    found = mask_influence(Linear([[1.0, 0.0], [0.0, 1.0]], weights), IMAGE.repeat(2, 1, 1, 1), mask)
    by_hand = [[[0.5, 0.0], [1.0, -0.5], [0.0, -3.0]], [[0.0, 0.0], [-2.0, 1.0], [0.0, 0.0]]]
    np.testing.assert_allclose(found, by_hand, atol=1e-6)
    assert found.shape == (2, 3, 2)


def test_the_influence_of_a_mask_is_judged_with_the_others_given():
    class Both(Linear):
        def forward(self, image, mask):
            return mask.mean((2, 3)).prod(1, keepdim=True)  # neither says anything without the other

    mask = torch.ones(1, 2, 2, 2)
    np.testing.assert_allclose(mask_influence(Both([[1.0, 0.0]]), IMAGE, mask), [[[1.0], [1.0]]])
    mask[:, 0] = 0
    np.testing.assert_allclose(mask_influence(Both([[1.0, 0.0]]), IMAGE, mask), [[[0.0], [0.0]]])


def test_the_table_of_influence_counts_only_images_that_have_the_mask():
    influence = np.array([[[1.0, 4.0], [np.nan] * 2], [[3.0, 4.0], [np.nan] * 2], [[np.nan] * 2, [2.0, -1.0]]])
    table = influence_table(influence, ["globules", "streaks"], ["melanoma", "nevus"])
    assert list(table.columns) == ["mask", "label", "mean", "sd", "images"]
    rows = [tuple(row) for row in table.fillna(-9).to_numpy()]
    assert rows == [
        ("globules", "melanoma", 2, 2**0.5, 2),
        ("globules", "nevus", 4, 0, 2),
        ("streaks", "melanoma", 2, -9, 1),
        ("streaks", "nevus", -1, -9, 1),
    ]
    empty = influence_table(np.full((3, 1, 1), np.nan), ["a"], ["b"])
    assert empty["images"].tolist() == [0] and empty["mean"].isna().all()


def test_a_network_that_cannot_be_looked_into_says_why():
    with pytest.raises(Unexplained, match=r"Conv2d has no methods features\(image, mask\) and head\(features\)"):
        grad_cam(nn.Conv2d(3, 1, 1), IMAGE, None, 0)

    class Sequence(Linear):
        def features(self, image, mask=None):
            return image.flatten(2)

    class Tokens(Linear):
        def features(self, image, mask=None):
            raise ValueError("the backbone ends in tokens")

    with pytest.raises(Unexplained, match=r"features of Sequence are no maps \(B, C, h, w\).*\(1, 3, 4\)"):
        cells(Sequence([[1.0, 0.0]]), IMAGE)
    with pytest.raises(Unexplained, match="the backbone ends in tokens"):
        grad_cam(Tokens([[1.0, 0.0]]), IMAGE, None, 0)


def explanation(kind, count=2, **changes):
    rng = np.random.default_rng(len(kind))
    present = np.zeros((count, 8, 10), bool)
    present[0, 2:5, 3:] = True
    one = Explanation(
        kind=kind,
        id=kind.replace(" ", "_"),
        group="a",
        truth=kind.startswith("true positive"),
        image=rng.integers(0, 256, (8, 10, 3), dtype=np.uint8),
        cells=(1, 2),
        evidence={name: rng.random((8, 10)).astype(np.float32) for name in ("none", "given")},
        probability={"none": 0.25, "given": 0.5},
        masks=present,
        influence=np.linspace(-1, 2, count, dtype=np.float32),
    )
    return replace(one, **changes)


def test_a_row_shows_image_evidence_outlines_and_bars_of_one_image():
    first = explanation("true positive, 1/9", influence=np.array([-1.0, 2.0]))
    second = explanation("true negative, 1/3", influence=np.array([np.nan, 0.5]))
    (axes,) = draw_explanations([first, second], "melanoma", ["globules", "streaks"]).axes
    for row in (first, second):
        image, *_ = (picture.get_array() for picture in axes.images if picture.get_gid() == row.id)
        np.testing.assert_array_equal(image, row.image)
        texts = "\n".join(text.get_text() for text in axes.texts if text.get_gid() == row.id).splitlines()
        assert texts == [row.kind, row.id, "group a", f"truth {int(row.truth)}", "p = 0.250 none", "p = 0.500 given"]
    assert len(axes.images) == 6
    assert len([lines for lines in axes.collections if hasattr(lines, "levels")]) == 2  # one mask each, where given
    widths = np.array([bar.get_width() for bar in axes.patches])
    np.testing.assert_allclose(widths / widths.max(), [-0.5, 1, 0, 0.25])
    told = [text.get_text() for text in axes.texts]
    assert [told.count(words) for words in ("-1.00", "+2.00", "not given", "+0.50")] == [1, 1, 1, 1]
    assert "Grad-CAM of 1 x 2 cells, each picture with its own scale" in told


def test_evidence_shines_on_a_grey_image_and_none_is_said_to_be_none():
    image, evidence = np.full((8, 10, 3), 90, np.uint8), np.zeros((8, 10), np.float32)
    evidence[3, 4] = 1
    row = explanation("false positive, 1/1", image=image, evidence={"none": evidence, "given": 0 * evidence})
    (axes,) = draw_explanations([row], "melanoma", ["globules", "streaks"]).axes
    _, some, none = (picture.get_array() for picture in axes.images)
    np.testing.assert_allclose(some[0, 0], none[3, 4])
    assert np.ptp(some[0, 0]) == 0 < np.ptp(some[3, 4])
    assert some[3, 4].mean() > some[0, 0].mean()
    assert [text.get_text() for text in axes.texts].count("none") == 1


def test_nothing_of_masks_is_drawn_for_a_network_that_reads_none():
    plain = {"evidence": {"none": np.ones((8, 10), np.float32)}, "probability": {"none": 0.1}}
    row = explanation("false negative, 1/2", influence=np.zeros(0), masks=np.ones((2, 8, 10), bool))
    (axes,) = draw_explanations([replace(row, **plain)], "melanoma", ["globules", "streaks"]).axes
    assert (len(axes.images), len(axes.collections), len(axes.patches)) == (2, 0, 0)


@pytest.mark.parametrize(("count", "ending"), [(2, ""), (15, "$_{second visit}$, left forearm" + 40 * "0123456789")])
def test_no_text_covers_another_or_leaves_the_picture(count, ending):
    kinds = ("true positive, 3/1234", "false negative, 2/1234", "false positive, 1/234")
    rows = [explanation(kind, count, id=kind + ending, group="group" + ending) for kind in kinds]
    names = [f"mask {number}{ending[:30]}" for number in range(count)]
    figure = draw_explanations(rows, "melanoma", names)
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in figure.axes[0].texts]
    pictures = [picture.get_window_extent(renderer) for picture in figure.axes[0].images]
    bars = [bar.get_window_extent(renderer) for bar in figure.axes[0].patches]
    assert all(figure.bbox.x0 < box.x0 and box.x1 < figure.bbox.x1 for box in boxes)
    assert all(figure.bbox.y0 < box.y0 and box.y1 < figure.bbox.y1 for box in boxes)
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    assert not [box for box in boxes for other in (*pictures, *bars) if box.overlaps(other)]
