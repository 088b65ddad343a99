"""Tests of Grad-CAM and mask influence: equal to results worked by hand; the network stays unchanged."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from parts import make_classifier
from torch import nn

from dermoscopy.evaluation.grad_cam import NoFeatureMaps, grad_cam, influence_table, mask_influence


class Linear(nn.Module):
    """A network whose maps are the first two colours; a logit is a weighted sum of their means and those of masks."""

    def __init__(self, weight, masks=((0.0,),)):
        super().__init__()
        self.weight, self.masks = torch.tensor(weight), torch.tensor(masks)  # (L, 2) and (L, K)

    def forward_maps(self, image, mask=None):
        return image[:, :2]

    def forward_head(self, features):
        return features.mean((2, 3)) @ self.weight.T

    def forward(self, image, mask=None):
        logits = self.forward_head(self.forward_maps(image))
        return logits if mask is None else logits + mask.mean((2, 3)) @ self.masks.T


class Deep(nn.Module):
    """A convolutional network with layers that behave differently in training."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.below = nn.Sequential(nn.Conv2d(5, 6, 3, stride=4, padding=1), nn.BatchNorm2d(6), nn.ReLU())
        self.above = nn.Sequential(nn.Conv2d(6, 4, 1), nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout())
        self.last = nn.Linear(4, 3)
        with torch.no_grad():
            self.below[1].running_mean.uniform_(-0.3, 0.3)

    def forward_maps(self, image, mask=None):
        mask = torch.zeros_like(image[:, :2]) if mask is None else mask
        return self.below(torch.cat([image, mask], 1))

    def forward_head(self, features):
        return self.last(self.above(features))

    def forward(self, image, mask=None):
        return self.forward_head(self.forward_maps(image, mask))


A = [[1.0, 0.0], [0.0, 2.0]]
B = [[0.0, 1.0], [1.0, 1.0]]
IMAGE = torch.tensor([[A, B, B]])


def batch():
    generator = torch.Generator().manual_seed(0)
    mask = torch.randint(-1, 2, (4, 2, 16, 24), generator=generator).float()
    return torch.randn(4, 3, 16, 24, generator=generator), mask


def test_grad_cam_of_a_linear_network_is_worked_by_hand():
    # d y / d A = 2 / 4 everywhere, d y / d B = -1 / 4; (2 A - B) / 4 = [[2, -1], [-1, 3]] / 4; negative values cut to 0
    heatmap, cells = grad_cam(Linear([[0.0, 1.0], [2.0, -1.0]]), IMAGE, None, label=1)
    np.testing.assert_allclose(heatmap[0], [[2 / 3, 0], [0, 1]], atol=1e-6)
    assert cells == (2, 2)
    np.testing.assert_allclose(grad_cam(Linear([[0.0, 1.0]]), IMAGE, None, label=0)[0][0], B)


def test_the_last_maps_are_used_for_a_network_without_forward_maps():
    class Pooled(nn.Module):
        def __init__(self):
            super().__init__()
            self.colours, self.clip = nn.Conv2d(3, 2, 1, bias=False), nn.ReLU(inplace=True)
            self.pool, self.last = nn.AdaptiveAvgPool2d(1), nn.Linear(2, 2, bias=False)
            with torch.no_grad():
                self.colours.weight.copy_(torch.eye(2, 3)[..., None, None])
                self.last.weight.copy_(torch.tensor([[0.0, 1.0], [2.0, -1.0]]))

        def forward(self, image):
            return self.last(self.pool(self.clip(self.clip(self.colours(image)))).flatten(1))

    network = Pooled()
    with torch.inference_mode():
        heatmap, cells = grad_cam(network, IMAGE.clone(), None, label=1)
    np.testing.assert_allclose(heatmap[0], [[2 / 3, 0], [0, 1]], atol=1e-6)
    assert cells == (2, 2)


