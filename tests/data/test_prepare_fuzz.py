"""Random folders of images, masks and tables: the right store, or one clear message; never anything else.

`expected_row` is a second, plain implementation of what a row of the store holds, without the shortcuts of
`dermoscopy.data.raw.decode`.
"""

import csv
import io
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from PIL import Image

from dermoscopy.data.prepare import prepare
from dermoscopy.data.raw.sources import FolderSource
from dermoscopy.data.store.reader import open_store

SIDES = st.integers(1, 40)
NAMES = st.text(st.sampled_from("ab01_-. üßé(),=+&%#'你"), min_size=1, max_size=6).filter(
    lambda name: name.strip(" .") == name
)
IMAGE_SUFFIXES = (".jpg", ".jpg", ".JPG", ".jpeg", ".png", ".PNG", ".bmp", ".tif", ".webp")
OTHER_SUFFIXES = (".heic", ".gif", ".dcm", "")
GOOD_MODES = ("RGB", "RGB", "RGB", "L", "P", "1", "opaque RGBA")
BAD_MODES = ("CMYK", "I;16", "transparent RGBA")
GOOD_MASKS = ("0 255", "0 255", "0 1", "bilevel", "noisy", "grey picture in RGB", "empty", "full")
BAD_MASKS = ("0 128 255", "0 1 2", "other size", "missing")
LABELS = {  # text in a table: 1, 0, -1 unknown, None refused
    **{"1": 1, "0": 0, "1.0": 1, "0.00": 0, "true": 1, "No": 0, " 1 ": 1},
    **{"": -1, "NA": -1, "nan": -1, "None": -1, "unknown": -1, "-": -1},
    **{"2": None, "0.7": None, "maybe": None},
}
GROUPS = ("p1", "p2", "", "NA", "nan")
UNKNOWN_GROUPS = ("", "NA", "nan")


