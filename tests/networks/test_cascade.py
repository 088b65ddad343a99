"""The cascade: given and predicted masks, joint training of both parts, their weights and their compatibility."""

from functools import partial

import parts
import pytest
import segmentation_models_pytorch as smp
import torch
from builders import composed
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn

from dermoscopy.networks.cascade import Cascade
from dermoscopy.networks.conditioning import Conditioning
from dermoscopy.networks.improved_unet import ImprovedUNet
from dermoscopy.networks.mask_postprocessing import MaskPostprocessing
from dermoscopy.networks.segmenter import Segmenter

STATISTICS = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
MASKS = ("globules", "lesion")
NO_WEIGHTS = {"pretrained": False, "checkpoint": None, "preprocessing": None, "options": {}}


class Small(nn.Module):
    """A segmenter of two layers with batch normalisation and dropout."""

    def __init__(self, masks=MASKS, exclusive=False):
        super().__init__()
        self.masks, self.exclusive = masks, exclusive
        self.body = nn.Sequential(nn.Conv2d(3, 8, 5, padding=2), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.5))
        self.head = nn.Conv2d(8, len(masks) + exclusive, 5, padding=2)

    def forward(self, image):
        return self.head(self.body(image))


def segmenter(masks=MASKS, **rest):
    architecture = partial(smp.Unet, decoder_channels=(16, 8, 8, 8, 8))
    return Segmenter(architecture, "tu-test_resnet", masks, False, **STATISTICS | NO_WEIGHTS | rest)


def classifier(masks=(), labels=("melanoma", "nevus"), **rest):
    return parts.make_classifier("test_resnet", labels, masks, **rest)


def conditioning(**changes):
    given = {"keep": "lesion", "fill": "black", "blur": 0.1, "crop": None, "channel": False, "empty": "whole"}
    return Conditioning(**given | STATISTICS | changes)


def cascade(segments=None, classifies=None, condition=None, postprocessing=None, **changes):
    """Return a cascade of small parts; `segments=False` for one without a segmenter."""
    torch.manual_seed(0)
    segments = None if segments is False else segments or Small()
    condition, postprocessing = (
        condition or conditioning(),
        postprocessing or MaskPostprocessing(dilate=0.0, largest=False, fill=False),
    )
    given = {"mask": "lesion", "masks": MASKS, "threshold": 0.5, "checkpoint": None}
    return Cascade(
        segments, classifies or classifier(), postprocessing=postprocessing, conditioning=condition, **given | changes
    )


