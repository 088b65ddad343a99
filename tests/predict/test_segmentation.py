"""Tests of masks of new images: equal to those of the run's test, at the images' size; means of runs; mistakes."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dermoscopy.data.store.reader import open_store
from dermoscopy.evaluation.comparison import predicted_planes, resized
from dermoscopy.masks.predicted import read_masks
from dermoscopy.predict.folders import ImageFolder, find_images
from dermoscopy.predict.images import read_batches
from dermoscopy.predict.postprocessing import Postprocessing
from dermoscopy.predict.rle import decode
from dermoscopy.predict.segmentation import MaskFiles, check_apart, other_pictures, predict_masks

IMAGES = "ISIC2018_Task1-2_Training_Input"
COUNT = 4


@pytest.fixture(scope="module")
def photos(few_source, lesion_run, tmp_path_factory) -> Path:
    """A folder of some test images, one of them in a subfolder."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "deeper").mkdir()
    for number, id in enumerate(sorted(read_masks(lesion_run / "masks.h5").ids)[:COUNT]):
        place = folder / "deeper" if number == 0 else folder
        shutil.copy(few_source.root / IMAGES / f"{id}.jpg", place)
    return folder


@pytest.fixture
def segment(run_script, photos):
    """A function that runs predict.py on the photos; arguments replace the defaults."""

    def run(*flags, **given):
        arguments = {"images": photos, "out": "out", "device": "cpu", "workers": 1} | given
        return run_script("predict.py", *(f"{key}={value}" for key, value in arguments.items()), *flags)

    return run


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def reference(run: Path, store_path: Path, id: str):
    """Return the probabilities of an image in the run's test, its row of `frame`, and `exclusive`."""
    store, masks = open_store(store_path), read_masks(run / "masks.h5")
    return masks.of([id])[0], store.frame[store.ids.tolist().index(id)], masks.exclusive


def test_masks_of_images_equal_those_of_the_test_at_the_images_size(segment, lesion_run, wide_store, tmp_path):
    ended = segment(run=lesion_run, tta="flips", probabilities=True, batch_size=4, threshold=0.4)
    assert ended.code == 0 and f"out/masks.csv: {COUNT} images, masks: lesion\n" in ended.out, ended.err
    table = pd.read_csv(tmp_path / "out/masks.csv", keep_default_na=False)
    assert list(table) == ["id", "mask", "rle", "pixels", "share", "height", "width"] and len(table) == COUNT
    for row in table.itertuples():
        probability, frame, exclusive = reference(lesion_run, wide_store, Path(row.id).name)
        expected = next(predicted_planes(probability, exclusive, frame, 0.4))
        assert expected.shape == (row.height, row.width) == (48, 64) and expected.any() and not expected.all()
        assert np.array_equal(read(tmp_path / f"out/{row.id}.png"), expected * np.uint8(255))
        assert np.array_equal(decode(row.rle, (row.height, row.width)), expected)
        assert row.pixels == expected.sum() and row.share == pytest.approx(expected.mean())
        picture = read(tmp_path / f"out/probabilities/{row.id}.png")
        assert np.array_equal(picture, np.rint(resized(probability[..., 0], frame)))
    assert [Path(row.id).parent.name for row in table.itertuples()].count("deeper") == 1


def test_exclusive_masks_are_decided_as_in_the_test(segment, classes_run, photos, tmp_path):
    ended = segment(run=classes_run, instances=True, min_pixels=20)
    assert ended.code == 0, ended.err
    table = pd.read_csv(tmp_path / "out/masks.csv", keep_default_na=False)
    for id in table.id.unique():
        masks = {name: read(tmp_path / f"out/{id}_{name}.png") == 255 for name in ("globules", "streaks")}
        assert not (masks["globules"] & masks["streaks"]).any()
        for name, mask in masks.items():
            rows = table[(table.id == id) & (table["mask"] == name)]
            parts = [decode(row.rle, (row.height, row.width)) for row in rows.itertuples()]
            assert np.array_equal(np.sum(parts, axis=0), mask)
            assert rows.instance.tolist() == (list(range(1, len(rows) + 1)) if mask.any() else [0])
    assert table.instance.max() > 1 and table.pixels[table.instance > 0].min() >= 20


def test_several_runs_predict_the_mean_of_their_probabilities(make_run, load_run, lesion_run, photos, tmp_path):
    runs = [load_run(folder) for folder in (lesion_run, make_run(tmp_path / "other"))]
    probabilities = []
    for part in (runs[:1], runs[1:], runs):
        batches = read_batches(find_images(photos), (64, 128), "pad", batch_size=4, workers=1)
        probabilities.append(np.array([image.probability for image in predict_masks(part, batches, "none")], float))
    one, other, mean = probabilities
    assert np.abs(one - other).max() > 50 and np.abs((one + other) / 2 - mean).max() <= 0.5