@dataclass
class Photo:
    """One image of a random folder, with its mask and its row of the table."""

    id: str
    suffix: str
    mode: str
    height: int
    width: int
    colour: tuple[int, int, int]
    damage: str
    mask: str
    rows: list[tuple[str, str]]  # label and group of each of its rows in the table

    @property
    def is_image(self) -> bool:
        return self.suffix in IMAGE_SUFFIXES

    def pixels(self) -> np.ndarray:
        """Return the picture, uint8 (height, width, 3): two colours; one where a JPEG would blur their border."""
        pixels = np.tile(np.array(self.colour, np.uint8), (self.height, self.width, 1))
        if _format(self) != "JPEG":
            pixels[self.height // 2 :, : self.width // 2] = 255 - pixels[0, 0]
        return pixels

    def inside(self) -> np.ndarray:
        """Return the true mask, bool (height, width): a rectangle."""
        inside = np.zeros((self.height, self.width), bool)
        if self.mask == "full":
            inside[:] = True
        elif self.mask != "empty":
            inside[self.height // 4 : -(-self.height * 3 // 4), self.width // 3 :] = True
        return inside


@st.composite
def photos(draw: Callable) -> list[Photo]:
    """Return up to six images, most of them without any fault."""

    def mostly(good: tuple, bad: tuple) -> str:
        return draw(st.sampled_from(good * 8 + bad))

    ids = draw(st.lists(NAMES, min_size=1, max_size=6, unique_by=lambda name: name.casefold()))
    return [
        Photo(
            id=id,
            suffix=mostly(IMAGE_SUFFIXES, OTHER_SUFFIXES),
            mode=mostly(GOOD_MODES, BAD_MODES),
            height=draw(SIDES),
            width=draw(SIDES),
            colour=draw(st.tuples(*[st.integers(0, 255)] * 3)),
            damage=mostly(("none",), ("empty", "garbage", "truncated")),
            mask=mostly(GOOD_MASKS, BAD_MASKS),
            rows=[
                (
                    mostly(tuple(text for text, value in LABELS.items() if value is not None), ("2", "0.7", "maybe")),
                    group,
                )
                for group in draw(st.sampled_from([(group,) for group in GROUPS] * 4 + [(), ("p1", "p2")]))
            ],
        )
        for id in ids
    ]


def write(root: Path, listed: list[Photo], table: bool) -> None:
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for photo in listed:
        _write_image(root / "images" / f"{photo.id}{photo.suffix}", photo)
        if photo.is_image and photo.mask != "missing":
            _write_mask(root / "masks" / f"{photo.id}.png", photo)
    if table:
        with (root / "labels.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["image_id", "sick", "patient"])
            writer.writerows((photo.id, *row) for photo in listed if photo.is_image for row in photo.rows)


def _write_image(path: Path, photo: Photo) -> None:
    image = Image.fromarray(photo.pixels())
    if photo.mode.endswith("RGBA"):
        image.putalpha(255 if photo.mode == "opaque RGBA" else 100)
    elif photo.mode == "I;16":
        image = Image.fromarray(np.full((photo.height, photo.width), 40000, np.uint16))
    else:
        image = image.convert(photo.mode)
    format = _format(photo)
    content = io.BytesIO()
    image.save(content, format, **({"lossless": True} if format == "WEBP" else {}))
    data = content.getvalue()
    path.write_bytes(
        {"none": data, "empty": b"", "garbage": b"no image", "truncated": data[: len(data) // 2]}[photo.damage]
    )


def _format(photo: Photo) -> str:
    """Return a format that can hold the mode; a file's content need not match its suffix."""
    if photo.mode == "I;16":
        return "PNG"
    if photo.mode == "CMYK":
        return "TIFF"
    by_suffix = {".bmp": "BMP", ".tif": "TIFF", ".webp": "WEBP"}.get(photo.suffix.lower(), "PNG")
    by_suffix = "JPEG" if photo.suffix.lower() in (".jpg", ".jpeg") and photo.mode in ("RGB", "L") else by_suffix
    return "PNG" if by_suffix in ("BMP", "WEBP") and photo.mode != "RGB" else by_suffix


def _write_mask(path: Path, photo: Photo) -> None:
    inside = photo.inside()
    values = inside * np.uint8(255)
    if photo.mask == "0 1":
        values = inside.astype(np.uint8)
    elif photo.mask == "noisy":
        values = np.where(inside, 252, 3).astype(np.uint8)
    elif photo.mask == "0 128 255":
        values[0, 0] = 128
    elif photo.mask == "0 1 2":
        values = inside * np.uint8(2)
    elif photo.mask == "other size":
        values = np.zeros((photo.height + 1, photo.width), np.uint8)
    image = Image.fromarray(values)
    if photo.mask == "bilevel":
        image = image.convert("1")
    elif photo.mask == "grey picture in RGB":
        image = image.convert("RGB")
    image.save(path)


def faults(photo: Photo, options: dict, table: bool) -> list[str]:
    """Return why an image cannot be stored, by the rules of docs/data.md."""
    found = [photo.mode] if photo.mode in BAD_MODES else []
    found += [photo.damage] if photo.damage != "none" else []
    if photo.mask == "missing" and options["missing_masks"] == "stop":
        found.append("missing mask")
    if photo.mask in ("0 1 2", "other size") or (photo.mask == "0 128 255" and options["grey_masks"] == "stop"):
        found.append(photo.mask)
    if table and (len(photo.rows) != 1 or LABELS[photo.rows[0][0]] is None):
        found.append("row")
    return found


def of_something_else(listed: list[Photo]) -> bool:
    """Return whether most known values of the column of labels are neither yes nor no: it is not one of labels."""
    values = [LABELS[photo.rows[0][0]] for photo in listed if photo.is_image and photo.rows]
    return 2 * values.count(None) > sum(value != -1 for value in values)


def expected_row(photo: Photo, size: tuple[int, int], fit: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what a store of this size must hold: the image, float (H, W, 3), and the mask, uint8 (H, W).

    The third array, bool (H, W), is true where a stored pixel lies inside the picture as a whole.
    """
    rows, columns = size
    ratios = photo.height / rows, photo.width / columns
    if fit == "stretch":
        box = photo.height, photo.width
    else:
        ratio = max(ratios) if fit == "pad" else min(ratios)
        box = max(1, round(ratio * rows)), max(1, round(ratio * columns))
    top, left = (photo.height - box[0]) // 2, (photo.width - box[1]) // 2
    if fit == "stretch":
        top = left = 0
    down = _overlaps(top, box[0], rows, photo.height)
    across = _overlaps(left, box[1], columns, photo.width)
    area = down.sum(1)[:, None] * across.sum(1)
    seen = np.asarray(Image.fromarray(photo.pixels()).convert(photo.mode.split()[-1]).convert("RGB"), float)
    image = np.einsum("ah,hwc,bw->abc", down, seen, across) / np.maximum(area, 1e-9)[..., None]
    covered = down @ photo.inside().astype(float) @ across.T
    mask = np.where(area > 1e-9, covered >= area / 2 - 1e-4, 255).astype(np.uint8)
    uncertain = np.abs(covered - area / 2) < 1e-3 * np.maximum(area, 1)  # exactly half covered: rounding decides
    if photo.mask == "0 128 255":  # its grey pixel is half covered itself
        uncertain |= np.outer(down[:, 0], across[:, 0]) > 0
    inner = area > 0.999 * (box[0] / rows) * (box[1] / columns)
    return image, np.where(uncertain & (area > 1e-9), 254, mask).astype(np.uint8), inner


def _overlaps(start: int, length: int, count: int, pixels: int) -> np.ndarray:
    """Return how much of each original pixel each stored pixel covers, float (count, pixels)."""
    edges = [start + k * length / count for k in range(count + 1)]
    if length >= 8 * count:  # edges are rounded to whole pixels there
        edges = [float(np.rint(edge)) for edge in edges]
    edges = [min(max(edge, 0.0), float(pixels)) for edge in edges]
    overlap = np.zeros((count, pixels))
    for k in range(count):
        for p in range(pixels):
            overlap[k, p] = max(0.0, min(edges[k + 1], p + 1) - max(edges[k], p))
    return overlap


@pytest.mark.fuzz
@given(
    listed=photos(),
    table=st.booleans(),
    size=st.sampled_from([(8, 8), (16, 12), (5, 9)]),
    fit=st.sampled_from(["pad", "crop", "stretch"]),
    on_error=st.sampled_from(["stop", "skip"]),
    missing_masks=st.sampled_from(["stop", "allow"]),
    grey_masks=st.sampled_from(["stop", "allow"]),
)
def test_a_random_folder_becomes_the_right_store_or_one_clear_message(listed, table, size, fit, on_error, **options):
    with tempfile.TemporaryDirectory() as folder:
        root, path = Path(folder) / "raw", Path(folder) / "x.h5"
        write(root, listed, table)
        arguments = {"csv": "labels.csv", "group_column": "patient", "columns": {"sick": "sick"}} if table else {}
        source = FolderSource(root, "images/{id}.*", {"lesion": "masks/{id}.png"}, **arguments, **options)
        bad = {photo.id for photo in listed if photo.is_image and faults(photo, options, table)}
        good = [photo for photo in listed if photo.is_image and photo.id not in bad]
        printed = io.StringIO()
        try:
            with redirect_stdout(printed):
                prepare(source, path, size, fit, on_error, workers=1, progress=False)
        except ValueError as error:
            event("refused")
            if table and of_something_else(listed):
                assert "labels.csv" in str(error) and "sick" in str(error) and not path.exists()
                return
            assert not good or (bad and on_error == "stop"), error
            assert not path.exists()
            first, *rest = str(error).splitlines()
            assert str(root) in first and len(rest) <= 22
            assert not good or all(any(id in line for line in rest) for id in bad), error
            return
        event("stored")
        store = open_store(path)
        assert on_error == "skip" or not bad
        assert store.ids.tolist() == sorted(photo.id for photo in good)
        assert all(id in printed.getvalue() for id in bad)
        others = [photo.id for photo in listed if not photo.is_image]
        named = [id for id in others if id in printed.getvalue()]
        assert len(named) >= min(len(others), 3) and (not others or f"{len(others)}: " in printed.getvalue())
        rows = zip(store.ids.tolist(), store.image(), store.mask()[..., 0], store.groups, strict=True)
        by_id = {photo.id: photo for photo in good}
        for number, (id, image, mask, group) in enumerate(rows):
            _compare(by_id[id], image, mask, size, fit)
            if table:
                label, patient = by_id[id].rows[0]
                assert store.label[number].tolist() == [LABELS[label]]
                assert group == (id if patient in UNKNOWN_GROUPS else patient)
            else:
                assert group == id and store.label.shape == (len(good), 0)


def _compare(photo: Photo, image: np.ndarray, mask: np.ndarray, size: tuple[int, int], fit: str) -> None:
    right_image, right_mask, inner = expected_row(photo, size, fit)
    ratio = max(photo.height / size[0], photo.width / size[1])
    exact = ratio < 3.9 and _format(photo) != "JPEG"  # larger pictures are reduced by a whole factor first
    error = np.abs(image - right_image)
    if exact:
        assert error.max() <= 1.01, photo
    elif inner.any():  # a reduced picture blurs the border of its colours by a part of a pixel, and its own border
        low, high = right_image[inner].min(0) - 25, right_image[inner].max(0) + 25
        assert ((low <= image[inner]) & (image[inner] <= high)).all(), photo
    if photo.mask == "missing":
        assert (mask == 255).all()
    else:
        decided = right_mask != 254
        assert (mask == right_mask)[decided].all(), photo
