"""Custom parts need one file each: the files of CONTRIBUTING.md with the classes of own_parts.py."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import yaml
from builders import ROOT

from dermoscopy.data.store.reader import open_store

BLOCK = re.compile(r"^`([\w/]+\.yaml)`[^\n]*\n\n```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
TINY = ("trainer=cpu", "logger=csv", "epochs=1", "datamodule.batch_size=8", "trainer.limit_train_batches=2")


@pytest.fixture
def train(run_script, tmp_path, monkeypatch):
    """Runs train.py with the files of CONTRIBUTING.md in --config-dir; returns result and folder of the run."""
    for name, content in BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text()):
        path = tmp_path / "mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    monkeypatch.syspath_prepend(str(ROOT / "tests"))

    def run(*arguments):
        ended = run_script("train.py", f"--config-dir={tmp_path / 'mine'}", *TINY, *arguments)
        assert ended.code == 0, ended.err
        (result,) = tmp_path.glob("runs/*/*/result.json")
        return json.loads(result.read_text()), result.parent

    return run


@pytest.fixture
def photos(demo_source, tmp_path):
    """Thirty images of ten patients in folders of a user."""
    folder = tmp_path / "raw"
    items = demo_source.listing().items[:30]
    for number, item in enumerate(items):
        for name, path in (("photos", item.image), ("masks", item.masks[0][0])):
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / f"patient{number % 10}-{number}{path.suffix}").symlink_to(path)
    return folder


def test_a_run_can_have_custom_parts_only(train, photos):
    arguments = ("+experiment=mine", "data=mine", f"data.raw={photos}", "data.size=[32,32]", "split.val=0.3")
    result, folder = train(*arguments, "callbacks.predictions.panels=1")
    store = open_store(folder.parents[2] / "data" / "mine-32x32.h5")
    assert sorted(set(store.groups)) == [f"patient{number}" for number in range(10)]

    history = pd.read_csv(folder / "history.csv")
    assert {"loss/bce", "loss/roughness", "area_error"} <= set(history)
    assert result["parameters"] == 3 * 8 + 8 + 8 + 1
    metrics = result["metrics"]
    assert metrics["best/val/area_error"] == pytest.approx(history["area_error"].iloc[-1])
    assert metrics["best/val/loss"] == pytest.approx(metrics["best/val/loss/bce"] + metrics["best/val/loss/roughness"])

    scored = pd.read_csv(folder / "predictions.csv").query("size == 'store' and truth > 0")
    expected = ((scored["predicted"] - scored["truth"]).abs() / scored["truth"]).mean()
    assert metrics["test/none/area_error"] == pytest.approx(expected, rel=1e-5)

    assert (folder / "diary.txt").read_text() == f"epoch 0: {metrics['best/val/loss']:.3f}\n"
    recorded = yaml.safe_load((folder / "config.yaml").read_text())
    assert recorded["datamodule"]["_target_"] == "own_parts.Grey"


def test_a_whole_loss_can_be_custom(train, demo_store):
    arguments = (f"data.store={demo_store}", "data.raw=null", "data.size=[32,32]", "~callbacks.predictions")
    result, folder = train("model=segmentation", "network=mine", "loss=whole", "trust=[own_parts]", *arguments)
    assert 0 < result["metrics"]["best/val/loss"] < 1
    assert (
        "test/none/dice" in result["metrics"] and not (folder / "scores.csv").exists()
    )  # without the callback's files
    assert yaml.safe_load((folder / "config.yaml").read_text())["loss"] == {"_target_": "own_parts.SquaredError"}


def test_a_custom_metric_of_labels_can_choose_the_epoch(train, demo_store):
    arguments = (f"data.store={demo_store}", "data.raw=null", "data.size=[32,32]", "network.backbone=test_resnet")
    metric = "+model.metrics.mean={_target_: own_parts.mean_probability, _partial_: true}"
    result, folder = train(*arguments, metric, "monitor.metric=val/mean", "trust=own_parts")
    logits = pd.read_csv(folder / "predictions.csv").query("mask_condition == 'none'")["logit"]
    assert result["metrics"]["test/none/mean"] == pytest.approx((1 / (1 + np.exp(-logits))).mean(), rel=1e-4)
    assert 0 < result["metrics"]["best/val/mean"] < 1


def test_the_documents_have_an_example_of_every_kind_of_part():
    names = [name for name, _ in BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text())]
    assert names == ["network/mine.yaml", "loss/mine.yaml", "loss/whole.yaml", "experiment/mine.yaml", "data/mine.yaml"]
