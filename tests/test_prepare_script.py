"""prepare.py as a user runs it: the demo, custom folders, and a one-line message per mistake."""

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders import REAL
from PIL import Image

from dermoscopy.data.store.reader import open_store


@pytest.fixture
def folders(tmp_path) -> Path:
    """Eight photographs with lesion masks and a table of labels, in custom folders."""
    rng = np.random.default_rng(0)
    for name in ("photos", "masks"):
        (tmp_path / "mine" / name).mkdir(parents=True)
    for i in range(8):
        Image.fromarray(rng.integers(0, 255, (40, 60, 3), dtype=np.uint8)).save(tmp_path / f"mine/photos/{i}.jpg")
        mask = np.zeros((40, 60), np.uint8)
        mask[10:30, 20:40] = 255
        Image.fromarray(mask).save(tmp_path / f"mine/masks/{i}.png")
    table = pd.DataFrame({"image": [str(i) for i in range(8)], "dx": ["mel", "nv"] * 4})
    table.to_csv(tmp_path / "mine/labels.csv", index=False)
    return tmp_path / "mine"


@pytest.fixture
def prepare(run_script, folders):
    """Runs prepare.py on the folders; further arguments are overrides."""

    def run(*arguments: str):
        return run_script(
            "prepare.py",
            "data=folders",
            "data.name=mine",
            f"data.raw={folders}",
            "data.source.images='photos/{id}.*'",
            "+data.source.masks.lesion='masks/{id}.png'",
            "data.source.csv=labels.csv",
            "data.source.id_column=image",
            "+data.source.columns.melanoma='dx=mel'",
            "data.source.from_masks=[lesion]",
            "data.size=[32,32]",
            *arguments,
        )

    return run


def test_a_store_is_written_from_custom_folders(prepare, tmp_path):
    ended = prepare()
    assert ended.code == 0, ended.err
    store = open_store(tmp_path / "data/mine-32x32.h5")
    assert len(store) == 8
    assert store.mask_names == ("lesion",)
    assert set(store.label_names) == {"melanoma", "lesion"}
    assert "up to date" in prepare().out


def test_the_demo_is_drawn_and_prepared_without_an_argument(run_script, tmp_path):
    ended = run_script("prepare.py", "data.make.count=12", "data.make.size=[48,64]", "data.size=[32,32]")
    assert ended.code == 0, ended.err
    assert len(open_store(tmp_path / "data/demo-32x32.h5")) == 12


def spoil_truncated(folder: Path) -> None:
    path = folder / "photos/3.jpg"
    path.write_bytes(path.read_bytes()[:300])


def spoil_sixteen_bit(folder: Path) -> None:
    (folder / "photos/3.jpg").unlink()
    Image.fromarray(np.full((40, 60), 40000, np.uint16)).save(folder / "photos/3.png")


def spoil_cmyk(folder: Path) -> None:
    Image.new("CMYK", (60, 40)).save(folder / "photos/3.jpg")


def spoil_mask_size(folder: Path) -> None:
    Image.new("L", (50, 40)).save(folder / "masks/3.png")


def spoil_grey_mask(folder: Path) -> None:
    Image.new("L", (60, 40), 128).save(folder / "masks/3.png")


def spoil_missing_mask(folder: Path) -> None:
    (folder / "masks/3.png").unlink()


def spoil_duplicate_id(folder: Path) -> None:
    shutil.copy(folder / "photos/3.jpg", folder / "photos/3.jpeg")


def spoil_table(folder: Path) -> None:
    pd.DataFrame({"image": [str(i) for i in range(8)]}).to_csv(folder / "labels.csv", index=False)


def spoil_empty(folder: Path) -> None:
    shutil.rmtree(folder / "photos")
    (folder / "photos").mkdir()


