"""Preparation of a store from raw files under all kinds of failures."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from builders import REAL
from PIL import Image

from dermoscopy.data.prepare import prepare
from dermoscopy.data.raw.sources import FolderSource
from dermoscopy.data.store.reader import open_store
from dermoscopy.machine.files import FullDisk

SIZE = [24, 32]
HERE = Path(__file__).parent
ENVIRONMENT = os.environ | {"PYTHONPATH": str(HERE.parent)}  # where a subprocess finds the shared test modules


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Eight images with two masks each: a square in every second image, and one of a single pixel."""
    root = tmp_path / "raw"
    rng = np.random.default_rng(0)
    for folder in ("images", "square", "dot"):
        (root / folder).mkdir(parents=True)
    for index in range(8):
        image = rng.integers(0, 255, (60, 80, 3), dtype=np.uint8)
        Image.fromarray(image).save(root / f"images/im{index}.jpg")
        square, dot = np.zeros((2, 60, 80), np.uint8)
        square[20:40, 20:60] = 255 * (index % 2)
        dot[5, 5] = 255
        Image.fromarray(square).save(root / f"square/im{index}.png")
        Image.fromarray(dot).save(root / f"dot/im{index}.png")
    lines = [f"im{index},{index % 2},g{index // 2}" for index in range(8)]
    (root / "labels.csv").write_text("\n".join(["image_id,sick,group", *lines]))
    return root


def source(root: Path, **more: object) -> FolderSource:
    given = {
        "masks": {"square": "square/{id}.png", "dot": "dot/{id}.png"},
        "csv": "labels.csv",
        "group_column": "group",
        "columns": {"sick": "sick"},
        "from_masks": ["dot", "square"],
    }
    return FolderSource(root, **{**given, **more})  # type: ignore[arg-type]


def made(root: Path, name: str = "a.h5", **more: object) -> Path:
    arguments = {"size": SIZE, "workers": 2, "progress": False, **more}
    return prepare(arguments.pop("source", source(root)), root.parent / name, **arguments)  # type: ignore[arg-type]


def test_files_become_rows_with_their_masks_labels_and_groups(raw: Path) -> None:
    store = open_store(made(raw))
    assert store.ids.tolist() == [f"im{index}" for index in range(8)]
    assert store.groups.tolist() == [f"g{index // 2}" for index in range(8)]
    assert store.label_names == ("sick", "dot", "square")
    assert store.label.tolist() == [[index % 2, 1, index % 2] for index in range(8)]
    assert store.mask()[1, 8:16, 8:24, 0].all() and store.mask()[1, ..., 0].sum() == 8 * 16
    assert not store.mask()[..., 1].any()  # too small to cover half a stored pixel, yet it is a label
    expected = np.asarray(Image.open(raw / "images/im3.jpg").resize((32, 24), Image.Resampling.BOX)).astype(int)
    assert np.abs(store.image()[3] - expected).mean() < 20
    assert store.frame[0].tolist() == [60, 80, 0, 0, 60, 80]


def test_the_fingerprint_does_not_depend_on_workers_times_or_place(raw: Path) -> None:
    prints = {open_store(made(raw, f"{workers}.h5", workers=workers)).fingerprint for workers in (1, 2, 5)}
    moved = raw.parent / "moved" / "raw"
    moved.mkdir(parents=True)
    for path in sorted(raw.rglob("*.*"), reverse=True):
        (moved / path.relative_to(raw)).parent.mkdir(exist_ok=True)
        shutil.copyfile(path, moved / path.relative_to(raw))
    assert prints == {open_store(made(moved)).fingerprint}


