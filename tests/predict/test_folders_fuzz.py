"""Random folders: every file below them has a row or is named, masks have the size of their images, or one error."""

import csv
import os
import tempfile
from functools import cache
from io import BytesIO
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from recorded_stages import write_recorded

from dermoscopy.data.raw.patterns import SUFFIXES
from dermoscopy.predict.commands import FolderOptions, predict_folder
from dermoscopy.predict.network import TrainedNetwork
from dermoscopy.runs.recorded import read_stage

MODES = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "BMP": ("1", "L", "RGB"),
    "TIFF": ("1", "L", "RGB", "CMYK", "F"),
    "WEBP": ("RGB", "RGBA"),
    "GIF": ("P", "RGB"),
}
NAMES = ("a", "b", "A", "é", "e\u0301", "a b", "a,b", 'a"b', "a=b", "a\nb", "[a]", "{a}", "a.b", "x" * 251, "a_hair")
ENDINGS = (".jpg", ".png", ".JPG", ".tiff", ".bmp", ".webp", ".gif", ".dcm", ".txt", "", ".")
FOLDERS = ("", "in", "in/deep", ".hidden", "a.png", "__MACOSX", "probabilities")


@cache
def picture(kind: str, mode: str, size: tuple[int, int], frames: int) -> bytes:
    """Return the bytes of a picture of noise."""
    noise = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    image = Image.fromarray(noise).convert("L" if mode in ("I;16", "F") else mode)
    image = image.convert(mode)
    file = BytesIO()
    more = {"save_all": True, "append_images": [image] * (frames - 1)} if frames > 1 else {}
    image.save(file, format=kind, **more)
    return file.getvalue()


@st.composite
def contents(draw: st.DrawFn) -> bytes | str:
    """Bytes of a file, or the target of a link."""
    kind = draw(st.sampled_from((*MODES, "cut", "noise", "link")))
    if kind == "noise":
        return draw(st.binary(max_size=40))
    if kind == "link":
        return draw(st.sampled_from((".", "..", "none", "a.png", "in", "in/deep", "../a.jpg")))
    name = kind if kind in MODES else "JPEG"
    size = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    frames = draw(st.sampled_from((1, 1, 2))) if name in ("TIFF", "GIF", "WEBP", "PNG") else 1
    data = picture(name, draw(st.sampled_from(MODES[name])), size, frames)
    return data if kind in MODES else data[: draw(st.integers(0, len(data)))]


paths = st.builds(
    lambda folder, name, ending: str(Path(folder, name + ending)), *map(st.sampled_from, (FOLDERS, NAMES, ENDINGS))
)
folders = st.dictionaries(paths, contents(), max_size=8)


def write(root: Path, files: dict[str, bytes | str]) -> None:
    """Write files and links below a folder, except where one is in the place of another."""
    for name, content in files.items():
        path = root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(content) if isinstance(content, str) else path.write_bytes(content)
        except OSError:
            continue


def below(root: Path) -> list[Path]:
    """Return the files below a folder, each real folder once, and the hidden folders; a plain implementation."""
    found, seen, waiting, by_link = [], set(), [root], []
    while waiting or by_link:
        folder = (waiting or by_link).pop(0)
        if os.path.realpath(folder) in seen:
            continue
        seen.add(os.path.realpath(folder))
        for path in sorted(folder.iterdir()):
            if path.name.startswith(".") or path.name == "__MACOSX" or not path.is_dir():
                found.append(path)
            else:
                (by_link if path.is_symlink() else waiting).append(path)
    return found


class Brightness(torch.nn.Module):
    """Two logits of an image, or of each of its pixels."""

    def __init__(self, of_pixels: bool):
        super().__init__()
        self.of_pixels, self.scale = of_pixels, torch.nn.Parameter(torch.tensor([[1.0], [-1.0]]))

    def forward(self, image):
        logits = self.scale[..., None] * image[:, :1]
        return logits if self.of_pixels else logits.mean((2, 3))


@pytest.fixture(scope="module")
def networks(tmp_path_factory) -> list[TrainedNetwork]:
    """A classifier of two labels and a segmenter of two masks, on images of 32 x 64 px."""
    root = tmp_path_factory.mktemp("stages")
    masks = {"masks": ["a", "hair"], "exclusive": False, "mask_conditions": ["none"]}
    stages = [read_stage(write_recorded(root / name, model)) for name, model in (("c", None), ("s", masks))]
    return [TrainedNetwork(stage, Brightness(bool(stage.masks)).eval(), torch.zeros(2)) for stage in stages]


def rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table, none if it does not exist."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def size_of(root: Path, id: str) -> tuple[int, int]:
    """Return width and height of the only image of an id."""
    place = root / id
    (path,) = (
        path
        for path in place.parent.iterdir()
        if normalize("NFC", path.stem) == place.name and path.suffix.lower() in SUFFIXES and path.is_file()
    )
    with Image.open(path) as image:
        return image.size


@pytest.mark.fuzz
@given(files=folders, on_error=st.sampled_from(("stop", "skip")), shown=st.booleans())
def test_every_file_has_a_row_or_is_named(files, on_error, shown, networks):
    with tempfile.TemporaryDirectory() as name:
        root = Path(name, "images")
        root.mkdir()
        write(root, files)
        count = len(below(root))
        for network in networks:
            out = Path(name, "out" + network.stage.folder.name)
            options = FolderOptions(root, out, "own", "none", 3, 1, on_error, 0.5, False, 0, shown, False)
            try:
                text = predict_folder([network], options)
            except ValueError as error:
                assert name in str(error) and not out.exists()
                continue
            table = rows(out / ("masks.csv" if network.stage.masks else "labels.csv"))
            ids, left_out = {row["id"] for row in table}, {row["file"] for row in rows(out / "left_out.csv")}
            assert len(table) == len(ids) * max(1, len(network.stage.masks))
            assert len(ids) + len(left_out) == count
            assert not left_out or f"{len(left_out)} of {count} files left out" in text
            for row in table if network.stage.masks else ():
                width, height = size_of(root, row["id"])
                with Image.open(out / f"{row['id']}_{row['mask']}.png") as mask:
                    assert mask.size == (width, height) == (int(row["width"]), int(row["height"]))