def test_wrong_input_is_one_clear_line(segment, lesion_run, classes_run, photos):
    def fails(*words, **given):
        ended = segment(**given)
        assert ended.code == 1 and ended.err == f"{ended.error}\n" and not ended.out, (ended.err, ended.out)
        assert all(word in ended.error for word in words), ended.error

    fails(f"out={photos}/new lies where the images are", run=lesion_run, out=photos / "new")
    fails("threshold and fill_holes are for masks that may overlap", run=classes_run, threshold=0.3)
    fails("tta must be one of none, flips, rotations", "did you mean flips?", run=lesion_run, tta="flip")
    fails("images and data are both given", run=lesion_run, data="demo")
    assert not list(photos.glob("**/*.png"))


def test_an_image_is_not_overwritten_by_its_mask(segment, lesion_run, tmp_path):
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()
    refused = segment(run=lesion_run, images="a.png", out=".")
    assert refused.code == 1 and "out=. lies where the images are" in refused.error
    assert segment(run=lesion_run, images="a.png", out="out").code == 0
    assert (tmp_path / "a.png").read_bytes() == before and read(tmp_path / "out/a.png").shape == (30, 40)


def files(*names, probabilities=False):
    return MaskFiles(names, Postprocessing(False, 0.5, False, 0), probabilities, instances=False)


def images_in(root: Path, *names: str) -> ImageFolder:
    return ImageFolder(root, {name.rpartition(".")[0]: root / name for name in names})


@pytest.mark.parametrize(
    ("names", "masks", "probabilities", "kept"),
    [
        (("a.jpg", "A.png", "b.png"), ("lesion",), False, ["b"]),  # capitals, which some systems do not tell apart
        (("a.jpg", "a_hair.jpg", "b.jpg"), ("hair", "hair_hair"), False, ["b"]),
        (("a.jpg", "probabilities/a.jpg"), ("lesion",), True, []),
        (("a.jpg", "probabilities/a.jpg"), ("lesion",), False, ["a", "probabilities/a"]),
        (("a.jpg", "sub/a.jpg", "sub_a.jpg"), ("lesion",), False, ["a", "sub/a", "sub_a"]),
        ((f"{'x' * 250}.jpg", "a.jpg"), ("lesion", "hair"), False, ["a"]),  # no name for its masks
    ],
)
def test_images_whose_masks_have_no_name_of_their_own_are_problems(names, masks, probabilities, kept, tmp_path):
    folder = images_in(tmp_path / "in", *names)
    check_apart(tmp_path / "in", tmp_path / "out", folder, files(*masks, probabilities=probabilities))
    assert list(folder.files) == kept
    assert sorted(problem.file for problem in folder.problems) == sorted(
        name for name in names if name.rpartition(".")[0] not in kept
    )


def test_masks_are_not_written_among_the_images(tmp_path):
    root = tmp_path / "in"
    (root / "in").mkdir(parents=True)
    for out, names in ((root, ["a.jpg"]), (root / "new", ["a.jpg"]), (tmp_path, ["in/a.jpg"])):
        with pytest.raises(ValueError, match="out=.* lies where the images are"):
            check_apart(root, out, images_in(root, *names), files("lesion"))
    check_apart(root, tmp_path, images_in(root, "a.jpg"), files("lesion"))
    (root / "link").symlink_to(tmp_path)
    Image.new("RGB", (8, 8)).save(root / "a.jpg")
    with pytest.raises(ValueError, match="out=.* lies where the images are"):  # a link leads there
        check_apart(root, tmp_path / "out", find_images(root), files("lesion"))
    with pytest.raises(ValueError, match="out=.* lies where the images are"):  # beside the only image
        check_apart(root / "a.jpg", root, images_in(root, "a.jpg"), files("lesion"))
    check_apart(root / "a.jpg", root, images_in(root, "a.jpg"), files())  # labels.csv is no image


def test_masks_of_other_images_in_the_output_are_counted(tmp_path):
    for name in ("a.png", "b_old.png", "masks.csv"):
        (tmp_path / name).touch()
    assert "1 other PNG files, as b_old.png" in other_pictures(tmp_path, images_in(tmp_path, "a.jpg"), files("lesion"))
    (tmp_path / "b_old.png").unlink()
    assert other_pictures(tmp_path, images_in(tmp_path, "a.jpg"), files("lesion")) == ""