def test_an_up_to_date_store_is_not_remade(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = made(raw).stat().st_mtime_ns
    table = (raw / "labels.csv").read_text()
    (raw / "labels.csv").write_text(table.replace(",1,", ",1.0,") + "\nim99,NA,")  # the same labels of the same images
    assert made(raw).stat().st_mtime_ns == before
    assert "up to date" in capsys.readouterr().out


@pytest.mark.parametrize("change", ["file", "new file", "table", "size", "fit", "source", "damage"])
def test_a_store_is_remade_when_its_sources_change(raw: Path, change: str) -> None:
    path = made(raw)
    before = path.stat().st_ino
    more: dict[str, object] = {}
    if change == "file":
        os.utime(raw / "square/im1.png", (1, 1))
    elif change == "new file":
        for folder, suffix in (("images", "jpg"), ("square", "png"), ("dot", "png")):
            shutil.copy(raw / folder / f"im0.{suffix}", raw / folder / f"im9.{suffix}")
        (raw / "labels.csv").write_text((raw / "labels.csv").read_text() + "\nim9,1,g9")
    elif change == "table":
        (raw / "labels.csv").write_text((raw / "labels.csv").read_text().replace("im0,0", "im0,1"))
    elif change == "damage":
        os.truncate(path, path.stat().st_size // 2)
    else:
        more = {"size": {"size": [16, 16]}, "fit": {"fit": "crop"}, "source": {"source": source(raw, from_masks=[])}}[
            change
        ]
    keep = os.open(path, os.O_RDONLY)  # so that the number of the old file is not used again
    assert made(raw, **more).stat().st_ino != before
    os.close(keep)
    open_store(path)


def spoil(root: Path) -> None:
    (root / "images/im1.jpg").write_bytes((root / "images/im1.jpg").read_bytes()[:900])
    (root / "square/im1.png").write_bytes(b"")
    Image.fromarray(np.full((60, 80), 77, np.uint8)).save(root / "dot/im4.png")
    Image.fromarray(np.zeros((80, 60), np.uint8)).save(root / "square/im5.png")
    (root / "dot/im6.png").unlink()


def test_all_problems_of_all_files_are_in_one_table(raw: Path) -> None:
    spoil(raw)
    with pytest.raises(ValueError, match=r"5 problems in .* data\.on_error=skip") as raised:
        made(raw)
    rows = str(raised.value).splitlines()[2:]
    assert [row.split()[0] for row in rows] == [
        "dot/im4.png", "images/im1.jpg", "images/im6.jpg", "square/im1.png", "square/im5.png"
    ]  # fmt: skip
    words = ["4800 grey pixels", "truncated", "no mask dot", "0 bytes", "mask is 80 x 60, its image 60 x 80"]
    assert all(word in row for word, row in zip(words, rows, strict=True))
    assert [path.name for path in raw.parent.iterdir()] == ["raw"]


def test_a_long_table_is_cut_and_counted(raw: Path) -> None:
    for path in [*raw.glob("*/im*")]:
        path.write_bytes(b"")
    with pytest.raises(ValueError, match="24 problems") as raised:
        made(raw)
    assert str(raised.value).endswith("and 4 more")


def test_skip_leaves_the_images_out_and_reports_it(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(raw)
    store = open_store(made(raw, on_error="skip"))
    assert store.ids.tolist() == ["im0", "im2", "im3", "im7"]
    assert store.image().shape == (4, *SIZE, 3) and store.mask()[2:, ..., 0].any(axis=(1, 2)).all()
    printed = capsys.readouterr().out
    assert "4 of 8 images are left out, 5 problems" in printed and "images/im1.jpg" in printed
    whole = open_store(made(raw, on_error="skip", name="b.h5", source=source(raw, masks={}, from_masks=[])))
    assert len(whole) == 7


def test_what_is_left_out_and_remarked_is_printed_again_while_the_store_is_up_to_date(raw: Path, capsys) -> None:
    (raw / "images/notes.heic").touch()
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.open(raw / "images/im2.jpg").save(raw / "images/im2.jpg", exif=exif)
    Image.fromarray(np.full((60, 80), 255, np.uint8)).save(raw / "square/im0.png")
    (raw / "images/im1.jpg").write_bytes(b"")
    made(raw, on_error="skip")
    first = capsys.readouterr().out
    made(raw, on_error="skip")
    again = capsys.readouterr().out
    assert "is written" in first and "up to date" in again and first.splitlines()[1:] == again.splitlines()[1:]
    for words in (
        "1: images/notes.heic",
        "EXIF rotation",
        "1: im2",
        "masks square",
        "1: im0",
        "1 of 8 images are left out",
    ):
        assert words in first


def test_a_store_without_remarks_has_the_same_fingerprint_as_before(raw: Path, capsys) -> None:
    assert open_store(made(raw)).fingerprint == open_store(made(raw, name="b.h5", on_error="skip")).fingerprint
    assert capsys.readouterr().out == ""


def test_a_file_that_is_no_store_is_never_replaced(raw: Path) -> None:
    (raw.parent / "foreign.h5").write_text("of somebody else")
    with h5py.File(raw.parent / "other.h5", "w") as file:
        file["a"] = 1
    (raw.parent / "folder.h5").mkdir()
    for name in ("foreign.h5", "other.h5", "folder.h5", "raw/images/im0.jpg", "raw/labels.csv", "raw"):
        before = (raw.parent / name).read_bytes() if (raw.parent / name).is_file() else None
        with pytest.raises(ValueError, match=r"data\.store"):
            made(raw, name=name)
        assert before is None or (raw.parent / name).read_bytes() == before
    (raw.parent / "empty.h5").touch()
    assert len(open_store(made(raw, name="empty.h5"))) == len(open_store(made(raw, name="new/folder/a.h5"))) == 8


def test_nothing_left_is_an_error(raw: Path) -> None:
    for path in (raw / "images").iterdir():
        path.write_bytes(b"")
    with pytest.raises(ValueError, match="no image is left"):
        made(raw, on_error="skip")


def test_missing_masks_are_not_annotated_and_their_labels_unknown(raw: Path) -> None:
    (raw / "dot/im6.png").unlink()
    store = open_store(made(raw, source=source(raw, missing_masks="allow")))
    assert (store.mask()[6, ..., 1] == 255).all() and not (store.mask()[5] == 255).any()
    assert store.label[6].tolist() == [0, -1, 0]


def test_arguments_are_checked_before_any_file_is_read(raw: Path) -> None:
    for name, value in {"fit": "squash", "size": [0, 3], "on_error": "hope", "workers": 0}.items():
        with pytest.raises(ValueError, match=name):
            made(raw / "nowhere", **{name: value})


def test_a_full_disk_is_one_line_and_leaves_nothing(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(raw)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(FullDisk, match=r"a\.h5: .*0\.001 of .* MB are free"):
        made(raw)
    assert [path.name for path in raw.parent.iterdir()] == ["raw"]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs limits of file sizes")
def test_a_disk_that_fills_while_writing_leaves_nothing(raw: Path) -> None:
    code = (
        "import resource, signal, sys; from test_prepare import made; from pathlib import Path\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))\n"
        "try: made(Path(sys.argv[1]))\nexcept OSError as error: print('refused:', error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(raw)], cwd=HERE, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("refused:") and "a.h5" in done.stdout and len(done.stdout.splitlines()) == 1
    assert [path.name for path in raw.parent.iterdir()] == ["raw"]


def test_a_folder_that_cannot_be_written_is_named(raw: Path) -> None:
    (raw.parent / "file").touch()
    with pytest.raises(OSError, match=f"cannot write .*a.h5: {raw.parent / 'file'} is a file, not a folder"):
        made(raw, "file/a.h5")


def test_killed_at_any_moment_it_leaves_no_partial_store(raw: Path) -> None:
    for index in range(8, 60):
        for folder, suffix in (("images", "jpg"), ("square", "png"), ("dot", "png")):
            shutil.copy(raw / folder / f"im0.{suffix}", raw / folder / f"im{index}.{suffix}")
    with (raw / "labels.csv").open("a") as table:
        table.writelines(f"\nim{index},0,g" for index in range(8, 60))
    code = "import sys; from test_prepare import made; from pathlib import Path; made(Path(sys.argv[1]))"
    store, parts = raw.parent / "a.h5", 0
    for moment in (0.0, 0.005, 0.02, 0.05):
        child = subprocess.Popen([sys.executable, "-c", code, str(raw)], cwd=HERE, env=ENVIRONMENT)
        while child.poll() is None and not list(raw.parent.glob(".a.h5.*.part")) and not store.exists():
            time.sleep(0.001)
        time.sleep(moment)
        child.send_signal(signal.SIGKILL)
        child.wait()
        parts = max(parts, len(list(raw.parent.glob(".a.h5.*.part"))))
        if store.exists():  # it was faster
            assert len(open_store(store)) == 60
            store.unlink()
    assert parts, "no run was killed while writing"
    assert len(open_store(made(raw))) == 60
    assert sorted(path.name for path in raw.parent.iterdir()) == ["a.h5", "raw"]


def test_the_file_of_a_running_process_is_not_stale(raw: Path) -> None:
    live = raw.parent / ".a.h5.live.part"
    (raw.parent / ".a.h5.dead.part").write_bytes(b"half")
    with h5py.File(live, "w"):
        code = "import sys; from test_prepare import made; from pathlib import Path; made(Path(sys.argv[1]))"
        subprocess.run([sys.executable, "-c", code, str(raw)], cwd=HERE, env=ENVIRONMENT, check=True)
        assert live.exists() and not (raw.parent / ".a.h5.dead.part").exists()


@pytest.mark.skipif(not REAL.is_dir(), reason="the ISIC 2018 images are not beside the repository")
@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_real_images_become_a_store(fit: str, tmp_path: Path) -> None:
    ids = (REAL / "subset_60.txt").read_text().split()
    inputs, truth = "ISIC2018_Task1-2_Training_Input", "ISIC2018_Task2_Training_GroundTruth_v3"
    names = ("globules", "milia_like_cyst", "negative_network", "pigment_network", "streaks")
    for folder in (inputs, truth):
        (tmp_path / folder).mkdir()
    for id in ids:
        (tmp_path / inputs / f"{id}.jpg").symlink_to((REAL / inputs / f"{id}.jpg").resolve())
        for name in names:
            file = f"{id}_attribute_{name}.png"
            (tmp_path / truth / file).symlink_to((REAL / truth / file).resolve())
    shutil.copy(REAL / "labels.csv", tmp_path)
    raw_source = FolderSource(
        tmp_path,
        f"{inputs}/{{id}}.jpg",
        {name: f"{truth}/{{id}}_attribute_{name}.png" for name in names},
        "labels.csv",
        group_column="group_id",
        columns={"malignant": "malignant", "melanoma": "dx=mel", **{f"csv_{name}": name for name in names}},
        from_masks=names,
    )
    store = open_store(prepare(raw_source, tmp_path / "a.h5", [64, 64], fit, workers=2, progress=False))
    assert store.ids.tolist() == sorted(ids)
    assert set(np.unique(store.mask())) == ({0, 1, 255} if fit == "pad" else {0, 1})
    assert (store.label[:, 2:7] == store.label[:, 7:]).all()
    assert 60 < store.image()[:, 16:48, 16:48].mean() < 220
