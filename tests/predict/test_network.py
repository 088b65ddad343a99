"""Tests of trained networks: weights, mode, the masks that a classifier reads, and the mean of several runs."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from PIL import Image
from torch import nn

from dermoscopy.data.store.reader import open_store
from dermoscopy.predict.classification import label_table, predict_odds
from dermoscopy.predict.folders import find_images
from dermoscopy.predict.images import read_batches
from dermoscopy.predict.network import check_ensemble, given_masks_of, load_network, load_weights, mean_of
from dermoscopy.predict.stores import read_store
from dermoscopy.runs.files import BEST
from dermoscopy.runs.recorded import read_stage


class Reader(nn.Conv2d):
    """A network that records the masks passed to it."""

    def __init__(self):
        super().__init__(1, 1, 1)
        self.masks = ()

    def forward(self, image, mask=None):
        self.masks = (*self.masks, mask)
        return image.mean((2, 3))[:, :1]


@pytest.fixture
def segmenter_run(load_run, lesion_run):
    """A run that segments the lesion."""
    return load_run(lesion_run)


@pytest.fixture
def classifier_run(segmenter_run):
    """A classifier of such images that was validated with predicted masks of the lesion."""
    stage = replace(segmenter_run.stage, masks=(), labels=("x",), given=("lesion",), validation_masks="predicted")
    return replace(segmenter_run, stage=stage, network=Reader(), thresholds=torch.zeros(1))


def test_predicted_masks_equal_those_that_the_data_module_reads_from_a_file(
    classifier_run, segmenter_run, wide_store, run_script, composed_stage, tmp_path
):
    ended = run_script(
        *("predict.py", f"run={segmenter_run.stage.checkpoint}", "data=demo", "subset=all", "device=cpu", "out=out"),
        *(f"data.store={wide_store}", "data.raw=null"),
    )
    assert ended.code == 0, ended.err
    options = f"data.store={wide_store}", f"datamodule.predicted={tmp_path / 'out' / 'masks.h5'}", f"+folder={tmp_path}"
    with pytest.warns(
        UserWarning, match="does not say that its masks are out of fold"
    ):  # subset=all has some of training
        data = instantiate(composed_stage(*options).datamodule)
    data.setup("test")
    store, rows = open_store(wide_store), np.arange(12)
    classifier = given_masks_of(classifier_run, segmenter_run)
    for image, frame in read_store(store, classifier_run.stage, rows, 12):
        classifier.logits(image, frame)
    (mask,) = classifier_run.network.masks
    expected = data.finish(data.gather(torch.from_numpy(rows)))["predicted"]
    assert set(mask.unique().tolist()) == {-1, 0, 1}
    assert (mask == expected).float().mean() > 0.999  # batches of another size


def test_a_network_validated_with_masks_needs_a_segmenter(classifier_run, segmenter_run):
    with pytest.raises(
        ValueError, match="was validated with predicted masks, .* segmenter=ID predicts them, .* lesion"
    ):
        given_masks_of(classifier_run, None)
    alone = replace(classifier_run, stage=replace(classifier_run.stage, validation_masks="none"))
    assert given_masks_of(alone, None) is alone
    blind = replace(classifier_run, network=nn.Flatten())  # an image alone
    assert given_masks_of(blind, None) is blind
    classifier_run.network.segmenter = segmenter_run.network  # a cascade that predicts them itself
    assert given_masks_of(classifier_run, None) is classifier_run


def test_a_segmenter_that_does_not_fit_is_one_clear_line(classifier_run, segmenter_run):
    others = {
        "reads no masks: leave segmenter out": (
            replace(classifier_run, stage=replace(classifier_run.stage, given=())),
            segmenter_run,
        ),
        "does not predict lesion": (
            classifier_run,
            replace(segmenter_run, stage=replace(segmenter_run.stage, masks=("streaks",))),
        ),
        r"trained on images of \(32, 32\), pad, run .* of \(64, 128\)": (
            classifier_run,
            replace(segmenter_run, stage=replace(segmenter_run.stage, size=(32, 32))),
        ),
    }
    for message, (classifier, segmenter) in others.items():
        with pytest.raises(ValueError, match=message):
            given_masks_of(classifier, segmenter)


def test_a_segmenter_for_runs_that_segment_is_refused(run_script, lesion_run, wide_store):
    run = f"run={lesion_run}", f"segmenter={lesion_run}", "data=demo", f"data.store={wide_store}", "out=out"
    ended = run_script("predict.py", *run, "device=cpu")
    assert ended.code == 1
    assert "segmenter has an effect only with a run of labels: leave it out" in ended.err


def test_weights_are_loaded_without_pickled_code_and_only_into_their_own_network(checkpoint, tmp_path):
    assert "not finished" not in str(read_stage(checkpoint))
    torch.save({"state_dict": {"network.a": print}}, tmp_path / BEST)
    with pytest.raises(ValueError, match="never pickled code"):
        load_weights(torch.nn.Linear(2, 2), tmp_path / BEST)
    with pytest.raises(ValueError, match="does not fit the network"):
        load_weights(torch.nn.Linear(2, 2), checkpoint)


def test_the_network_predicts_in_evaluation_mode_without_masks(checkpoint, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")

    class Watched(torch.nn.Linear):
        def forward(self, image, mask=None):
            assert not self.training and mask is None and image.shape == (1, 3, 32, 32)
            return torch.full((1, 5), 2.0)

    network = Watched(1, 1)
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": state | {"thresholds": torch.zeros(5)}}, tmp_path / BEST)
    stage = replace(read_stage(checkpoint), checkpoint=tmp_path / BEST)
    trained = load_network(stage, network.train(), torch.device("cpu"))
    batches = read_batches(find_images(tmp_path), (32, 32), "pad", batch_size=4, workers=1)
    predicted = label_table(trained, predict_odds(trained, batches))
    names = list(stage.labels)
    assert np.allclose(predicted.loc[0, names].astype(float), 1 / (1 + np.exp(-2)))
    assert (predicted[[f"{name}_predicted" for name in names]] == 1).all(axis=None)


def test_runs_that_differ_are_not_averaged(lesion_run, classes_run):
    one, classes = (read_stage(run / BEST) for run in (lesion_run, classes_run))
    smaller, classifier = replace(one, size=(32, 64)), replace(one, masks=())
    check_ensemble([one, smaller], decoded=False)  # each reads a store at its own size
    for stages, message in (
        ([one, smaller], r"size is \(64, 128\) in .*, but \(32, 64\) in"),
        ([one, classes], r"masks is \('lesion',\) in .*, but \('globules', 'streaks'\) in"),
        ([classifier, classifier], "run names 2 classifiers"),
    ):
        with pytest.raises(ValueError, match=message):
            check_ensemble(stages, decoded=True)


def test_the_mean_of_several_networks_is_rounded_to_the_nearest_byte():
    parts = [np.array([0, 10, 255], np.uint8), np.array([1, 20, 255], np.uint8), np.array([1, 20, 0], np.uint8)]
    assert mean_of(parts).tolist() == [1, 17, 170] and mean_of(parts).dtype == np.uint8
    assert mean_of(parts[:1]) is parts[0]


@pytest.mark.parametrize("content", [b"", b"hello" * 100, b"PK\x03\x04" + bytes(60)])
def test_a_file_that_is_no_checkpoint_is_named(content, tmp_path):
    (tmp_path / BEST).write_bytes(content)
    with pytest.raises(ValueError, match=f"{BEST} is damaged, or no file of a run"):
        load_weights(torch.nn.Linear(2, 2), tmp_path / BEST)


@pytest.mark.parametrize("thresholds", [{}, {"thresholds": torch.zeros(4)}])
def test_a_classifier_needs_a_threshold_of_each_label(thresholds, checkpoint, tmp_path):
    network = torch.nn.Linear(1, 1)
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": state | thresholds}, tmp_path / BEST)
    stage = replace(read_stage(checkpoint), checkpoint=tmp_path / BEST)
    with pytest.raises(ValueError, match="must have a threshold for each of the 5 labels"):
        load_network(stage, network, torch.device("cpu"))


def test_predicted_nan_is_an_error(classifier_run, segmenter_run):
    image, frame = torch.zeros(1, 3, 64, 128, dtype=torch.uint8), np.array([[64, 128, 0, 0, 64, 128]], np.int32)
    for run in (classifier_run, segmenter_run):
        network = copy.deepcopy(run.network)
        network.forward = lambda image, mask=None: image.new_full((len(image), 1, *image.shape[2:]), torch.nan)
        with pytest.raises(ValueError, match=f"{BEST} predicts NaN"):
            broken = replace(run, network=network)
            broken.mask_probability(image, frame, "none") if broken.stage.masks else broken.logits(image, frame)
