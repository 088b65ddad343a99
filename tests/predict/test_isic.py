"""Tests of files for the ISIC challenges: their names and content, beside the usual files, and what is refused."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from dermoscopy.data.prepare import prepare
from dermoscopy.data.raw.sources import FolderSource
from dermoscopy.data.store.reader import open_store
from dermoscopy.evaluation.comparison import predicted_planes
from dermoscopy.masks.predicted import read_masks
from dermoscopy.predict.isic import (
    ATTRIBUTES,
    CLASSES,
    ChallengeFiles,
    check_names,
    check_vacant,
    label_columns,
    misnamed,
    write_submission,
)
from dermoscopy.predict.postprocessing import Postprocessing
from dermoscopy.runs.files import BEST
from dermoscopy.runs.recorded import read_stage

IMAGES = "ISIC2018_Task1-2_Training_Input"
ONES = ("ISIC_0000001", "ISIC_0000002")


@pytest.fixture(scope="module")
def photos(few_source, tmp_path_factory) -> Path:
    """A folder with two images of the demo, one of them in a subfolder."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "deeper").mkdir()
    for name, place in zip(ONES, (folder, folder / "deeper"), strict=True):
        shutil.copy(few_source.root / IMAGES / f"{demo(name)}.jpg", place / f"{name}.jpg")
    return folder


def demo(name: str) -> str:
    """Return the name that an image has in the demo."""
    return name.replace("ISIC", "DEMO")


@pytest.fixture(scope="module")
def renamed(few_source, tmp_path_factory) -> FolderSource:
    """The images and masks of the demo under names of the challenge."""
    root = tmp_path_factory.mktemp("renamed")
    for path in few_source.root.rglob("DEMO_*"):
        place = root / path.relative_to(few_source.root).parent
        place.mkdir(exist_ok=True)
        shutil.copy(path, place / path.name.replace("DEMO", "ISIC"))
    return replace(few_source, root=root)


@pytest.fixture
def predict(run_script, photos):
    """A function that runs predict.py on the photos, by default in the format of the challenge."""

    def run(**given):
        arguments = {"images": photos, "out": "out", "format": "isic", "device": "cpu"} | given
        return run_script("predict.py", *(f"{key}={value}" for key, value in arguments.items() if value is not None))

    return run


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def files(*names: str, probabilities: bool = False) -> ChallengeFiles:
    return ChallengeFiles(names, Postprocessing(False, 0.5, False, 0), probabilities, instances=False)


def test_masks_have_the_names_of_the_challenge_and_the_usual_pixels(predict, lesion_run, tmp_path):
    ended = predict(run=lesion_run, threshold=0.4)
    assert ended.code == 0 and "out/ISIC_x_segmentation.png: as Task 1 takes them\n" in ended.out, ended.err
    assert predict(run=lesion_run, threshold=0.4, format=None, out="usual").code == 0
    assert predict(run=lesion_run, threshold=0.4, format="own", out="own").code == 0
    written, usual = content(tmp_path / "out"), content(tmp_path / "usual")
    assert usual == content(tmp_path / "own") and {*usual} == {f"{ONES[0]}.png", f"deeper/{ONES[1]}.png", "masks.csv"}
    assert {*written} == {*(f"{name}_segmentation.png" for name in ONES), "masks.csv"}
    for name, other in zip(ONES, (f"{ONES[0]}.png", f"deeper/{ONES[1]}.png"), strict=True):
        with Image.open(tmp_path / "out" / f"{name}_segmentation.png") as mask:
            assert (mask.mode, mask.size, {*np.unique(mask)}) == ("L", (64, 48), {0, 255})
        assert written[f"{name}_segmentation.png"] == usual[other]
    again = predict(run=lesion_run)  # the same files, which are replaced
    assert again.code == 0 and {*content(tmp_path / "out")} == {*written}


