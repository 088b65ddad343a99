"""Tests of predict.py: labels of new images equal those of the run's test, and every mistake is one line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dermoscopy.machine.messages import PURPOSE
from dermoscopy.runs.checkpoints import weights
from dermoscopy.runs.files import BEST
from dermoscopy.runs.recorded import read_stage

PHOTOS = Path("data/raw/demo/ISIC2018_Task1-2_Training_Input")


@pytest.fixture
def predict(trained: Path, run_script: Callable[..., Any]) -> Callable[..., Any]:
    """A function that runs predict.py with key=value arguments; by default on the trained runs and their own photos."""

    def run(**given: object) -> Any:
        arguments = {"runs": trained / "runs", "images": trained / PHOTOS, "device": "cpu", "workers": 1} | given
        return run_script("predict.py", *(f"{key}={value}" for key, value in arguments.items() if value is not None))

    return run


def fails(ended: Any, *words: str) -> bool:
    """Return whether a program exited with 1 and printed only one line, which contains all these words."""
    assert ended.code == 1 and ended.err == f"{ended.error}\n" and not ended.out, (ended.code, ended.err, ended.out)
    assert all(word in ended.error for word in words), ended.error
    return True


def expected(checkpoint: Path) -> pd.DataFrame:
    """Return the logits of the test images without masks, one column per label."""
    table = pd.read_csv(checkpoint.with_name("predictions.csv"))
    return table[table.mask_condition == "none"].pivot_table(index="id", columns="label", values="logit")


def test_labels_equal_those_of_the_test_without_masks(predict, checkpoint, tmp_path):
    ended = predict(run=checkpoint.parent.name[:6], out="new/out", batch_size=7)
    assert ended.code == 0 and "new/out/labels.csv: 40 images, 5 labels\n" in ended.out, ended.err
    assert ended.out.endswith(f"{PURPOSE}\n")
    predicted = pd.read_csv(tmp_path / "new/out/labels.csv", index_col="id")
    labels = read_stage(checkpoint).labels
    endings = "", "_threshold", "_predicted"
    assert list(predicted.columns) == [f"{name}{ending}" for name in labels for ending in endings]
    assert "28 of 40 images have the names of images that" in ended.out  # the others are those of the test
    assert predicted.index.is_monotonic_increasing
    logits, thresholds = expected(checkpoint), weights(checkpoint)["thresholds"]
    assert thresholds.any()  # the default rule chooses others than 0
    for name, threshold in zip(labels, thresholds.tolist(), strict=True):
        odds = np.log(predicted[name] / (1 - predicted[name]))
        np.testing.assert_allclose(predicted[f"{name}_threshold"], 1 / (1 + np.exp(-threshold)), rtol=1e-6)
        sure = (odds - threshold).abs() > 1e-4  # far enough not to change by the rounding in the file
        assert (predicted[f"{name}_predicted"] == (odds > threshold))[sure].all()
    assert len(logits) == 12
    of_test = predicted.loc[logits.index, logits.columns]
    np.testing.assert_allclose(np.log(of_test / (1 - of_test)), logits, rtol=0, atol=1e-4)


def test_a_classifier_on_its_own_store_reproduces_its_own_test(predict, checkpoint, trained, tmp_path):
    store = next(trained.glob("data/*.h5"))
    given = {"run": checkpoint, "images": None, "workers": None, "data": "demo", "data.store": store}
    ended = predict(**given, out="out")
    assert ended.code == 0 and "out/scores.csv: 12 images, average_precision " in ended.out, ended.err
    assert ended.out.endswith(f"{PURPOSE}\n")
    predicted = pd.read_csv(tmp_path / "out/predictions.csv")
    assert set(predicted.mask_condition) == {"none"}
    counts, own_counts = (
        pd.read_csv(folder / "confusion.csv").query("mask_condition == 'none'").reset_index(drop=True)
        for folder in (tmp_path / "out", checkpoint.parent)
    )
    pd.testing.assert_frame_equal(counts, own_counts)  # both at the thresholds of the run
    assert all((tmp_path / "out" / name).is_file() for name in ("confusion.png", "reliability.png"))
    own, logits = expected(checkpoint), predicted.pivot_table(index="id", columns="label", values="logit")
    np.testing.assert_allclose(logits.loc[own.index, own.columns], own, rtol=0, atol=1e-4)
    table = pd.read_csv(tmp_path / "out/scores.csv", keep_default_na=False).set_index(["metric", "label"])
    scores, thresholds = table["value"], table["threshold"]
    assert (
        (thresholds["f1"] == "0.5").all()
        and (thresholds["auroc"] == "").all()
        and thresholds["f1_at_best_f1", ""] == "each"
    )
    tuned = thresholds["f1_at_best_f1"].drop("").astype(float)
    odds = predicted.groupby("label")["threshold"].first()
    np.testing.assert_allclose(tuned, 1 / (1 + np.exp(-odds[tuned.index])), rtol=1e-6)
    metrics = json.loads(checkpoint.with_name("result.json").read_text())["metrics"]
    for label in ("", *own.columns):
        for metric in ("auroc", "f1_at_best_f1", "ece"):
            tested = metrics[f"test/none/{metric}" + (f"/{label}" if label else "")]
            score = scores[metric, label]
            assert (score == "") if tested is None else (float(score) == pytest.approx(tested, abs=1e-3))
    assert fails(predict(**given, tta="flips"), "tta has an effect only with runs that segment")


def test_wrong_input_is_one_clear_line(predict, checkpoint, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    shutil.copy(checkpoint, tmp_path / BEST)
    known = {"run": checkpoint, "out": "out"}
    assert fails(predict(**known | {"run": "12e5"}), "run=12e5 names no", checkpoint.parent.name)
    assert fails(predict(**known | {"run": BEST}), f"{BEST} has no config.yaml beside it")
    assert fails(predict(**known, images="none"), "images=none does not exist")
    assert fails(predict(**known, images="empty"), "images=empty holds no image file", ".jpg")
    assert fails(predict(**known | {"out": "file/out"}), "out=file/out cannot be written (Not a directory)")
    assert fails(predict(**known | {"device": "abacus"}), "device=abacus cannot be used on this machine")
    assert fails(predict(**known, on_error="hope"), "on_error", "stop, skip", "got hope")
    assert fails(predict(run=checkpoint), "out is missing: python predict.py run=ID images=DIR out=DIR")
    assert not list(tmp_path.glob("**/labels.csv"))


def test_files_with_problems_are_all_reported_or_left_out(predict, trained, checkpoint, tmp_path):
    photos, out = tmp_path / "photos", tmp_path / "out"
    (photos / "deeper").mkdir(parents=True)
    first, second = sorted((trained / PHOTOS).glob("*.jpg"))[:2]
    shutil.copy(first, photos / "a.JPG")
    shutil.copy(second, photos / "deeper/b.c.jpg")
    for name in ("same.png", "same.bmp"):
        Image.new("RGB", (8, 8)).save(photos / name)
    (photos / "broken.jpg").write_bytes(first.read_bytes()[:300])
    (photos / "deeper/empty.png").touch()
    (photos / "notes.txt").touch()
    (photos / ".hidden.jpg").touch()
    out.mkdir()
    (out / "labels.csv").write_text("from before\n")
    given = {"run": checkpoint, "images": "photos", "out": "out"}
    stopped = predict(**given)
    assert stopped.code == 1 and "problems with files in photos: 4; repair the files" in stopped.error
    assert [path.read_text() for path in out.iterdir()] == ["from before\n"]
    skipped = predict(**given, on_error="skip")
    assert skipped.code == 0, skipped.err
    assert "6 of 8 files left out: 2 2 images have the id same (same.bmp, same.png)" in skipped.out, skipped.out
    assert list(pd.read_csv(out / "labels.csv").id) == ["a", "deeper/b.c"]
    problems = "broken.jpg", "deeper/empty.png", "same.bmp", "same.png"
    assert all(name in stopped.err for name in problems)
    assert list(pd.read_csv(out / "left_out.csv").file) == sorted([*problems, ".hidden.jpg", "notes.txt"])
    one = predict(**given | {"images": "photos/a.JPG"})
    assert one.code == 0 and list(pd.read_csv(out / "labels.csv").id) == ["a"]
    assert [path.name for path in out.iterdir()] == ["labels.csv"]  # nothing is left out


def test_a_run_trained_in_mixed_precision_predicts_exactly_what_its_test_has(run_script, training, trained, tmp_path):
    store = next(trained.glob("data/*.h5"))
    data = f"data.store={store}", "data.raw=null"
    ended = run_script("train.py", *training, *data, "trainer.precision=bf16-mixed", "zeroing=nothing")
    assert ended.code == 0, ended.err
    (own,) = tmp_path.glob(f"runs/run/*/{BEST}")
    ended = run_script("predict.py", f"run={own}", "data=demo", *data, "batch_size=128", "device=cpu", "out=out")
    assert ended.code == 0, ended.err
    predicted = pd.read_csv(tmp_path / "out/predictions.csv").pivot_table(index="id", columns="label", values="logit")
    pd.testing.assert_frame_equal(predicted, expected(own), check_exact=True)
