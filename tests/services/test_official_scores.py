"""The official scorer of the ISIC challenges, in its own environment, has our numbers for what predict.py writes."""

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_curve

from dermoscopy.data.demo.dataset import make_demo
from dermoscopy.data.demo.lesions import ATTRIBUTES
from dermoscopy.data.prepare import prepare
from dermoscopy.data.raw.decode import read_mask
from dermoscopy.data.raw.sources import FolderSource
from dermoscopy.data.store.frame import Frame
from dermoscopy.metrics.weighted_classification import PAUC, Counts, decision_score, outcomes, predicted_labels
from dermoscopy.predict.isic import CLASSES
from dermoscopy.report.results.label_predictions import Predictions
from dermoscopy.runs.files import BEST

pytestmark = pytest.mark.services
SCORER = ("isic-challenge-scoring==5.6.0", "pandas<3")  # the newest for Python 3.11, which calls what pandas 3 lacks
COUNT, SIZE = 63, (48, 64)
COLOURS = ("red", "lime", "blue", "yellow", "cyan", "magenta", "black")  # of the classes
UNWEIGHTED = "ISIC_0035068"  # an image of ISIC 2018 Task 3 that does not count
IMAGES, LESIONS = "ISIC2018_Task1-2_Training_Input", "ISIC2018_Task1_Training_GroundTruth"
REGIONS = "ISIC2018_Task2_Training_GroundTruth_v3"
TINY = ("trainer=cpu", "threads=1", "logger=csv", "data.size=[32,32]", "datamodule.batch_size=8")
SEGMENTER = (
    "model=segmentation",
    "data.stratify=[]",
    "network.encoder=tu-test_resnet",
    "+network.architecture.encoder_depth=3",
)
SEGMENTER += ("network.architecture.decoder_channels=[16,16,8]", "epochs=25")
CLASSIFIER = (
    "network.backbone=test_resnet",
    "zeroing=everything",
    "loss=classes",
    "exclusive_labels=true",
    "epochs=40",
)
CLASSIFIER += ("optimizer.lr=0.01", "split.val=0.3", "split.test=0.3")
TASK_2 = "import json, pathlib, sys; from isic_challenge_scoring import task2; "
TASK_2 += "print(json.dumps(task2.score(*map(pathlib.Path, sys.argv[1:]))))"
EXACT = 1e-12  # the same sums of the same pixels in another order
RANKED = 1e-6  # torchmetrics computes in single precision


class MadeUp(NamedTuple):
    """Images with masks and classes under names of the challenge, and their store."""

    root: Path
    store: Path


@pytest.fixture(scope="session")
def scorer(shared) -> Path:
    """The Python of an environment with the official scorer."""
    uv = [str(Path(sys.executable).with_name("uv")), "--system-certs"]

    def fill(folder: Path) -> None:
        subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder / "venv")], check=True)
        place = ("--quiet", "--python", str(folder / "venv/bin/python"))
        subprocess.run([*uv, "pip", "install", *place, *SCORER], check=True)

    return shared("official scorer", fill) / "venv/bin/python"


