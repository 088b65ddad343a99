"""A classifier that learnt from predicted masks is given those that a run finds in new images."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from torch import nn

from dermoscopy.data.store.reader import open_store
from dermoscopy.predict.network import given_masks_of
from dermoscopy.predict.stores import read_store


class Reader(nn.Conv2d):
    """Remembers the masks that it is given."""

    def __init__(self):
        super().__init__(1, 1, 1)
        self.masks = ()

    def forward(self, image, mask=None):
        self.masks = (*self.masks, mask)
        return image.mean((2, 3))[:, :1]


@pytest.fixture
def finder(load_run, lesion_run):
    """A run that segments the lesion."""
    return load_run(lesion_run)


@pytest.fixture
def told(finder):
    """A classifier of such images that was validated with predicted masks of the lesion."""
    stage = replace(finder.stage, masks=(), labels=("x",), given=("lesion",), validation_masks="predicted")
    return replace(finder, stage=stage, network=Reader(), thresholds=torch.zeros(1))


def test_masks_are_those_that_the_data_would_have_of_the_same_file(
    told, finder, wide_store, run_script, composed_stage, tmp_path
):
    ended = run_script(
        *("predict.py", f"run={finder.stage.checkpoint}", "data=demo", "side=all", "device=cpu", "out=out"),
        *(f"data.store={wide_store}", "data.raw=null"),
    )
    assert ended.code == 0, ended.err
    options = f"data.store={wide_store}", f"datamodule.predicted={tmp_path / 'out' / 'masks.h5'}", f"folder={tmp_path}"
    with pytest.warns(UserWarning, match="does not say that each image was new"):  # side=all has some of training
        data = instantiate(composed_stage(*options).datamodule)
    data.setup("test")
    store, rows = open_store(wide_store), np.arange(12)
    classifier = given_masks_of(told, finder)
    for image, frame in read_store(store, told.stage, rows, 12):
        classifier.logits(image, frame)
    (mask,) = told.network.masks
    expected = data.finish(data.gather(torch.from_numpy(rows)))["predicted"]
    assert set(mask.unique().tolist()) == {-1, 0, 1}
    assert (mask == expected).float().mean() > 0.999  # batches of another size


def test_without_a_segmenter_a_network_is_not_shown_what_it_never_saw(told, finder):
    with pytest.raises(ValueError, match="was validated with predicted masks, .* segmenter=ID finds them, .* lesion"):
        given_masks_of(told, None)
    alone = replace(told, stage=replace(told.stage, validation_masks="none"))
    assert given_masks_of(alone, None) is alone
    blind = replace(told, network=nn.Flatten())  # an image alone
    assert given_masks_of(blind, None) is blind
    told.network.segmenter = finder.network  # a cascade that finds them itself
    assert given_masks_of(told, None) is told


def test_what_does_not_fit_is_one_clear_line(told, finder):
    others = {
        "reads no masks: leave segmenter out": (replace(told, stage=replace(told.stage, given=())), finder),
        "does not find lesion": (told, replace(finder, stage=replace(finder.stage, masks=("streaks",)))),
        r"learnt from images of \(32, 32\), pad, run .* from \(64, 128\)": (
            told,
            replace(finder, stage=replace(finder.stage, size=(32, 32))),
        ),
    }
    for message, (classifier, segmenter) in others.items():
        with pytest.raises(ValueError, match=message):
            given_masks_of(classifier, segmenter)


def test_runs_that_segment_are_given_no_segmenter(run_script, lesion_run, wide_store):
    run = f"run={lesion_run}", f"segmenter={lesion_run}", "data=demo", f"data.store={wide_store}", "out=out"
    ended = run_script("predict.py", *run, "device=cpu")
    assert ended.code == 1
    assert "segmenter has an effect only with a run of labels: leave it out" in ended.err
