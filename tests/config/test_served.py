"""The model of a run predicts what predict.py does, from bytes of images."""

import base64
import io
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from builders import composed
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import instantiate
from omegaconf import OmegaConf
from PIL import Image

from dermoscopy.config.served import ServedRun, save_model
from dermoscopy.data.store.reader import open_store
from dermoscopy.runs.files import BEST, CONFIG
from dermoscopy.runs.keys import RECIPE

LABELS = ("network.backbone=test_resnet", "zeroing=everything")
MASKS = ("model=segmentation", "network.encoder=tu-test_resnet", "network.pretrained=false", "data.stratify=[]")
MASKS += ("network.architecture.decoder_channels=[8,8,8,8,8]", "data.masks=[globules,streaks]")


@pytest.fixture
def make_stage(tmp_path, demo_store):
    """Return a function that writes the folder of a stage with random weights."""

    def make(*overrides):
        folder = tmp_path / "run" / "ab12"
        folder.mkdir(parents=True)
        GlobalHydra.instance().clear()
        OmegaConf.register_new_resolver("len", len, replace=True)
        fixed = ("+stage=only", "+stage_seed=0", "+offset=0", "trainer=cpu", "data.size=[32,32]")
        cfg = composed("train", *fixed, f"+folder={folder}", f"data.store={demo_store}", *overrides)
        cfg = OmegaConf.masked_copy(cfg, [key for key in cfg if key != "logger"])
        facts = {"recipe_version": RECIPE, "fingerprint": open_store(demo_store).fingerprint}
        OmegaConf.save(OmegaConf.merge(cfg, facts), folder / CONFIG, resolve=True)
        state = instantiate(cfg.model).state_dict()
        if "model=segmentation" not in overrides:
            state["thresholds"] = torch.zeros(5)
        torch.save({"state_dict": state}, folder / BEST)
        return folder

    return make


def picture(size, form):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)).save(file, form)
    return file.getvalue()


def predict(folder, images):
    served = ServedRun([])
    served.load_context(SimpleNamespace(artifacts={"run": str(folder)}))
    return served.predict(None, pd.DataFrame({"image": images}))


def test_a_classifier_returns_one_row_of_probabilities_per_image_in_their_order(make_stage):
    images = [picture((40, 60), "PNG"), picture((32, 32), "JPEG")]
    table, turned = (predict(folder, order) for folder in [make_stage(*LABELS)] for order in (images, images[::-1]))
    assert "id" not in table and table["globules"].between(0, 1).all()
    pd.testing.assert_frame_equal(table[::-1].reset_index(drop=True), turned, rtol=1e-5)


def test_a_segmenter_returns_a_png_of_the_size_of_the_image_for_each_mask(make_stage):
    table = predict(make_stage(*MASKS), [picture((40, 60), "PNG")])
    assert list(table) == ["globules", "streaks"]
    mask = np.asarray(Image.open(io.BytesIO(base64.b64decode(table["globules"][0]))))
    assert mask.shape == (40, 60) and set(np.unique(mask)) <= {0, 255}


def test_a_file_that_is_no_image_is_refused(make_stage):
    with pytest.raises(ValueError, match="000000"):
        predict(make_stage(*LABELS), [b"no image"])


def test_a_classifier_validated_with_masks_is_not_kept_and_says_why(make_stage, capsys):
    folder = make_stage("network.backbone=test_resnet", "zeroing=nothing", "model.validation_masks=given")
    save_model(folder, [])
    assert "tracking.model" in capsys.readouterr().out
    assert not (folder / "model").exists()
