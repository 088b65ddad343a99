"""Decoding of image and mask files to rows of a store.

Which files are images: see `dermoscopy.data.raw.image_file`. Masks: 0 and 255, 0 and 1, or 1 bit; values within 8 of 0
or 255 are read as those. Resizing averages over areas.
"""

from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray
from PIL import Image

from dermoscopy.contracts import NOT_ANNOTATED
from dermoscopy.data.raw.image_file import colours, load, open_image, read
from dermoscopy.data.raw.problems import UnusableFile
from dermoscopy.data.store.frame import Frame, place

TOLERANCE = 8  # grey levels by which lossy compression may change black or white
TINT = 16  # difference of colours up to which a pixel counts as grey
FAINT = 32  # brightest value up to which values of a mask are numbers of classes
BAND = 128  # rows of a mask at a time
COARSE = 8  # from so many pixels per stored pixel on, its edges are rounded to whole pixels: by at most 1/16 of it

MONOCHROME = "save it in black and white, the structure white"
CLASSES = f"{MONOCHROME}; if it holds several classes, one file for each"


def read_image(path: Path, size: tuple[int, int], fit: str) -> tuple[NDArray[np.uint8], Frame]:
    """Decode an image and fit it into `size`; a JPEG is already reduced while decoding.

    Returns:
        uint8 (H, W, 3), black outside the image, and its frame.

    Raises:
        UnusableFile: the file cannot be decoded, or not be converted to RGB without loss.
    """
    image = open_image(read(path))
    frame = place((image.height, image.width), size, fit)
    rows, columns = size
    # The picture's own share of the stored size: with `pad` it is smaller than the size.
    needed = -(-image.width * columns // frame.width), -(-image.height * rows // frame.height)
    drafted = image.draft(None, needed)
    shrink = frame.original_width / drafted[1][2] if drafted else 1.0
    load(image)
    rgb = image.convert("RGB")
    factor = int(min(frame.height / rows, frame.width / columns) / shrink / 2)  # keeps twice the store's resolution
    if factor > 1:
        rgb, shrink = rgb.reduce(factor), shrink * factor
    y, x = _edges(frame, size, (rgb.height, rgb.width), shrink)
    sums = _sum_columns(_sum_rows(np.asarray(rgb), y, np.int32), x)
    mean = sums / np.maximum(_pixel_counts(y, x), np.finfo(np.float32).tiny)[..., None]
    return np.rint(mean).astype(np.uint8), frame


def read_mask(path: Path, size: tuple[int, int], frame: Frame | None, grey: bool) -> tuple[NDArray[np.uint8], bool]:
    """Decode a mask, average over areas and threshold at one half.

    Args:
        path: the mask's file.
        size: height and width of the stored mask.
        frame: frame of the image; None where the image cannot be read, and only the mask's own faults are reported.
        grey: whether grey is the covered fraction of a pixel (an anti-aliased edge) rather than a fault.

    Returns:
        uint8 (H, W): 0 absent, 1 present, 255 outside the image; and whether any pixel of the original mask is present.

    Raises:
        UnusableFile: the file cannot be decoded, is not binary, or differs in size from its image.
    """
    return mask_of(read(path), size, frame, grey)


@lru_cache(maxsize=16)  # most masks of a set can be empty, and empty masks of one size are the same bytes
def mask_of(data: bytes, size: tuple[int, int], frame: Frame | None, grey: bool) -> tuple[NDArray[np.uint8], bool]:
    """Decode the bytes of a mask, see `read_mask`."""
    image = open_image(data)
    load(image)
    if frame is not None and (image.height, image.width) != frame[:2]:
        problem = f"mask is {image.height} x {image.width}, its image {frame[0]} x {frame[1]}"
        raise UnusableFile(problem, "make them equal; an image rotated by EXIF only counts as not rotated")
    y, x = _edges(frame or place((image.height, image.width), size, "stretch"), size, (image.height, image.width))
    image = without_colour(image)
    white = int(image.getextrema()[1])  # type: ignore[arg-type]  # one band: two numbers
    unit = 1 if white <= 1 else 255 if grey and image.mode == "L" else -1  # value of a covered pixel, see _cover
    if unit == 255:
        _check_edges(image, white)
    # Bands fit in the processor's cache, sums of flags in one byte: copies of the whole would cost half a decoding.
    kind = np.int8 if unit != 255 and np.ceil(np.diff(y)).max() < np.iinfo(np.int8).max else np.int32
    sums = np.zeros((size[0], image.width), np.float32 if (y % 1).any() else kind)
    present = False
    for top in range(0, image.height, BAND):
        bottom = min(top + BAND, image.height)
        cover, covered = _cover(image, top, bottom, unit, white)
        present |= covered
        first, last = max(int(np.searchsorted(y, top, "right")) - 1, 0), int(np.searchsorted(y, bottom))
        if first < last and (covered or unit == 255):
            sums[first:last] += _sum_rows(cover, (y[first : last + 1] - top).clip(0, bottom - top), kind)
    counts = _pixel_counts(y, x)
    mask = (_sum_columns(sums, x) * np.float32(2 / unit) >= counts).view(np.uint8)
    mask[counts == 0] = NOT_ANNOTATED
    return mask, present


def _cover(image: Image.Image, top: int, bottom: int, unit: int, white: int) -> tuple[NDArray[np.number], bool]:
    """Return rows of a mask in which a covered pixel is `unit`, and whether any pixel is covered.

    Viewed as int8, 255 is -1 and values near black or white are near 0: no copy and two fast passes.
    """
    band = image.crop((0, top, image.width, bottom))
    values = np.asarray(band.convert("L") if band.mode == "1" else band)
    signed = values.view(np.int8)
    low, high = int(signed.min()), int(signed.max())
    if unit == 1:
        return signed, high > 0
    if unit == 255:
        return values, low < 0
    has_white = white >= 255 - TOLERANCE
    if has_white and low >= -1 and high <= 0:
        return signed, low < 0
    if has_white and low >= -1 - TOLERANCE and high <= TOLERANCE:
        return -(signed < 0).view(np.int8), low < 0
    black = TOLERANCE if has_white else 1  # without any white, 2 to 8 are not noise but numbers of classes
    classes = white <= FAINT
    grey = {value: count for value, count in enumerate(image.histogram()) if black < value < 255 - TOLERANCE and count}
    remedy = "save it in black and white, or set data.source.grey_masks=allow where grey is an edge or noise of a JPEG"
    raise UnusableFile(
        f"not binary, {sum(grey.values())} grey pixels ({_values(image)})", CLASSES if classes else remedy
    )


def without_colour(image: Image.Image) -> Image.Image:
    """Return a mask as one band.

    Raises:
        UnusableFile: its colours differ, or those of its palette do not: then neither colours nor numbers are certain.
    """
    if image.mode in ("1", "L"):
        return image
    if image.mode == "LA":
        return image.convert("L")
    rgb = np.asarray(image.convert("RGB"))
    most = rgb.max(axis=2)
    spread = most - rgb.min(axis=2)
    if spread.max() > TINT or (most.max() <= TOLERANCE and spread.any()):
        count = int((spread > min(TINT, spread.max() - 1)).sum())
        raise UnusableFile(f"coloured, {count} pixels ({colours(image)})", MONOCHROME)
    if image.mode == "P" and most.max() == most.min() and np.ptp(np.asarray(image)) > 0:
        raise UnusableFile("its palette has one colour for several values", MONOCHROME)
    return image.convert("L")


def _check_edges(image: Image.Image, white: int) -> None:
    """Refuse a mask whose grey is not that of edges: numbers of classes, or whole areas of one grey."""
    values = np.asarray(image)
    if white <= FAINT:
        raise UnusableFile(f"not binary, its values are {_values(image)}", CLASSES)
    grey = (values > TOLERANCE) & (values < 255 - TOLERANCE)
    if min(values.shape) >= 3 and grey.any():
        centre, flat = values[1:-1, 1:-1], grey[1:-1, 1:-1].copy()
        for top, left in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2)):
            flat &= values[top : top + centre.shape[0], left : left + centre.shape[1]] == centre
        if flat.mean() > 0.01:
            raise UnusableFile(f"whole areas are grey ({_values(image)})", CLASSES)


