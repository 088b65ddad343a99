"""Image files: opened, or refused with the reason and the remedy.

Grey, palette and opaque RGBA images become RGB without loss; more than 8 bits per channel, CMYK, transparency and
several images in one file are refused. EXIF rotation is ignored, except in TIFF files: pixels are used as they are
stored, because masks are drawn on those.
"""

import stat
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from dermoscopy.data.raw import containers
from dermoscopy.data.raw.containers import container_of
from dermoscopy.data.raw.problems import UnusableFile

MOST_PIXELS = 2**29  # 537 million: 1.6 GB decoded; each thread holds one image at a time
Image.MAX_IMAGE_PIXELS = None  # the limit of Pillow, lower and of another reason: files that others send to a server

AGAIN = "get the file again"


def read(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        UnusableFile: it cannot be read, is empty or no file.
    """
    if container_of(path) is not None:
        return _read_contained(path)
    try:
        if not stat.S_ISREG(mode := path.stat().st_mode):  # reading a pipe would never end
            kind = "folder" if stat.S_ISDIR(mode) else "device or pipe"
            raise UnusableFile(f"a {kind}, not a file", "remove or rename it")
        data = path.read_bytes()
    except FileNotFoundError:
        raise UnusableFile("a link to a file that does not exist", "correct or remove the link") from None
    except OSError as error:
        raise UnusableFile(f"cannot be read ({error.strerror})", "check the file and its permissions") from error
    if not data:
        raise UnusableFile("empty, 0 bytes", AGAIN)
    return data


def _read_contained(path: Path) -> bytes:
    try:
        data = containers.read(path)
    except (KeyError, OSError, TypeError) as error:
        raise UnusableFile(f"cannot be read from {path.parent.name} ({error})", AGAIN) from error
    if not data:
        raise UnusableFile("empty, 0 bytes", AGAIN)
    return data


def open_image(data: bytes) -> Image.Image:
    """Return an image that is not decoded yet.

    Raises:
        UnusableFile: it is no image, has colours that RGB of 8 bits cannot hold, or is one of several in the file.
    """
    try:
        image = Image.open(BytesIO(data))
        frames = _frames(image)
    except UnidentifiedImageError:
        raise UnusableFile("not an image in a known format", "save it as JPEG or PNG, or remove it") from None
    except Exception as error:  # decoders raise SyntaxError, struct.error and others for bytes of another format
        raise UnusableFile(f"cannot be opened ({error})", AGAIN) from error
    if frames > 1:
        raise UnusableFile(f"holds {frames} images", "save the one that counts as a file of its own")
    if image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA") or ";16" in str(image.tile):
        kind = (
            "CMYK colours"
            if image.mode == "CMYK"
            else f"more than 8 bits per channel or an unsupported colour mode ({image.mode})"
        )
        raise UnusableFile(kind, "save it as 8-bit RGB (a mask as 8-bit grey)")
    return image


def load(image: Image.Image) -> None:
    """Decode an opened image.

    Raises:
        UnusableFile: it is damaged, transparent or too large.
    """
    if (pixels := image.width * image.height) > MOST_PIXELS:
        limit = f"scale it down to at most {MOST_PIXELS // 10**6} million"
        raise UnusableFile(f"{pixels // 10**6} million pixels", limit)
    try:
        image.load()
        transparent = image.has_transparency_data and np.asarray(image.convert("RGBA"))[..., 3].min() < 255
    except MemoryError:
        raise UnusableFile(f"{image.width} x {image.height} pixels do not fit in memory", "scale it down") from None
    except Exception as error:
        raise UnusableFile(f"cannot be decoded ({error})", AGAIN) from error
    if transparent:
        raise UnusableFile("has transparent pixels", "save it without transparency (a mask in black and white)")


def is_rotated(path: Path) -> bool:
    """Return whether the EXIF data of a file ask for a rotation or reflection, which is ignored; reads no pixels."""
    try:
        with Image.open(
            path if container_of(path) is None else BytesIO(containers.read(path))
        ) as image:  # TIFF files have no such entry: Pillow rotates them itself
            return "exif" in image.info and image.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9)
    except Exception:  # a file that cannot be opened is reported when it is read
        return False


def colours(image: Image.Image, count: int = 3) -> str:
    """Return the most frequent colours of an image for a message."""
    rgb = image.convert("RGB")
    most = sorted(rgb.getcolors(rgb.width * rgb.height) or [], reverse=True)
    more = f" and {len(most) - count} more" if len(most) > count else ""
    return ", ".join("rgb({}, {}, {})".format(*colour) for _, colour in most[:count]) + more  # type: ignore[misc]


def _frames(image: Image.Image) -> int:
    """Return the number of images in a file of the same size as the first; smaller ones are its previews."""
    count = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)  # photographs of phones carry extra images
    if count == 1 or image.format != "TIFF":
        return int(count)
    sizes = []
    for number in range(count):
        image.seek(number)
        sizes.append(image.size)
    image.seek(0)
    return sizes.count(sizes[0])
