"""The fourth verb: labels of new images equal those of the test, and every mistake is one line."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image

from dermoscopy.predict.classification import predict_labels
from dermoscopy.predict.images import decode, find_images, read_batches
from dermoscopy.predict.network import load_network, load_weights
from dermoscopy.runs.checkpoints import weights
from dermoscopy.runs.files import BEST
from dermoscopy.runs.find import find_checkpoint
from dermoscopy.runs.recorded import read_stage

PHOTOS = Path("data/raw/demo/ISIC2018_Task1-2_Training_Input")
TRAINING = [
    *("data.make.count=40", "data.make.size=[48,64]", "+data.make.workers=1", "data.size=[32,32]"),
    *("split.val=0.3", "split.test=0.3"),
    *("network.backbone=test_resnet", "zeroing=never", "epochs=1", "threads=1", "logger=csv"),
    *("trainer=cpu", "trainer.precision=32-true"),  # whatever the processor has
]


@pytest.fixture
def trained(run_script: Callable[..., Any], shared: Callable[..., Path], tmp_path: Path) -> Path:
    """A folder in which a tiny network has learnt for one epoch, made by the real train.py, once for all tests."""

    def fill(folder: Path) -> None:
        ended = run_script("train.py", *TRAINING)
        assert ended.code == 0, ended.err
        for made in ("data", "runs"):
            shutil.move(tmp_path / made, folder)

    return shared("classifier", fill)


@pytest.fixture
def checkpoint(trained: Path) -> Path:
    return next(trained.glob(f"runs/run/*/{BEST}"))


@pytest.fixture
def predict(trained: Path, run_script: Callable[..., Any]) -> Callable[..., Any]:
    """Runs predict.py with key=value arguments; by default on the trained runs and the photos they came from."""

    def run(**given: object) -> Any:
        arguments = {"runs": trained / "runs", "images": trained / PHOTOS, "device": "cpu", "workers": 1} | given
        return run_script("predict.py", *(f"{key}={value}" for key, value in arguments.items() if value is not None))

    return run


def fails(ended: Any, *words: str) -> bool:
    """Whether a program ended with 1 and said nothing but one line that holds all these words."""
    assert ended.code == 1 and ended.err == f"{ended.error}\n" and not ended.out, (ended.code, ended.err, ended.out)
    assert all(word in ended.error for word in words), ended.error
    return True


def expected(checkpoint: Path) -> pd.DataFrame:
    """Logits of the test images without masks, a column a label."""
    table = pd.read_csv(checkpoint.with_name("predictions.csv"))
    return table[table.availability == "none"].pivot_table(index="id", columns="label", values="logit")


def test_labels_equal_those_of_the_test_without_masks(predict, checkpoint, tmp_path):
    ended = predict(run=checkpoint.parent.name[:6], out="new/out", batch_size=7)
    assert ended.code == 0 and "new/out/labels.csv: 40 images, 5 labels\n" in ended.out, ended.err
    predicted = pd.read_csv(tmp_path / "new/out/labels.csv", index_col="id")
    labels = read_stage(checkpoint).labels
    assert list(predicted.columns) == [*labels, *(f"{name}_predicted" for name in labels)]
    assert predicted.index.is_monotonic_increasing
    logits, thresholds = expected(checkpoint), weights(checkpoint)["thresholds"]
    assert thresholds.any()  # the default rule chooses others than 0
    for name, threshold in zip(labels, thresholds.tolist(), strict=True):
        odds = np.log(predicted[name] / (1 - predicted[name]))
        sure = (odds - threshold).abs() > 1e-4  # of what the rounding of a file cannot change
        assert (predicted[f"{name}_predicted"] == (odds > threshold))[sure].all()
    assert len(logits) == 12
    of_test = predicted.loc[logits.index, logits.columns]
    np.testing.assert_allclose(np.log(of_test / (1 - of_test)), logits, rtol=0, atol=1e-4)


def test_a_classifier_on_its_own_store_gives_its_own_test(predict, checkpoint, trained, tmp_path):
    store = next(trained.glob("data/*.h5"))
    given = {"run": checkpoint, "images": None, "workers": None, "data": "demo", "data.store": store}
    ended = predict(**given, out="out")
    assert ended.code == 0 and "out/scores.csv: 12 images, accuracy " in ended.out, ended.err
    predicted = pd.read_csv(tmp_path / "out/predictions.csv")
    assert set(predicted.availability) == {"none"}
    counts, own_counts = (
        pd.read_csv(folder / "confusion.csv").query("availability == 'none'").reset_index(drop=True)
        for folder in (tmp_path / "out", checkpoint.parent)
    )
    pd.testing.assert_frame_equal(counts, own_counts)  # both at the thresholds of the run
    assert all((tmp_path / "out" / name).is_file() for name in ("confusion.png", "reliability.png"))
    own, logits = expected(checkpoint), predicted.pivot_table(index="id", columns="label", values="logit")
    np.testing.assert_allclose(logits.loc[own.index, own.columns], own, rtol=0, atol=1e-4)
    scores = pd.read_csv(tmp_path / "out/scores.csv", keep_default_na=False).set_index(["metric", "label"])["value"]
    metrics = json.loads(checkpoint.with_name("result.json").read_text())["metrics"]
    for label in ("", *own.columns):
        for metric in ("auroc", "tuned_f1", "ece"):
            tested = metrics[f"test/none/{metric}" + (f"/{label}" if label else "")]
            found = scores[metric, label]
            assert (found == "") if tested is None else (float(found) == pytest.approx(tested, abs=1e-3))
    assert fails(predict(**given, views="flips"), "views has an effect only with runs that segment")


def test_every_name_of_a_stage_finds_it(trained, checkpoint, monkeypatch):
    monkeypatch.chdir(trained)
    job = next(Path("runs/run/sweeps").glob("*/0"))
    found = checkpoint.relative_to(trained)
    for name in (found.parent.name, found.parent.name[:4], found.parent, job, found):
        assert find_checkpoint(str(name), Path("runs"), "sqlite:///none.db").resolve() == checkpoint
    assert not Path("none.db").exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # between MLflow and SQLAlchemy
def test_an_mlflow_run_finds_its_stage(empty_database, tmp_path):
    from mlflow import MlflowClient  # noqa: PLC0415

    uri = f"sqlite:///{shutil.copy(empty_database, tmp_path / 'mlflow.db')}"
    client = MlflowClient(uri)
    run = client.create_run(client.create_experiment("run"), tags={"key": "ab12"}).info.run_id
    stage = tmp_path / "runs/run/ab12"
    stage.mkdir(parents=True)
    (stage / BEST).touch()
    assert find_checkpoint(run, tmp_path / "runs", uri) == stage / BEST
    with pytest.raises(ValueError, match="no trained stage"):
        find_checkpoint("0" * 32, tmp_path / "runs", uri)


def test_an_unknown_and_an_ambiguous_run_list_candidates(tmp_path):
    for key in ("ab1", "ab2", "cd3"):
        (tmp_path / "run" / key).mkdir(parents=True)
        (tmp_path / "run" / key / BEST).touch()
    with pytest.raises(ValueError, match=r"keys of 2 stages, give one: .*run/ab1, .*run/ab2$"):
        find_checkpoint("ab", tmp_path, "sqlite:///none.db")
    with pytest.raises(ValueError, match=r"run=12e5 names .*there are: .*ab1, .*ab2, .*cd3$"):
        find_checkpoint("12e5", tmp_path, "sqlite:///none.db")


def test_a_job_without_a_trained_stage_says_so(tmp_path):
    (tmp_path / "job.json").write_text(json.dumps({"status": "failed"}))
    with pytest.raises(ValueError, match="its status is failed"):
        find_checkpoint(str(tmp_path), tmp_path, "sqlite:///none.db")


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
    assert fails(predict(**known | {"device": "abacus"}), "device=abacus cannot be used here")
    assert fails(predict(**known, on_error="hope"), "on_error must be stop or skip, got hope")
    assert fails(predict(**known, batch_size=0), "batch_size must be at least 1, got 0")
    assert fails(predict(run=checkpoint), "out is missing: python predict.py run=ID images=DIR out=DIR")
    assert not list(tmp_path.glob("**/labels.csv"))


def test_files_with_problems_are_all_listed_or_left_out(predict, trained, checkpoint, tmp_path):
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
    assert stopped.code == 1 and "problems with files in photos: 3; mend them" in stopped.error
    assert (out / "labels.csv").read_text() == "from before\n"
    skipped = predict(**given, on_error="skip")
    assert skipped.code == 0, skipped.err
    for text in (stopped.err, skipped.out):
        assert all(name in text for name in ("broken.jpg", "deeper/empty.png", "2 images have the id same"))
    assert list(pd.read_csv(out / "labels.csv").id) == ["a", "deeper/b.c"]
    assert [path.name for path in out.iterdir()] == ["labels.csv"]
    one = predict(**given | {"images": "photos/a.JPG"})
    assert one.code == 0 and list(pd.read_csv(out / "labels.csv").id) == ["a"]


def test_decoding_stays_only_a_little_ahead(tmp_path, monkeypatch):
    for index in range(20):
        Image.new("RGB", (8, 8), (index, 0, 0)).save(tmp_path / f"{index:02}.png")
    begun = []
    monkeypatch.setattr(
        "dermoscopy.predict.images.read_image", lambda path, size, fit: (np.zeros((8, 8, 3)), begun.append(path))
    )
    images = decode(find_images(tmp_path), (8, 8), "pad", ahead=4, workers=1)
    assert next(images).id == "00"
    images.close()
    assert len(begun) <= 5


def test_weights_come_without_pickled_code_and_only_for_the_network_they_were_trained_for(checkpoint, tmp_path):
    config = yaml.safe_load(checkpoint.with_name("config.yaml").read_text())
    config["network"] |= {"pretrained": True, "checkpoint": "elsewhere.pt"}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    stage = read_stage(tmp_path / BEST)
    assert "the stage is not finished" in str(stage) and "not finished" not in str(read_stage(checkpoint))
    torch.save({"state_dict": {"network.a": print}}, tmp_path / BEST)
    with pytest.raises(ValueError, match="never pickled code"):
        load_weights(torch.nn.Linear(2, 2), tmp_path / BEST)
    with pytest.raises(ValueError, match="does not fit the network"):
        load_weights(torch.nn.Linear(2, 2), checkpoint)
    (tmp_path / "config.yaml").write_text("data: [")
    with pytest.raises(ValueError, match=r"config.yaml is not the configuration of a trained stage"):
        read_stage(tmp_path / BEST)


def test_the_network_predicts_in_evaluation_mode_and_is_given_no_masks(checkpoint, tmp_path):
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
    predicted = predict_labels(trained, batches)
    names = list(stage.labels)
    assert np.allclose(predicted.loc[0, names].astype(float), 1 / (1 + np.exp(-2)))
    assert (predicted.drop(columns=["id", *names]) == 1).all(axis=None)


def test_exclusive_labels_are_predicted_by_their_share_of_the_softmax(checkpoint, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")

    class Constant(torch.nn.Linear):
        def forward(self, image, mask=None):
            return torch.tensor([[2.0, 1.0, 0.0, 0.0, 0.0]])

    network = Constant(1, 1)
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": state | {"thresholds": torch.tensor([0.2, -2.0, 0.0, -3.0, 0.0])}}, tmp_path / BEST)
    stage = replace(read_stage(checkpoint), checkpoint=tmp_path / BEST, exclusive=True)
    batches = read_batches(find_images(tmp_path), (32, 32), "pad", batch_size=4, workers=1)
    predicted = predict_labels(load_network(stage, network, torch.device("cpu")), batches).drop(columns="id")
    assert np.allclose(predicted.iloc[0, :5].astype(float), np.exp([2, 1, 0, 0, 0]) / np.exp([2, 1, 0, 0, 0]).sum())
    assert predicted.iloc[0, 5:].tolist() == [1, 1, 0, 1, 0]  # each against its own threshold of the log-odds