def test_masks_of_a_store_are_those_that_it_is_scored_by_at_the_size_of_the_images(
    predict, classes_run, renamed, wide_store, few_source, tmp_path
):
    path = prepare(renamed, tmp_path / "few-64x128.h5", (64, 128), progress=False)
    data = {"data": "demo", "data.store": path, "data.raw": renamed.root, "images": None}
    refused = predict(run=classes_run, **data | {"data.store": wide_store, "data.raw": few_source.root})
    assert refused.code == 1 and "cannot name: 4, as DEMO_0000005" in refused.error and not refused.out
    assert not (tmp_path / "out").exists()
    ended = predict(run=classes_run, **data, **{"data.source.csv": "null"})
    line = "ISIC_x_attribute_NAME.png: as Task 2 takes them, which also wants milia_like_cyst, negative_network, "
    assert ended.code == 0 and line in ended.out, ended.err
    store, masks = open_store(path), read_masks(tmp_path / "out/masks.h5")
    place = {id: row for row, id in enumerate(store.ids.tolist())}
    names = {f"{id}_attribute_{name}.png" for id in masks.ids.tolist() for name in ("globules", "streaks")}
    usual = {"masks.h5", "masks.csv", "scores.csv", "predictions.csv", "dice.png", "evaluation.json"}
    usual |= {f"panels-{name}.png" for name in masks.names}
    assert {file.name for file in (tmp_path / "out").iterdir()} == names | usual
    assert len(masks.ids) == 30
    scores = pd.read_csv(tmp_path / "out/predictions.csv").set_index(["size", "id", "mask"])
    for id in masks.ids.tolist():
        planes = predicted_planes(masks.of([id])[0], masks.exclusive, store.frame[place[id]])
        for name, plane in zip(masks.names, planes, strict=True):
            written = np.asarray(Image.open(tmp_path / "out" / f"{id}_attribute_{name}.png"))
            assert written.shape == (48, 64) and np.array_equal(written, plane * np.uint8(255))
            assert scores.loc["original", id, name]["predicted"] == (written == 255).sum()


def test_a_table_has_the_names_of_the_images_and_one_probability_for_each_label(predict, checkpoint, trained, tmp_path):
    given = {"run": checkpoint, "runs": trained / "runs"}
    ended = predict(**given)
    labels = read_stage(checkpoint).labels
    assert ended.code == 0 and f"submission.csv: 2 images, columns {', '.join(labels)}\n" in ended.out, ended.err
    assert predict(**given, format=None, out="usual").code == 0
    written, usual = content(tmp_path / "out"), content(tmp_path / "usual")
    assert {*usual} == {"labels.csv"} and {*written} == {"labels.csv", "submission.csv"}
    assert written["labels.csv"] == usual["labels.csv"]
    table = pd.read_csv(tmp_path / "out/submission.csv")
    assert list(table) == ["image", *labels] and set(table["image"]) == set(ONES)
    own = pd.read_csv(tmp_path / "out/labels.csv").assign(image=lambda rows: rows["id"].str.rpartition("/")[2])
    np.testing.assert_allclose(table[[*labels]], own.set_index("image").loc[table["image"], [*labels]], rtol=1e-6)


def test_a_table_of_a_store_has_the_images_that_are_scored(predict, checkpoint, trained, tmp_path):
    data = {"data": "demo", "data.store": next(trained.glob("data/*.h5")), "images": None}
    ended = predict(run=checkpoint, **data)
    assert ended.code == 0 and "out/submission.csv: 12 images, columns " in ended.out, ended.err
    table = pd.read_csv(tmp_path / "out/submission.csv", index_col="image")
    logits = pd.read_csv(tmp_path / "out/predictions.csv").pivot_table(index="id", columns="label", values="logit")
    np.testing.assert_allclose(table, 1 / (1 + np.exp(-logits.loc[table.index, table.columns])), rtol=1e-6)


def test_the_classes_of_task_3_have_its_columns_in_its_order(tmp_path):
    labels = ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
    odds = torch.arange(14.0).view(2, 7) - 7
    line = write_submission(["a/ISIC_0000001", "b"], odds, labels, True, tmp_path)
    assert line == "submission.csv: 2 images, columns MEL, NV, BCC, AKIEC, BKL, DF, VASC"
    table = pd.read_csv(tmp_path / "submission.csv")
    assert list(table) == ["image", *CLASSES] and list(table["image"]) == ["ISIC_0000001", "b"]
    expected = 1 / (1 + np.exp(-odds.double().numpy()))
    np.testing.assert_allclose(table[[*CLASSES]], expected[:, [4, 5, 1, 0, 2, 3, 6]], rtol=1e-12)
    assert [*label_columns(labels, exclusive=False).values()] == labels  # those of Task 3 exclude each other
    assert [*label_columns(labels[:6], exclusive=True).values()] == labels[:6]
    with pytest.raises(ValueError, match="a label of the run is called image"):
        label_columns(["melanoma", "image"], exclusive=False)


def test_a_table_keeps_apart_what_single_precision_rounds_to_one(tmp_path):
    odds = torch.tensor([[20.0], [21.0], [-21.0]])
    assert odds[0].sigmoid() == odds[1].sigmoid() == 1
    write_submission(["a", "b", "c"], odds, ["x"], False, tmp_path)
    first, second, third = pd.read_csv(tmp_path / "submission.csv")["x"]
    assert 1 > second > first and third == pytest.approx(1 / (1 + np.exp(21)))


