"""The demo data: deterministic, consistent with its causal model, in the layout of ISIC; other files are kept."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders import REAL
from PIL import Image

from dermoscopy.data.demo import dataset as demo
from dermoscopy.data.demo.dataset import IMAGES, LESIONS, REGIONS, make_demo
from dermoscopy.data.demo.lesions import (
    ATTRIBUTES,
    lesion_of,
)

SIZE = (72, 96)
COUNT = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_demo(tmp_path_factory.mktemp("demo") / "set", COUNT, SIZE, seed=3, workers=1)


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_image_depends_on_neither_the_count_nor_the_number_of_workers(folder: Path, tmp_path: Path) -> None:
    few = contents(make_demo(tmp_path / "few", 7, SIZE, seed=3, workers=2))
    many = contents(folder)
    few.pop("demo.json")
    rows = few.pop("labels.csv").splitlines()
    assert all(many[name] == content for name, content in few.items())
    assert rows == many["labels.csv"].splitlines()[: len(rows)]


def test_another_seed_gives_other_images(folder: Path, tmp_path: Path) -> None:
    other = make_demo(tmp_path / "other", 1, SIZE, seed=4, workers=1)
    name = f"{IMAGES}/DEMO_0000000.jpg"
    assert (other / name).read_bytes() != (folder / name).read_bytes()


def test_the_folder_has_the_layout_and_the_table_describes_the_files(folder: Path) -> None:
    labels = pd.read_csv(folder / "labels.csv")
    assert len(labels) == COUNT and labels.image_id.is_unique
    assert [len(list((folder / part).iterdir())) for part in (IMAGES, LESIONS, REGIONS)] == [COUNT, COUNT, 5 * COUNT]
    for row in labels.itertuples():
        assert read(folder / IMAGES / f"{row.image_id}.jpg").shape == (row.height, row.width, 3) == (*SIZE, 3)
        lesion = read(folder / LESIONS / f"{row.image_id}_segmentation.png")
        assert lesion.dtype == np.uint8 and set(np.unique(lesion)) == {0, 255}
        assert row.lesion_frac == pytest.approx((lesion > 0).mean(), abs=1e-4)
        for name in ATTRIBUTES:
            region = read(folder / REGIONS / f"{row.image_id}_attribute_{name}.png")
            assert region.shape == SIZE and set(np.unique(region)) <= {0, 255}
            assert getattr(row, name) == int(region.any())
            assert not region[lesion == 0].any()
    assert ((labels.dx == "mel") == (labels.malignant == 1)).all()


def test_the_table_has_only_columns_of_the_real_one(folder: Path) -> None:
    if not REAL.is_dir():
        pytest.skip("the ISIC 2018 images are not on this machine")
    demo_columns = pd.read_csv(folder / "labels.csv").columns
    real_columns = pd.read_csv(REAL / "labels.csv", nrows=1).columns
    assert [column for column in real_columns if column in set(demo_columns)] == list(demo_columns)


def test_photographs_of_one_lesion_share_its_properties_and_differ_in_the_rest(tmp_path: Path) -> None:
    start = next(index for index in range(1000) if lesion_of(5, index) != index)
    labels = pd.read_csv(make_demo(tmp_path / "set", start + 1, (32, 40), seed=5, workers=1) / "labels.csv")
    twice = labels[labels.group_id == labels.group_id.iloc[-1]]
    assert len(twice) == 2
    shared = [*ATTRIBUTES, "dx", "malignant", "age_approx", "sex", "anatom_site", "lesion_id"]
    assert (twice[shared].nunique() == 1).all()
    first, second = (read(tmp_path / "set" / IMAGES / f"{name}.jpg").astype(int) for name in twice.image_id)
    assert np.abs(first - second).mean() > 2


def test_the_same_recipe_is_not_remade_and_another_one_replaces_it(tmp_path: Path) -> None:
    root = make_demo(tmp_path / "set", 2, (32, 40), workers=1)
    before = (root / "labels.csv").stat().st_mtime_ns
    make_demo(root, 2, (32, 40), workers=1)
    assert (root / "labels.csv").stat().st_mtime_ns == before
    make_demo(root, 3, (32, 40), workers=1)
    assert len(pd.read_csv(root / "labels.csv")) == json.loads((root / "demo.json").read_text())["count"] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize("note", ["mine", '{"generator": "something else"}', "[]", "{"])
def test_a_folder_other_than_a_demo_folder_is_refused_and_kept(tmp_path: Path, note: str) -> None:
    root = tmp_path / "photographs"
    root.mkdir()
    (root / "demo.json").write_text(note)
    with pytest.raises(FileExistsError, match="photographs exists and is not a demo folder"):
        make_demo(root, 2, (32, 40), workers=1)
    assert (root / "demo.json").read_text() == note


def test_an_interruption_leaves_nothing_behind_and_keeps_the_old_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_demo(tmp_path / "set", 2, (32, 40), workers=1)
    before = contents(root)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "_save_mask", interrupt)
    for target in (root, tmp_path / "second"):
        with pytest.raises(KeyboardInterrupt):
            make_demo(target, 3, (32, 40), workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    assert contents(root) == before


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"count": 0}, "count must be at least 1, got 0"),
        ({"size": (16, 64)}, r"size must be at least 32 .*got \[16, 64\]"),
        ({"seed": -1}, "seed must not be negative, got -1"),
        ({"workers": 0}, "workers must be at least 1.*got 0"),
    ],
)
def test_arguments_out_of_range_are_refused(tmp_path: Path, argument: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_demo(tmp_path / "set", **argument)
    assert not list(tmp_path.iterdir())