@pytest.mark.parametrize("backbone", ["test_resnet", "test_efficientnet"])
def test_outputs_of_modules_and_forward_maps_give_the_same_heatmap(backbone):
    class Bare(nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, image, mask=None):
            return self.network(image, mask)

    torch.manual_seed(0)
    network, (image, mask) = make_classifier(backbone, ("melanoma", "nevus"), ("globules", "streaks")), batch()
    image, mask = (nn.functional.interpolate(values, (64, 96)) for values in (image, mask))
    nonzero = []
    for masks in (None, mask):
        for label in (0, 1):
            heatmap, cells = grad_cam(network, image, masks, label)
            bare, bare_cells = grad_cam(Bare(network), image, masks, label)
            assert cells == bare_cells == (2, 3)
            torch.testing.assert_close(heatmap, bare)
            nonzero.append(bool(heatmap.any()))
    assert any(nonzero)


def test_the_heatmap_of_a_crop_is_placed_where_the_crop_lies():
    class Cropped(Linear):
        def forward_maps(self, image, mask=None):
            return image[:, :2, :, 2:]

        def to_image_coordinates(self, picture, image, mask):
            return nn.functional.pad(picture[..., ::2], (2, 0))

    image = torch.zeros(1, 3, 2, 4)
    image[0, 0, 1, 3] = 1
    heatmap, cells = grad_cam(Cropped([[1.0, 0.0]]), image, None, 0)
    assert cells == (2, 2) and (heatmap[0, :, :2] == 0).all()
    np.testing.assert_allclose(heatmap[0], [[0, 0, 0, 0], [0, 0, 0, 1]], atol=1e-6)


def test_grad_cam_is_upsampled_between_the_centres_of_cells():
    image = torch.zeros(1, 3, 2, 8)
    image[0, 0, :, 4:] = 1  # cells of 4 pixels, with centres at 1.5 and 5.5

    class Coarse(Linear):
        def forward_maps(self, image, mask=None):
            return nn.functional.avg_pool2d(image[:, :2], (2, 4))

    heatmap, cells = grad_cam(Coarse([[1.0, 0.0]]), image, None, 0)
    np.testing.assert_allclose(heatmap[0], [[0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1]] * 2, atol=1e-6)
    assert cells == (1, 2)


def test_a_heatmap_without_positive_values_is_zero_and_does_not_affect_other_images():
    images = torch.cat([IMAGE, -IMAGE, 0 * IMAGE])
    heatmap, _ = grad_cam(Linear([[1.0, 0.0]]), images, None, 0)
    np.testing.assert_allclose(heatmap, [np.array(A) / 2, np.zeros((2, 2)), np.zeros((2, 2))])


def test_grad_cam_agrees_with_gradients_of_the_whole_network_and_its_maxima_are_one():
    network, (image, mask) = Deep(), batch()
    for masks in (None, mask):
        heatmap, _ = grad_cam(network, image, masks, label=2)
        network.eval()
        kept = []
        hook = network.below.register_forward_hook(lambda module, inputs, output, kept=kept: kept.append(output))
        logits = network(image, masks)
        hook.remove()
        kept[0].retain_grad()
        logits[:, 2].sum().backward()
        maps, gradient = kept[0].detach().numpy(), kept[0].grad.numpy()
        expected_map = np.einsum("bc,bchw->bhw", gradient.mean((2, 3)), maps).clip(0)
        wide = nn.Upsample((16, 24), mode="bilinear")(torch.tensor(expected_map)[:, None])[:, 0].numpy()
        assert (expected_map.max((1, 2)) > 0).sum() > 1
        np.testing.assert_allclose(heatmap, wide / np.maximum(wide.max((1, 2), keepdims=True), 1e-12), atol=1e-5)
        assert {round(float(value), 5) for value in heatmap.amax((1, 2))} <= {0, 1}
        network.train()


