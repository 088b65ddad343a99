"""Tests of runs on a store: their own test subset gives exactly their own test; other stores, sizes, and mistakes."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dermoscopy.data.prepare import prepare
from dermoscopy.data.store.reader import open_store
from dermoscopy.masks.predicted import read_masks
from dermoscopy.predict.store_masks import predict_store
from dermoscopy.predict.stores import read_store

FILES = ("predictions.csv", "scores.csv", "masks.h5", "panels.png", "dice.png")


@pytest.fixture
def score(run_script, few_source):
    """A function that runs predict.py on a store of the demo data; arguments replace the defaults."""

    def run(**given):
        arguments = {"data": "demo", "data.raw": few_source.root, "device": "cpu"} | given
        return run_script("predict.py", *(f"{key}={value}" for key, value in arguments.items() if value is not None))

    return run


@pytest.mark.parametrize(("name", "tta"), [("lesion_run", "flips"), ("classes_run", "none")])
def test_a_run_on_its_own_test_subset_reproduces_its_own_test(score, wide_store, request, tmp_path, name, tta):
    run = request.getfixturevalue(name)
    ended = score(run=run, tta=tta, batch_size=7, out="out", **{"data.store": wide_store})
    assert ended.code == 0, ended.err
    predicted, own = read_masks(tmp_path / "out/masks.h5"), read_masks(run / "masks.h5")
    assert f"subset test: {len(own.ids)} of 30 images, none of which a run has seen\n" in ended.out
    for name in ("names", "exclusive", "fingerprint"):
        assert getattr(predicted, name) == getattr(own, name)
    assert np.abs(predicted.of(own.ids).astype(int) - own.probability).max() <= 1  # batches of another size
    keys = ["id", "mask", "size"]
    tables = [pd.read_csv(path / "predictions.csv").sort_values(keys, ignore_index=True) for path in (Path("out"), run)]
    assert set(tables[0]["size"]) == {"store", "original"}
    pd.testing.assert_frame_equal(*tables, atol=0.02)
    scores = pd.read_csv("out/scores.csv").set_index(["metric", "mask", "size"])
    assert {"mean", "low", "high", "images", "tta"} == set(scores) and set(scores["tta"]) == {tta}
    several = scores.xs("dice")["mean"].groupby("size").last()
    assert f"store size: dice {several['store']:.3f} [" in ended.out
    pictures = FILES if name == "lesion_run" else [*FILES[:3], "dice.png"]
    assert all((tmp_path / "out" / file).is_file() for file in pictures)


def test_another_store_is_scored_completely_at_its_own_size(score, lesion_run, few_source, tmp_path):
    path = prepare(few_source, tmp_path / "other-96x48.h5", (96, 48), "stretch", progress=False)
    run = tmp_path / "stage"
    shutil.copytree(lesion_run, run)
    split = pd.read_csv(run / "split.csv")
    split.assign(id="elsewhere_" + split["id"]).to_csv(run / "split.csv", index=False)
    ended = score(run=run, **{"data.store": path, "data.raw": "null"})
    assert ended.code == 0, ended.err
    assert "subset all: 30 of 30 images, none of which" in ended.out
    assert "images of 96 x 48 px (stretch), trained on images of 64 x 128 px (pad)" in ended.out
    assert "not scored at the original size: data.raw names no folder" in ended.out
    out = run / "evaluations/other-96x48-all"
    masks, record = read_masks(out / "masks.h5"), json.loads((out / "evaluation.json").read_text())
    assert masks.probability.shape == (30, 96, 48, 1)
    assert record["fingerprint"] == masks.fingerprint == open_store(path).fingerprint and record["images"] == 30


def test_several_runs_predict_the_mean_of_their_probabilities(make_run, load_run, lesion_run, wide_store, tmp_path):
    runs = [load_run(folder) for folder in (lesion_run, make_run(tmp_path / "half", "datamodule.reduce=2"))]
    store, rows = open_store(wide_store), np.arange(5, 30)
    one, other, mean = (predict_store(part, store, rows, "none", 7) for part in (runs[:1], runs[1:], runs))
    assert np.abs(one.astype(int) - other).max() > 50
    assert np.abs((one.astype(float) + other) / 2 - mean).max() <= 0.5


def test_wrong_input_is_one_clear_line(score, lesion_run, make_run, few_source, tmp_path):
    def fails(*words, **given):
        ended = score(run=lesion_run, **given)
        assert ended.code == 1 and ended.err == f"{ended.error}\n" and not ended.out, (ended.err, ended.out)
        assert all(word in ended.error for word in words), ended.error

    source = replace(few_source, masks={"lesions": few_source.masks["lesion"]})
    path = prepare(source, tmp_path / "few.h5", (32, 32), progress=False)
    fails("few.h5 lacks the mask lesion", "its masks: lesions; did you mean lesions?", **{"data.store": path})
    fails("none.h5", "make it with", **{"data.store": "none.h5"})
    fails("threshold has an effect only with images=DIR", threshold=0.4)
    fails("data=dome", data="dome", **{"data.raw": None})


def test_folds_are_not_averaged_on_images_that_one_of_them_has_seen(score, make_run, wide_store, tmp_path):
    split = ["split=folds", "split.k=2"]
    folds = [make_run(tmp_path / f"fold{fold}", *split, f"split.fold={fold}") for fold in (0, 1)]
    ended = score(run=f"[{folds[0]},{folds[1]}]", out="out", **{"data.store": wide_store})
    assert ended.code == 1 and "of every run: for folds, score each image by the run" in ended.error
    assert not (tmp_path / "out").exists()


def test_a_run_of_mixed_precision_is_tested_and_predicts_in_fp32(make_run, load_run, wide_store, tmp_path):
    tta = "flips"
    mixed, single = (
        make_run(tmp_path / name / "run", f"trainer.precision={precision}", f"model.tta=[{tta}]", tested=True)
        for name, precision in (("a", "bf16-mixed"), ("b", "32-true"))
    )
    own, store, trained = read_masks(mixed / "masks.h5"), open_store(wide_store), load_run(mixed)
    rows = np.flatnonzero(np.isin(store.ids, own.ids))
    ((image, frame),) = read_store(store, trained.stage, rows, len(rows))  # one batch, as in the test
    predicted = trained.mask_probability(image, frame, tta).permute(0, 2, 3, 1).numpy()
    assert np.array_equal(predicted, own.of(store.ids[rows]))
    assert np.array_equal(read_masks(single / "masks.h5").probability, own.probability)