def _values(image: Image.Image) -> str:
    """Return the values of a mask for a message: all if few, else the range."""
    values = [value for value, count in enumerate(image.histogram()) if count]
    return ", ".join(map(str, values)) if len(values) <= 4 else f"{len(values)} values from {values[0]} to {values[-1]}"


def _edges(
    frame: Frame, size: tuple[int, int], pixels: tuple[int, int], shrink: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the edges of the stored rows and columns among the `pixels` rows and columns that were read."""
    y = _axis(frame.top / shrink, frame.height / shrink, size[0])
    x = _axis(frame.left / shrink, frame.width / shrink, size[1])
    return y.clip(0, pixels[0]), x.clip(0, pixels[1])


def _axis(start: float, length: float, count: int) -> NDArray[np.float64]:
    edges = start + np.arange(count + 1) * length / count
    return np.rint(edges) if length >= COARSE * count else edges


def _pixel_counts(y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the number of read pixels per stored pixel, 0 outside the image; float32 (H, W)."""
    return np.diff(y).astype(np.float32)[:, None] * np.diff(x).astype(np.float32)


def _sum_columns(values: NDArray[np.number], edges: NDArray[np.float64]) -> NDArray[np.number]:
    """Sum over the second axis like `_sum_rows`."""
    kind = np.float32 if values.dtype == np.float32 else np.int32
    return _sum_rows(values.swapaxes(0, 1), edges, kind).swapaxes(0, 1)


def _sum_rows(values: NDArray[np.number], edges: NDArray[np.float64], kind: DTypeLike) -> NDArray[np.number]:
    """Sum the rows between consecutive edges; a row divided by an edge counts proportionally on both sides.

    Args:
        values: (h, ...).
        edges: positions of the H + 1 edges, not decreasing, in 0 to h.
        kind: data type large enough for the sums of whole rows.
    """
    if np.array_equal(edges, np.arange(len(values) + 1)):  # raw files may already have the stored size
        return values
    values = np.ascontiguousarray(values)
    first = np.floor(edges).astype(int)
    whole = np.zeros((len(first) - 1, *values.shape[1:]), kind)
    for row, (begin, end) in enumerate(pairwise(first)):
        np.add.reduce(values[begin:end], axis=0, dtype=kind, out=whole[row])
    part = (edges - first).astype(np.float32).reshape(-1, *[1] * (values.ndim - 1))
    if not part.any():
        return whole
    parts = values[np.minimum(first, len(values) - 1)] * part
    sums = whole.astype(np.float32)
    sums -= parts[:-1]
    sums += parts[1:]
    return sums