SPOILERS = {
    spoil_truncated: "photos/3.jpg",
    spoil_sixteen_bit: "photos/3.png",
    spoil_cmyk: "photos/3.jpg",
    spoil_mask_size: "masks/3.png",
    spoil_grey_mask: "masks/3.png",
    spoil_missing_mask: "3",
    spoil_duplicate_id: "3",
    spoil_table: "dx",
    spoil_empty: "photos",
}


@pytest.mark.parametrize("spoil", SPOILERS, ids=lambda spoil: spoil.__name__)
def test_an_invalid_file_is_named_and_nothing_is_written(prepare, folders, tmp_path, spoil):
    spoil(folders)
    ended = prepare()
    assert ended.code == 1
    assert ended.err.count("error: ") == 1
    assert SPOILERS[spoil] in ended.err
    assert not list((tmp_path / "data").glob("*")) if (tmp_path / "data").exists() else True


@pytest.mark.parametrize("spoil", [spoil_truncated, spoil_grey_mask, spoil_cmyk], ids=lambda spoil: spoil.__name__)
def test_on_error_skip_leaves_out_the_image_and_reports_it(prepare, folders, tmp_path, spoil):
    spoil(folders)
    ended = prepare("data.on_error=skip")
    assert ended.code == 0, ended.err
    assert "left out" in ended.out
    assert len(open_store(tmp_path / "data/mine-32x32.h5")) == 7


def test_a_palette_png_is_read_in_its_colours(prepare, folders, tmp_path):
    (folders / "photos/3.jpg").unlink()
    Image.new("RGB", (60, 40), (200, 30, 60)).quantize().save(folders / "photos/3.png")
    assert prepare().code == 0
    store = open_store(tmp_path / "data/mine-32x32.h5")
    row = store.ids.tolist().index("3")
    assert np.abs(store.image()[row, 16, 16].astype(int) - (200, 30, 60)).max() <= 4


def test_a_folder_that_does_not_exist_is_named(prepare):
    ended = prepare("data.raw=/nowhere/at/all")
    assert ended.code == 1
    assert "/nowhere/at/all" in ended.error


def test_a_missing_folder_of_raw_files_is_reported_with_its_key(run_script):
    ended = run_script("prepare.py", "data=isic2018")
    assert ended.code == 1
    assert "data.raw=DIR" in ended.error


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder that even root cannot write to")
def test_an_unwritable_folder_is_named(prepare):
    ended = prepare("data.store=/proc/store.h5")
    assert ended.code == 1
    assert "/proc/store.h5" in ended.error


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_named(prepare, tmp_path):
    (tmp_path / "data").mkdir(mode=0o555)
    ended = prepare()
    assert ended.code == 1
    assert "data/mine-32x32.h5" in ended.error


def test_a_full_disk_is_reported_and_no_file_is_left(prepare, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    ended = prepare()
    assert ended.code == 1
    assert "cannot write data/mine-32x32.h5: " in ended.error and "MB are free" in ended.error
    assert not list((tmp_path / "data").glob("*"))


@pytest.mark.skipif(not REAL.is_dir(), reason="the real data are not on this machine")
def test_real_files_are_read_by_the_same_command(run_script, tmp_path):
    ids = (REAL / "subset_60.txt").read_text().split()
    for folder in REAL.iterdir():
        if folder.is_dir():
            (tmp_path / "real" / folder.name).mkdir(parents=True)
            for file in (f for name in ids for f in folder.glob(f"{name}*")):
                (tmp_path / "real" / folder.name / file.name).symlink_to(file.resolve())
    table = pd.read_csv(REAL / "labels.csv", dtype=str)
    table[table["image_id"].isin(ids)].to_csv(tmp_path / "real" / "labels.csv", index=False)
    ended = run_script("prepare.py", "data=isic2018", "data.raw=real")
    assert ended.code == 0, ended.err
    store = open_store(tmp_path / "data/isic2018-64x64.h5")
    flags = table.set_index("image_id").loc[store.ids, "globules"].astype(int)
    assert (store.label[:, store.label_names.index("globules")] == flags).all()
