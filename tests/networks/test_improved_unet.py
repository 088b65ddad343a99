"""The improved U-Net: its parameters, its parts by hand, images of any size, weights from files."""

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d, interpolate, leaky_relu, pad

from dermoscopy.networks.improved_unet import CompactContext, ImprovedUNet, PaperContext

VARIANTS = "compact", "isensee2017"


def network(variant="compact", masks=("lesion",), exclusive=False, filters=2, dropout=0.3, **rest):
    torch.manual_seed(0)
    return ImprovedUNet(variant, masks, exclusive, filters, dropout, **{"checkpoint": None} | rest)


def images(height=64, width=64, count=1):
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(1))


def logits(net, image):
    with torch.no_grad():
        return net.eval()(image)


def test_compact_has_as_many_parameters_as_its_keras_network_which_counts_running_statistics():
    net = network(filters=16)
    statistics = sum(b.numel() for name, b in net.named_buffers() if "running" in name)
    assert statistics == 1_984
    assert sum(p.numel() for p in net.parameters()) + statistics == 4_393_525


def test_isensee2017_has_the_number_of_parameters_of_its_description():
    def block(inputs, outputs, size):  # weights, biases, and scale and shift of the normalisation
        return inputs * outputs * size**2 + outputs + 2 * outputs

    widths = [16, 32, 64, 128, 256]
    entries = sum(block(a, b, 3) for a, b in zip([3, *widths], widths, strict=False))
    contexts = sum(2 * (9 * w * w + w) + 4 * w for w in widths)
    ups = sum(block(2 * w, w, 3) for w in widths[:-1])
    localisations = sum(block(2 * w, 2 * w, 3) + block(2 * w, w, 1) for w in widths[1:-1]) + block(32, 32, 3)
    segmentations = sum(w + 1 for w in (64, 32, 32))
    total = entries + contexts + ups + localisations + segmentations
    assert sum(p.numel() for p in network("isensee2017", filters=16).parameters()) == total


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("masks", "exclusive", "channels"), [(["a"], False, 1), (["a", "b"], True, 3)])
def test_logits_are_as_large_as_the_image_with_a_channel_per_class_and_weights_load_strictly(
    variant, masks, exclusive, channels
):
    net, image = network(variant, masks, exclusive), images(67, 93)
    output = logits(net, image)
    assert output.shape == (1, channels, 67, 93)
    assert output.min() < 0 < output.max()  # no sigmoid
    again = ImprovedUNet(variant, masks, exclusive, 2, 0.3, None)
    again.load_state_dict(net.state_dict(), strict=True)
    assert torch.equal(logits(again, image), output)


def conv(layer, x, slope):
    return leaky_relu(conv2d(x, layer.weight, layer.bias, padding=layer.padding), slope)


def test_a_compact_context_module_is_two_residual_blocks_with_dropout_only_on_the_second_skip():
    context = CompactContext(4, dropout=0.5).train()
    x = torch.randn(2, 4, 8, 8)
    first, _, (one, _), second, _, (two, _) = context.residual
    (three, _), (four, _) = context.convolutions
    inner = conv(one, leaky_relu(first(x), 0.3), 0)
    inner = x + conv(two, leaky_relu(second(inner), 0.3), 0)
    rest = context(x) - x - conv(four, conv(three, inner, 0), 0)
    kept = rest.abs() > 1e-4
    torch.testing.assert_close(rest[kept], 2 * inner[kept], rtol=1e-3, atol=1e-3)
    assert 0.3 < kept.float().mean() < 0.7


def test_a_context_module_of_the_paper_is_one_residual_block_with_dropout_inside():
    context = PaperContext(4, dropout=0.5).train()
    x = torch.randn(2, 4, 8, 8)
    kinds = [type(layer) for layer in context.residual]
    assert kinds.index(nn.Dropout) == 3
    assert not torch.equal(context(x), context(x))
    context.eval()
    first, _, one, _, second, _, two = context.residual
    inner = conv2d(leaky_relu(first(x), 0.01), one.weight, one.bias, padding=1)
    expected = x + conv2d(leaky_relu(second(inner), 0.01), two.weight, two.bias, padding=1)
    torch.testing.assert_close(context(x), expected)


def test_compact_halves_like_keras_which_pads_an_even_side_at_its_far_end():
    enter, x = network().enter[1], torch.randn(1, 2, 8, 8)
    convolution = enter[1]
    expected = leaky_relu(conv2d(pad(x, (0, 1, 0, 1)), convolution.weight, convolution.bias, stride=2), 0.01)
    torch.testing.assert_close(enter(x), expected)


@pytest.mark.parametrize(
    ("variant", "output"), [("compact", lambda net, x: net.output(x)), ("isensee2017", lambda net, x: x)]
)
def test_the_logits_are_the_sum_of_three_segmentations_repeated_to_full_size(variant, output):
    net, outputs = network(variant).eval(), []
    for segment in net.segment:
        segment.register_forward_hook(lambda *call: outputs.append(call[-1]))
    total = logits(net, images())
    expected = sum(interpolate(part, scale_factor=4 // 2**k) for k, part in enumerate(outputs))
    torch.testing.assert_close(total, output(net, expected))


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_parameter_learns(variant):
    net = network(variant, filters=4).train()
    net(images(count=2)).square().sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == []


def test_convolutions_start_from_hes_uniform_distribution():
    weight = network(filters=16).enter[4][1].weight.detach()
    bound = (6 / (9 * 128)) ** 0.5
    assert 0.99 * bound < weight.abs().max() <= bound
    torch.testing.assert_close(weight.std().item(), bound / 3**0.5, rtol=0.01, atol=0)


def test_weights_of_a_run_load_and_a_head_for_other_masks_stays_new(tmp_path):
    source = network(masks=["a", "b"])
    torch.save({"state_dict": {f"network.{k}": v for k, v in source.state_dict().items()}}, tmp_path / "best.ckpt")
    net = ImprovedUNet("compact", ["lesion"], False, 2, 0.3, checkpoint=tmp_path / "best.ckpt")
    own, heads = net.state_dict(), ("segment.", "output.")
    assert all(torch.equal(own[k], v) for k, v in source.state_dict().items() if not k.startswith(heads))
    with pytest.raises(ValueError, match="best.ckpt has another shape for .* layers"):
        ImprovedUNet("compact", ["lesion"], False, 3, 0.3, checkpoint=tmp_path / "best.ckpt")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"variant": "isensee2018"}, r"variant must be one of .* got 'isensee2018'; did you mean isensee2017"),
        ({"filters": 0}, "filters must be at least 1, got 0"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\), got 1.0"),
        ({"masks": ()}, "masks is empty"),
    ],
)
def test_values_out_of_their_range_are_named(values, message):
    with pytest.raises(ValueError, match=message):
        network(**values)


def test_an_image_smaller_than_a_cell_is_refused_and_one_cell_is_enough():
    with pytest.raises(ValueError, match="data.size must be at least 16"):
        network()(images(64, 15))
    for variant in VARIANTS:
        assert network(variant).train()(images(16, 16)).shape == (1, 1, 16, 16)
