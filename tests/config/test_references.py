"""Initial weights: from other data, or from a run that has seen what is tested, they come with a warning."""

import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from recorded_stages import write_recorded

from dermoscopy.config.references import locate, warn_of_origins
from dermoscopy.runs.keys import RECIPE

OWN, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def data():
    """Four images, of which the last two are tested."""
    store = SimpleNamespace(ids=np.array(["w", "x", "y", "z"]), fingerprint=OWN)
    return SimpleNamespace(store=store, rows=lambda subset: torch.tensor([2, 3]) if subset == "test" else None)


@pytest.fixture
def stage(tmp_path):
    """A cascade whose segmenter comes from the folder of a run."""
    (tmp_path / "run").mkdir()
    segmenter = {"checkpoint": str(tmp_path / "run" / "best.ckpt")}
    network = {"checkpoint": None, "segmenter": segmenter, "classifier": None, "threshold": 0.5}
    rest = {"runs": str(tmp_path), "tracking": {"uri": "none"}, "datamodule": {"predicted": None}}
    return OmegaConf.create({"network": network} | rest)


def leave(stage, fingerprint, split="w,train\nx,val\ny,test\n"):
    folder = Path(stage.network.segmenter.checkpoint).parent
    write_recorded(folder, fingerprint=fingerprint)
    (folder / "split.csv").write_text(f"id,subset\n{split}")


def test_weights_of_the_same_data_that_have_not_seen_the_test_subset_are_fine(stage, data, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_origins(stage, data)  # a file alone, of which nothing is known
        (tmp_path / "run" / "config.yaml").write_text("of: another program")
        warn_of_origins(stage, data)
        leave(stage, OWN)
        warn_of_origins(stage, data)


def test_weights_of_other_data_are_warned_of(stage, data):
    leave(stage, OTHER)
    with pytest.warns(UserWarning, match="network.segmenter.checkpoint=.*best.ckpt learnt from the data b{16}, this"):
        warn_of_origins(stage, data)


@pytest.mark.parametrize(("split", "count"), [("y,train\n", 1), ("y,val\nz,train\n", 2)])
def test_weights_that_have_seen_what_is_tested_are_warned_of(stage, data, split, count):
    leave(stage, OWN, split)
    with pytest.warns(UserWarning, match=f"has seen {count} of the 2 images that this run is tested on"):
        warn_of_origins(stage, data)


def test_weights_of_a_stage_of_another_recipe_are_refused(stage, data, tmp_path):
    write_recorded(tmp_path / "run", recipe_version=RECIPE - 1)
    with pytest.raises(ValueError, match=f"config.yaml .*recipe {RECIPE - 1}"):
        warn_of_origins(stage, data)


def test_runs_become_files_and_what_is_no_run_is_named(stage, tmp_path):
    (tmp_path / "run" / "best.ckpt").touch()
    stage.network.segmenter.checkpoint = str(tmp_path / "run")
    locate(stage)
    assert stage.network.segmenter.checkpoint == str(tmp_path / "run" / "best.ckpt")
    stage.network.segmenter.checkpoint = "nowhere"
    with pytest.raises(ValueError, match="network.segmenter.checkpoint=nowhere: run=nowhere names no file"):
        locate(stage)
