"""Initial weights that were trained on other data, or on images of the test subset, cause a warning."""

import re
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from recorded_stages import write_recorded

from dermoscopy.config.references import locate, warn_of_initial_weights
from dermoscopy.runs.keys import RECIPE

OWN, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def data():
    """Data of four images, the last two in the test subset."""
    store = SimpleNamespace(ids=np.array(["w", "x", "y", "z"]), fingerprint=OWN)
    return SimpleNamespace(store=store, rows=lambda subset: torch.tensor([2, 3]) if subset == "test" else None)


@pytest.fixture
def stage(tmp_path):
    """Configuration of a cascade whose segmenter is from the folder of a run."""
    (tmp_path / "run").mkdir()
    segmenter = {"checkpoint": str(tmp_path / "run" / "best.ckpt")}
    network = {"checkpoint": None, "segmenter": segmenter, "classifier": None, "threshold": 0.5}
    rest = {
        "runs": str(tmp_path),
        "tracking": {"uri": "none"},
        "datamodule": {"predicted": None},
        "weights": str(tmp_path),
    }
    return OmegaConf.create({"network": network} | rest)


def write_run(stage, fingerprint, split="w,train\nx,val\ny,test\n"):
    folder = Path(stage.network.segmenter.checkpoint).parent
    write_recorded(folder, fingerprint=fingerprint)
    (folder / "split.csv").write_text(f"id,subset\n{split}")


def test_weights_of_the_same_data_not_trained_on_the_test_subset_are_accepted(stage, data, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_initial_weights(stage, data)  # a file without a record
        (tmp_path / "run" / "config.yaml").write_text("of: another program")
        warn_of_initial_weights(stage, data)
        write_run(stage, OWN)
        warn_of_initial_weights(stage, data)


def test_weights_of_other_data_cause_a_warning(stage, data):
    write_run(stage, OTHER)
    with pytest.warns(UserWarning, match="network.segmenter.checkpoint=.*best.ckpt .*data b{16}, .* a{16}"):
        warn_of_initial_weights(stage, data)


CLASSIFIER = {"_target_": "dermoscopy.networks.classifier.Classifier", "labels": ["melanoma"], "masks": ["lesion"]}
SEGMENTER = {"_target_": "dermoscopy.networks.segmenter.Segmenter", "masks": ["lesion", "hair"]}
CASCADE = {"_target_": "dermoscopy.networks.cascade.Cascade", "segmenter": SEGMENTER, "classifier": CLASSIFIER}


@pytest.mark.parametrize(
    ("trained", "changes", "named"),
    [
        (CLASSIFIER, CLASSIFIER, None),
        (
            CLASSIFIER,
            {"masks": ["streaks"], "labels": ["nevus"]},
            "labels melanoma,.* nevus .*masks lesion,.* streaks ",
        ),
        (CLASSIFIER, {"masks": ["streaks"]}, "masks lesion,.* streaks "),
        (CLASSIFIER, {"masks": ["streaks", "lesion"], "labels": []}, None),
        (CASCADE, {"labels": ["nevus"]}, "labels melanoma,.* nevus "),
        (CASCADE, SEGMENTER | {"masks": ["hair", "lesion"]}, "masks lesion, hair,.* hair, lesion "),
        (CASCADE, CASCADE | {"classifier": CLASSIFIER | {"labels": ["nevus"]}}, "labels melanoma,.* nevus "),
        (CASCADE, CASCADE, None),
        (SEGMENTER, {"masks": ["streaks"]}, None),
    ],
)
def test_weights_that_are_of_other_labels_or_masks_cause_a_warning(stage, data, trained, changes, named):
    folder = Path(stage.network.segmenter.checkpoint).parent
    write_recorded(folder, fingerprint=OWN, network=trained)
    stage.network = CLASSIFIER | changes | {"checkpoint": stage.network.segmenter.checkpoint}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_initial_weights(stage, data)
    texts = [str(warning.message) for warning in caught]
    assert len(texts) == (named is not None)
    if named is not None:
        assert re.search(f"network.checkpoint=.*best.ckpt was trained for the {named}", texts[0])


@pytest.mark.parametrize(("split", "count"), [("y,train\n", 1), ("y,val\nz,train\n", 2)])
def test_weights_trained_on_the_test_subset_cause_a_warning(stage, data, split, count):
    write_run(stage, OWN, split)
    with pytest.warns(UserWarning, match=f"{count} of the 2 test images"):
        warn_of_initial_weights(stage, data)


def test_weights_of_a_stage_of_another_recipe_are_refused(stage, data, tmp_path):
    write_recorded(tmp_path / "run", recipe_version=RECIPE - 1)
    with pytest.raises(ValueError, match=f"config.yaml .*recipe {RECIPE - 1}"):
        warn_of_initial_weights(stage, data)


def test_runs_are_replaced_by_files_and_an_unknown_run_is_named(stage, tmp_path):
    (tmp_path / "run" / "best.ckpt").touch()
    stage.network.segmenter.checkpoint = str(tmp_path / "run")
    locate(stage)
    assert stage.network.segmenter.checkpoint == str(tmp_path / "run" / "best.ckpt")
    stage.network.segmenter.checkpoint = "nowhere"
    with pytest.raises(ValueError, match="network.segmenter.checkpoint=nowhere: run=nowhere"):
        locate(stage)


def test_published_weights_at_hand_replace_true_in_networks_of_this_project_alone(stage, tmp_path):
    (file := tmp_path / "resnet18.pth").touch()
    stage.network.segmenter.checkpoint = None
    own = {"backbone": "resnet18", "checkpoint": None, "_target_": "dermoscopy.networks.classifier.Classifier"}
    for target, given, expected in (
        (own["_target_"], True, str(file)),
        (own["_target_"], False, False),
        (own["_target_"], "else.pth", "else.pth"),
        ("mine.Network", True, True),
    ):
        stage.network.classifier = own | {"pretrained": given, "_target_": target}
        locate(stage)
        assert stage.network.classifier.pretrained == expected
    stage.network.classifier = own | {"pretrained": True, "checkpoint": "w.pt"}
    locate(stage)
    assert stage.network.classifier.pretrained is True