@pytest.fixture
def official(scorer) -> Callable[..., Any]:
    """A function that runs the official scorer and returns its numbers."""

    def run(kind: str, truth: Path, predicted: Path) -> Any:
        command = ["-c", TASK_2] if kind == "task2" else ["-m", "isic_challenge_scoring", "-o", "json", kind]
        ended = subprocess.run([scorer, *command, truth, predicted], capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    return run


@pytest.fixture(scope="session")
def made_up(shared) -> MadeUp:
    def fill(folder: Path) -> None:
        drawn = make_demo(folder / "demo", count=COUNT, size=SIZE, workers=1)
        for path in drawn.rglob("DEMO_*"):
            place = folder / "images" / path.relative_to(drawn).parent
            place.mkdir(parents=True, exist_ok=True)
            path.rename(place / path.name.replace("DEMO", "ISIC").replace("ISIC_0000007", UNWEIGHTED))
        names = sorted(path.stem for path in (folder / "images" / IMAGES).iterdir())
        classes = np.random.default_rng(0).permutation(np.arange(COUNT) % len(CLASSES)).tolist()
        for name, number in [*zip(names, classes, strict=True)][::2]:  # half of them can be distinguished
            path = folder / "images" / IMAGES / f"{name}.jpg"
            Image.blend(Image.open(path), Image.new("RGB", SIZE[::-1], COLOURS[number]), 0.7).save(path)
        with (folder / "images/labels.csv").open("w", newline="") as file:
            rows = ((name, CLASSES[number].lower()) for name, number in zip(names, classes, strict=True))
            csv.writer(file).writerows([("image_id", "dx"), *rows])
        masks = {"lesion": f"{LESIONS}/{{id}}_segmentation.png"}
        masks |= {name: f"{REGIONS}/{{id}}_attribute_{name}.png" for name in ATTRIBUTES}
        columns = {name.lower(): f"dx={name.lower()}" for name in CLASSES}
        images = f"{IMAGES}/{{id}}.jpg"
        source = FolderSource(folder / "images", images, masks, csv="labels.csv", columns=columns)
        prepare(source, folder / "store.h5", (32, 32), progress=False)

    folder = shared("made up for the challenge", fill)
    return MadeUp(folder / "images", folder / "store.h5")


@pytest.fixture
def predict(run_script, made_up, tmp_path) -> Callable[..., Path]:
    """A function that trains on some of the images and predicts all, and returns the folder of the results."""

    def run(*training: str) -> Path:
        store = f"data.store={made_up.store}"
        trained = run_script("train.py", *TINY, *training, store, "data.raw=null")
        assert trained.code == 0, trained.err
        assert {text.partition(":")[0] for text in trained.warnings} <= {"not scored at the original size"}
        (checkpoint,) = tmp_path.glob(f"runs/run/*/{BEST}")
        data = ("data=demo", store, f"data.raw={made_up.root}", "data.source.csv=null", "subset=all")
        data = data if "model=segmentation" in training else data[:2] + data[4:]
        ended = run_script("predict.py", f"run={checkpoint}", *data, "format=isic", "out=out", "device=cpu")
        assert ended.code == 0, ended.err
        folder = (f"run={checkpoint}", f"images={made_up.root / IMAGES}", "format=isic", "out=again", "device=cpu")
        ended = run_script("predict.py", *folder)
        assert ended.code == 0, ended.err
        return tmp_path / "out"

    return run


def scores(out: Path) -> pd.Series:
    """Return the scores of masks at the size of the images."""
    table = pd.read_csv(out / "scores.csv")
    return table[table["size"] == "original"].set_index(["metric", "mask"])["mean"]


def test_lesions_have_the_official_scores(predict, official, made_up):
    out = predict(*SEGMENTER, "data.masks=[lesion]")
    found, own = official("segmentation", made_up.root / LESIONS, out), scores(out)[:, "lesion"]
    names = {"jaccard": "iou", "threshold_jaccard": "thresholded_jaccard", "dice": "dice"}
    for theirs, ours in names.items():
        assert own[ours] == pytest.approx(found["macro_average"][theirs], abs=EXACT), theirs
    assert found["overall"] == found["macro_average"]["threshold_jaccard"] < own["iou"] < own["dice"]
    assert found["overall"] > 0.1  # some lesions are found, some fail
    again = official("segmentation", made_up.root / LESIONS, out.with_name("again"))
    assert again["macro_average"] == pytest.approx(found["macro_average"], abs=1e-3)  # decoded from the files


def test_attributes_have_the_official_scores(predict, official, made_up):
    out = predict(*SEGMENTER, "loss.text=dice", f"data.masks=[{','.join(ATTRIBUTES)}]")
    found, own = official("task2", made_up.root / REGIONS, out), scores(out)["task2_jaccard"]
    for name in ATTRIBUTES:
        assert own[name] == pytest.approx(found[name]["jaccard"], abs=EXACT), name
    assert own["mean"] == pytest.approx(found["overall"], abs=EXACT) and found["overall"] > 0.02
    again = official("task2", made_up.root / REGIONS, out.with_name("again"))
    assert again["overall"] == pytest.approx(found["overall"], abs=1e-3)


def truth_of_classes(made_up: MadeUp, folder: Path) -> Path:
    """Write the table of true classes as the challenge has it: the scorer sorts its rows, but not their weights."""
    table = pd.read_csv(made_up.root / "labels.csv").sort_values("image_id")
    rows = {name: (table["dx"] == name.lower()).astype(float) for name in CLASSES}
    pd.DataFrame({"image": table["image_id"]} | rows).to_csv(folder / "truth.csv", index=False)
    return folder / "truth.csv"


def test_classes_have_the_official_scores(predict, official, made_up, tmp_path):
    labels = sorted(name.lower() for name in CLASSES)
    names = f"[{','.join(labels)}]"
    out = predict(*CLASSIFIER, f"data.labels={names}", f"data.stratify={names}", "data.masks=[]")
    found = official("classification", truth_of_classes(made_up, tmp_path), out / "submission.csv")
    own = Predictions.from_table(pd.read_csv(out / "predictions.csv"), "none", "best_f1", exclusive=True)
    counted = (own.id != UNWEIGHTED).astype(float)[None]
    assert counted.sum() == COUNT - 1
    for name in CLASSES:
        column = labels.index(name.lower())
        one = Predictions(own.id, own.group, own.truth[:, [column]], own.logit[:, [column]])
        for ours, theirs in (("auroc", "auc"), ("average_precision", "ap")):
            score = one.score(ours, counted)[0]
            assert score == pytest.approx(found["per_category"][theirs][name], abs=RANKED), (name, theirs)
        # theirs has the area below as well, down to a sensitivity of 0
        fpr, tpr, _ = roc_curve(one.truth[:, 0], one.logit[:, 0], sample_weight=counted[0], drop_intermediate=False)
        before = np.flatnonzero(tpr < 0.8)[-1]
        at = np.interp(0.8, tpr[before : before + 2], fpr[before : before + 2])
        below = found["per_category"]["auc_sens_80"][name] - 0.8 * (1 - at)
        assert one.score(PAUC, counted)[0] == pytest.approx(below, abs=RANKED), name
    balanced = own.score("balanced_accuracy", counted)[0]
    assert balanced == pytest.approx(found["aggregate"]["balanced_accuracy"], abs=EXACT)
    assert balanced > 1 / len(CLASSES)  # which one class for all images has
    assert own.score("auroc", counted)[0] == pytest.approx(found["macro_average"]["auc"], abs=RANKED)
    written = pd.read_csv(out / "scores.csv").fillna({"label": ""}).set_index(["metric", "label"])["value"]
    assert written["auroc", ""] == pytest.approx(own.score("auroc", np.ones_like(counted))[0], abs=RANKED)
    assert abs(written["auroc", ""] - found["macro_average"]["auc"]) > 10 * RANKED  # by the image that does not count


def test_where_two_classes_are_likeliest_the_official_scorer_counts_the_image_as_wrong(official, tmp_path):
    rows = {"a": [1.0, 0, 1], "b": [0.0, 1, 0]}
    pd.DataFrame({"image": ["1x", "2x", "3x"]} | rows).to_csv(tmp_path / "truth.csv", index=False)
    predicted = {"a": [0.5, 0.25, 0.75], "b": [0.5, 0.75, 0.25]}
    pd.DataFrame({"image": ["1x", "2x", "3x"]} | predicted).to_csv(tmp_path / "predicted.csv", index=False)
    found = official("classification", tmp_path / "truth.csv", tmp_path / "predicted.csv")
    assert found["aggregate"]["balanced_accuracy"] == (1 / 2 + 1) / 2
    kinds = outcomes(predicted_labels(np.array([*predicted.values()]).T, exclusive=True), np.array([*rows.values()]).T)
    own = decision_score("balanced_accuracy", Counts(*(kind.sum(0, keepdims=True) for kind in kinds)), exclusive=True)
    assert own.tolist() == [1]  # the first of the two is predicted


def test_a_grey_of_128_is_absent_in_the_official_scorer_alone(official, tmp_path):
    pixels = np.zeros((8, 8), np.uint8)
    pixels[0], pixels[1, :3] = 255, (127, 128, 129)
    for name, content in (("truth", pixels), ("predicted", np.full((8, 8), 255, np.uint8))):
        (tmp_path / name).mkdir()
        Image.fromarray(content).save(tmp_path / name / "ISIC_0000001_segmentation.png")
    found = official("segmentation", tmp_path / "truth", tmp_path / "predicted")
    assert found["macro_average"]["jaccard"] == 9 / 64
    path, whole = tmp_path / "truth/ISIC_0000001_segmentation.png", Frame(8, 8, 0, 0, 8, 8)
    assert read_mask(path, (8, 8), whole, grey=True)[0].sum() == 10


def test_the_official_scorer_refuses_what_predict_py_refuses(scorer, tmp_path):
    mask = Image.new("L", (8, 8))
    (tmp_path / "truth").mkdir()
    mask.save(tmp_path / "truth/ISIC_0000001_segmentation.png")
    shutil.copytree(tmp_path / "truth", tmp_path / "predicted")
    mask.save(tmp_path / "predicted/ISIC_0000001.png")  # of an earlier command, in another format
    run = partial(subprocess.run, capture_output=True, text=True)
    command = (scorer, "-m", "isic_challenge_scoring", "segmentation", tmp_path / "truth", tmp_path / "predicted")
    assert "Multiple matching submissions" in run(command).stderr