def images(count=2):
    return torch.randn(count, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def masks():
    """Return two masks of two images; the lesion of the second is unknown."""
    signed = -torch.ones(2, 2, 64, 64)
    signed[0, 1, 10:30, 20:50] = 1
    signed[0, 0, 40:60] = 1
    signed[1, 1] = 0
    return signed


@torch.no_grad()
def evaluated(network, *given):
    return network.eval()(*given)


def test_the_lesion_is_where_its_given_mask_is_present():
    network, image, given = cascade(False), images(), masks()
    lesion = (given[:, 1:] == 1).float()
    conditioned, _ = network.conditioning(image, lesion)
    assert torch.equal(conditioned[1], image[1])  # unknown, so the image is unchanged
    assert torch.equal(evaluated(network, image, given), network.classifier(conditioned).detach())


@pytest.mark.parametrize("exclusive", [False, True])
def test_without_masks_the_predicted_ones_are_used(exclusive):
    network, image = cascade(Small(exclusive=exclusive)), images()
    logits = evaluated(network.segmenter, image)
    probability = logits.softmax(1)[:, 1:] if exclusive else logits.sigmoid()
    network.threshold = probability[:, 1].median().item()
    predicted = 2 * (probability > network.threshold).float() - 1
    assert torch.equal(evaluated(network, image), evaluated(network, image, predicted))
    assert not torch.equal(evaluated(network, image), evaluated(network, image, -predicted))


def test_a_mask_that_is_unknown_everywhere_is_predicted_image_by_image():
    network, image, given = cascade(), images(), masks()
    network.threshold = evaluated(network.segmenter, image)[:, 1].sigmoid().median().item()
    mixed, alone = evaluated(network, image, given), evaluated(network, image)
    assert torch.allclose(mixed[1], alone[1], atol=1e-6)
    assert torch.allclose(mixed[0], evaluated(cascade(False, network.classifier), image, given)[0], atol=1e-6)
    assert torch.equal(evaluated(network, image, torch.zeros_like(given)), alone)


def test_a_classifier_that_takes_only_an_image_fits():
    plain = nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network, image = cascade(classifies=plain), images()
    assert evaluated(network, image, masks()).shape == (2, 2)
    logits, maps = network.forward_joint(image)
    assert logits.shape == (2, 2) and maps.shape == (2, 2, 64, 64)


def test_without_a_segmenter_missing_masks_are_an_empty_lesion():
    network, image = cascade(False), images()
    assert torch.equal(evaluated(network, image), evaluated(network.classifier, image))
    blind = cascade(False, condition=conditioning(empty="black"))
    assert torch.equal(evaluated(blind, image)[0], evaluated(blind, image)[1])  # both all black


def test_data_without_masks_leave_the_lesion_to_the_segmenter():
    network, image = cascade(Small(("lesion",)), masks=()), images()
    assert torch.equal(evaluated(network, image, torch.zeros(2, 0, 64, 64)), evaluated(network, image))


def test_the_mask_is_postprocessed_before_conditioning():
    image, given = images(), masks()
    given[0, 1, 15:20, 30:40] = -1  # a hole
    filled = given.clone()
    filled[0, 1, 10:30, 20:50] = 1
    network = cascade(postprocessing=MaskPostprocessing(dilate=0.0, largest=True, fill=True))
    assert torch.equal(evaluated(network, image, given), evaluated(network, image, filled))
    assert not torch.equal(evaluated(cascade(), image, given), evaluated(cascade(), image, filled))


def test_predicting_masks_in_training_leaves_the_segmenter_unchanged_and_without_gradient():
    network, image = cascade(), images()
    in_prediction = network.eval()._predicted(image)
    network.train()
    network.segmenter.body[1].eval()  # like frozen parts
    before = {name: value.clone() for name, value in network.segmenter.state_dict().items()}
    modes = [module.training for module in network.modules()]
    assert torch.equal(network._predicted(image), in_prediction)
    network(image).sum().backward()
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in network.segmenter.state_dict().items())
    assert all(parameter.grad is None for parameter in network.segmenter.parameters())
    assert all(parameter.grad is not None for parameter in network.classifier.parameters())


def test_a_segmenter_that_is_not_needed_does_not_run():
    network, image = cascade(condition=conditioning(keep="all")), images()
    network.segmenter.forward = None
    assert torch.equal(evaluated(network, image), evaluated(network.classifier, image))


@pytest.mark.parametrize(("changes", "reads"), [({}, ()), ({"keep": "all", "channel": True, "crop": 0.1}, ("lesion",))])
def test_the_label_loss_reaches_the_segmenter_in_joint_training(changes, reads):
    network = cascade(classifies=classifier(reads), condition=conditioning(**changes), threshold=0.4)
    if reads:
        nn.init.normal_(network.classifier.backbone.conv1[0].masks.weight)  # they start at zero
    logits, maps = network.forward_joint(images())
    assert logits.shape == (2, 2)
    assert maps.shape == (2, 2, 64, 64)
    logits.sum().backward()
    gradients = {name: parameter.grad for name, parameter in network.segmenter.named_parameters()}
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients.values())
    assert gradients["body.0.weight"].abs().sum() > 0
    head = gradients["head.weight"]
    assert head[1].abs().sum() > 0
    assert head[0].abs().sum() == 0  # globules


def test_with_a_confident_segmenter_joint_training_and_prediction_read_the_same():
    network, image = cascade(condition=conditioning(crop=0.2)), images()
    network.segmenter.head.weight.data.mul_(1e9)
    with torch.no_grad():
        logits, maps = network.eval().forward_joint(image)
    assert maps.abs().min() > 20  # hard except for rounding
    torch.testing.assert_close(logits, evaluated(network, image), rtol=0, atol=1e-4)