@pytest.mark.parametrize("mode", [nullcontext, torch.no_grad, torch.inference_mode])
def test_explaining_leaves_the_network_unchanged_in_every_mode(mode):
    network = Deep()
    network.above.eval()
    network.last.weight.requires_grad_(False)
    modes = [module.training for module in network.modules()]
    state = {name: value.clone() for name, value in network.state_dict().items()}
    expected = grad_cam(network, *batch(), 0)[0], mask_influence(network, *batch())
    with mode():
        heatmap = grad_cam(network, *batch(), 0)[0], mask_influence(network, *batch())  # tensors made in this mode
    for one, other in zip(expected, heatmap, strict=True):
        assert torch.equal(one, other) and not other.requires_grad
    assert all(parameter.grad is None for parameter in network.parameters())
    assert [module.training for module in network.modules()] == modes
    assert network.state_dict().keys() == state.keys()
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


def test_the_influence_of_a_mask_is_its_weight_times_its_mean():
    weights = [[0.5, -2.0, 0.0], [0.0, 1.0, 3.0]]  # of two labels for three masks
    mask = torch.zeros(2, 3, 2, 2)
    mask[0, 0], mask[0, 1, 0], mask[0, 2] = 1, -1, -1  # the second mask is unknown in half of the image
    mask[1, 1] = 1  # the others are unknown
    heatmap = mask_influence(Linear([[1.0, 0.0], [0.0, 1.0]], weights), IMAGE.repeat(2, 1, 1, 1), mask)
    by_hand = [[[0.5, 0.0], [1.0, -0.5], [0.0, -3.0]], [[0.0, 0.0], [-2.0, 1.0], [0.0, 0.0]]]
    np.testing.assert_allclose(heatmap, by_hand, atol=1e-6)
    assert heatmap.shape == (2, 3, 2)


def test_the_influence_of_a_mask_is_measured_with_the_others_present():
    class Both(Linear):
        def forward(self, image, mask):
            return mask.mean((2, 3)).prod(1, keepdim=True)  # neither mask has an effect without the other

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


def test_a_network_without_feature_maps_is_refused_with_the_reason():
    class Patches(nn.Module):
        def __init__(self):
            super().__init__()
            self.patch, self.tokens, self.last = nn.Conv2d(3, 4, 1), nn.Flatten(2), nn.Linear(4, 1)

        def forward(self, image):
            return self.last(self.tokens(self.patch(image)).mean(2))

    with pytest.raises(NoFeatureMaps, match=r"Patches has no maps \(B, C, h, w\) of several cells"):
        grad_cam(Patches(), IMAGE, None, 0)
    with pytest.raises(NoFeatureMaps, match="Flatten has no maps"):
        grad_cam(nn.Flatten(), IMAGE, None, 0)

    class Sequence(Linear):
        def forward_maps(self, image, mask=None):
            return image.flatten(2)

    class Tokens(Linear):
        def forward_maps(self, image, mask=None):
            raise ValueError("the backbone ends in tokens")

    with pytest.raises(NoFeatureMaps, match=r"features of Sequence are not maps \(B, C, h, w\).*\(1, 3, 4\)"):
        grad_cam(Sequence([[1.0, 0.0]]), IMAGE, None, 0)
    with pytest.raises(NoFeatureMaps, match="the backbone ends in tokens"):
        grad_cam(Tokens([[1.0, 0.0]]), IMAGE, None, 0)


def test_of_small_images_the_last_maps_of_several_cells_are_explained():
    network, image = make_classifier("resnet18", ("a", "b")), torch.randn(2, 3, 32, 32)
    assert network.eval().forward_maps(image).shape[2:] == (1, 1)
    heatmap, cells = grad_cam(network, image, None, 0)
    assert cells == (2, 2) and heatmap.shape == (2, 32, 32)
    network.backbone.fc.weight.data.neg_()
    opposite, _ = grad_cam(network, image, None, 0)
    assert all(len(part.unique()) > 2 for part in (*heatmap, *opposite) if part.any()) and (heatmap + opposite).any()