@pytest.mark.parametrize(
    ("names", "probabilities", "message"),
    [
        (("lesions",), False, "format=isic has no name for the mask lesions.*did you mean lesion"),
        (("lesion", "streaks"), False, "not both in one folder, the run segments lesion, streaks"),
        (("lesion",), True, "leave probabilities out"),
    ],
)
def test_masks_that_the_challenge_does_not_take_are_refused(names, probabilities, message):
    with pytest.raises(ValueError, match=message):
        files(*names, probabilities=probabilities)


def test_the_line_on_masks_names_what_the_task_has_besides():
    assert files("lesion").line == "ISIC_x_segmentation.png: as Task 1 takes them"
    assert files(*ATTRIBUTES).line == "ISIC_x_attribute_NAME.png: as Task 2 takes them"
    assert files(*ATTRIBUTES[:4]).line.endswith(", which also wants streaks")


def test_images_whose_names_the_challenge_does_not_know_are_found():
    ids = ["ISIC_0000001", "a/ISIC_0000002", "b/ISIC_0000002", "ISIC_000003", "c/photo", "d/photo"]
    twice, unnamed = ["a/ISIC_0000002", "b/ISIC_0000002"], ["ISIC_000003", "c/photo", "d/photo"]
    faults = misnamed(ids, segments=True)
    assert sorted(faults) == sorted([*twice, *unnamed])
    assert {faults[id][0] for id in twice} == {"2 images are called ISIC_0000002"}
    assert {faults[id][0] for id in unnamed} == {"no name of the challenge's"}
    assert sorted(misnamed(ids, segments=False)) == sorted([*twice, "c/photo", "d/photo"])  # a table takes any name
    check_names(ids[:2], segments=True)
    with pytest.raises(ValueError, match="cannot name: 1, as photo .no name"):
        check_names(["ISIC_0000001", "photo"], segments=True)


def test_other_masks_where_the_scorer_would_find_them_are_refused(tmp_path):
    check_vacant(tmp_path / "none", files("lesion"), ONES)
    for name in ("ISIC_0000001_segmentation.png", "masks.csv", "other.png"):
        (tmp_path / name).touch()
    check_vacant(tmp_path, files("lesion"), ONES)
    for name in ("ISIC_0000001.png", "ISIC_0000003_segmentation.png"):
        (tmp_path / name).touch()
        with pytest.raises(ValueError, match=f"out=.* holds {name}, not of this command"):
            check_vacant(tmp_path, files("lesion"), ONES)
        (tmp_path / name).unlink()


def test_wrong_input_is_one_clear_line(predict, lesion_run, checkpoint, trained, photos, tmp_path):
    def fails(*words, **given):
        ended = predict(**given)
        assert ended.code == 1 and ended.err == f"{ended.error}\n" and not ended.out, (ended.err, ended.out)
        assert all(word in ended.error for word in words), ended.error

    fails("format must be one of own, isic, got isik", "did you mean isic?", run=lesion_run, format="isik")
    fails("leave probabilities out", run=lesion_run, probabilities=True)
    (tmp_path / "out").mkdir()
    (tmp_path / f"out/{ONES[0]}.png").touch()
    fails(f"out holds {ONES[0]}.png", run=lesion_run)
    run = shutil.copytree(lesion_run, tmp_path / "hair")
    (run / "config.yaml").write_text((run / "config.yaml").read_text().replace("- lesion", "- hair"))
    assert read_stage(run / BEST).masks == ("hair",)
    fails("format=isic has no name for the mask hair", run=run)
    assert predict(run=checkpoint, runs=trained / "runs").code == 0  # a table lies beside anything


def test_images_without_a_name_of_the_challenge_stop_the_command_or_are_left_out(predict, lesion_run, photos, tmp_path):
    shutil.copytree(photos, tmp_path / "images")
    shutil.copy(photos / f"{ONES[0]}.jpg", tmp_path / "images/photo.jpg")
    given = {"run": lesion_run, "images": "images"}
    stopped = predict(**given)
    assert stopped.code == 1 and "problems with files in images: 1" in stopped.error and "photo.jpg" in stopped.err
    assert not (tmp_path / "out").exists()
    skipped = predict(**given, on_error="skip")
    assert skipped.code == 0, skipped.err
    assert {*content(tmp_path / "out")} == {*(f"{name}_segmentation.png" for name in ONES), "masks.csv", "left_out.csv"}