@pytest.mark.parametrize("segments", [False, ("lesion",)])
def test_only_a_segmenter_of_the_data_s_masks_is_trained_with_the_classifier(segments):
    network = cascade(segments and Small(segments))
    with pytest.raises(ValueError, match=r"segmenter predicts .*, its masks are \['globules', 'lesion'\]"):
        network.forward_joint(images())


def saved(network, path):
    """Save a checkpoint like that of a run, of a task around the network; return its path."""
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": state | {"loss.pos_weight": torch.ones(2)}}, path)
    return path


def same(module, other):
    own, expected = module.state_dict(), other.state_dict()
    return own.keys() == expected.keys() and all(torch.equal(own[name], expected[name]) for name in own)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Cascade of real parts, and its file."""
    network = cascade(segmenter())
    return network, saved(network, tmp_path_factory.mktemp("run") / "best.ckpt")


def test_a_cascade_starts_from_the_weights_of_another(trained):
    network, file = trained
    other = Cascade(segmenter(), classifier(), "lesion", MASKS, network.postprocessing, network.conditioning, 0.5, file)
    assert same(other, network)
    with pytest.raises(ValueError, match=r"best.ckpt has unknown \d+ layers \(segmenter"):
        cascade(False, checkpoint=file)


def test_each_part_starts_from_the_weights_of_its_part_in_a_cascade(trained):
    network, file = trained
    assert same(segmenter(checkpoint=file, preprocessing=STATISTICS), network.segmenter)
    assert same(classifier(checkpoint=file), network.classifier)
    other = classifier(("lesion",), ("a", "b", "c"), checkpoint=file)  # one with masks, and other labels
    assert torch.equal(other.backbone.conv1[0].rgb.weight, network.classifier.backbone.conv1[0].weight)


def test_parts_start_from_the_weights_of_two_runs(tmp_path):
    first, second = segmenter(), classifier()
    network = cascade(
        segmenter(checkpoint=saved(first, tmp_path / "segmenter.ckpt")),
        classifier(checkpoint=saved(second, tmp_path / "classifier.ckpt")),
    )
    assert same(network.segmenter, first)
    assert same(network.classifier, second)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            partial(cascade, mask="streaks", masks=("streaks",)),
            r"segmenter predicts \['globules', 'lesion'\], the cascade needs streaks",
        ),
        (partial(cascade, masks=("globules", "lesions")), r"mask is 'lesion', the masks are .* mean lesions"),
        (partial(cascade, False, masks=()), r"mask is 'lesion', the masks are \[\]"),
        (
            lambda: cascade(condition=conditioning(channel=True)),
            r"classifier.masks is \[\], conditioning.channel=true needs it to be \[lesion\]",
        ),
        (
            lambda: cascade(classifies=classifier(("lesion",))),
            r"classifier.masks is \['lesion'\], conditioning.channel=false needs it to be \[\]",
        ),
        (partial(cascade, threshold=1), r"threshold is a probability in \(0, 1\), got 1"),
        (lambda: cascade()(images(), masks()[:, :1]), r"must be \(2, 2, 64, 64\), got \(2, 1, 64, 64\)"),
    ],
)
def test_parts_that_do_not_fit_each_other_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_its_parts_are_chosen_on_the_command_line():
    given = ["network=cascade", "data.masks=[lesion]", "protocol.backbone=test_resnet", "mask_threshold=0.3"]
    parts = ["network@network.segmenter=improved_unet", "network@network.classifier=googlenet"]
    OmegaConf.register_new_resolver("len", len, replace=True)  # as train.py does
    cfg = composed("train", *given, *parts)
    network = instantiate(cfg.network)
    assert isinstance(network.segmenter, ImprovedUNet)
    assert network.threshold == 0.3
    assert evaluated(network, images()).shape == (2, len(cfg.data.labels))
