"""Files of a mask: their pattern, and what it means where an image has none of them or several."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dermoscopy.data.raw.decode import mask_of, read_mask, without_colour
from dermoscopy.data.raw.image_file import open_image, read
from dermoscopy.data.raw.patterns import Matches, bare, distinguished, matched
from dermoscopy.data.raw.problems import UnusableFile
from dermoscopy.data.store.frame import Frame
from dermoscopy.machine.messages import nearest

KEYS = ("files", "missing", "several", "grey")
CHOICES = {"missing": ("stop", "allow", "empty"), "several": ("stop", "join"), "grey": ("stop", "allow")}
Files = tuple[Path, ...] | None  # of a mask of an image: several are joined, none is an empty mask, None is unknown


@dataclass(frozen=True)
class MaskFiles:
    """The files of one mask.

    Args:
        pattern: of the files.
        missing: of an image without a file: `stop` reports it, `allow` stores the mask as not annotated, `empty` as
            absent everywhere.
        several: of an image with several files: `stop` reports it, `join` takes their union.
        grey: `stop` reports a mask that is not binary, `allow` reads grey as the covered part of a pixel.
    """

    pattern: str
    missing: str = "stop"
    several: str = "stop"
    grey: str = "stop"

    @classmethod
    def parse(cls, name: str, entry: object, missing: str, grey: str) -> "MaskFiles":
        """Return the files that an entry of `data.source.masks` describes: a pattern, or a mapping with `files`.

        Args:
            name: of the mask.
            entry: its value.
            missing, grey: what holds for masks that do not say it themselves.

        Raises:
            ValueError: a key is missing, unknown or has another value.
        """
        if not isinstance(entry, Mapping):
            return cls(str(entry), missing, grey=grey)
        key = f"masks.{name}"
        if unknown := [str(word) for word in entry if word not in KEYS]:
            raise ValueError(f"{key} has the key {unknown[0]}; it takes {', '.join(KEYS)}{nearest(unknown[0], KEYS)}")
        if "files" not in entry:
            raise ValueError(f"{key} lacks the pattern of its files: give it as files, as in masks/{{id}}.png")
        for word, choices in CHOICES.items():
            if word in entry and entry[word] not in choices:
                raise ValueError(f"{key}.{word} must be {' or '.join(choices)}, got {entry[word]}")
        own = {"missing": missing, "grey": grey} | {word: str(entry[word]) for word in CHOICES if word in entry}
        return cls(str(entry["files"]), **own)

    def of(self, matches: Matches, id: str) -> Files:
        """Return the files of an image, whatever is wrong with their number."""
        found = matched(matches.files, id)
        return tuple(found) if found or self.missing == "empty" else None

    def faults(self, name: str, id: str, files: Files) -> list[tuple[str, str]]:
        """Return what is wrong with the number of files of an image, with remedies."""
        if files is None and self.missing == "stop":
            missing = self.pattern.replace("{id}", bare(id))
            return [(f"no mask {name}", f"add {missing}, or set data.source.missing_masks=allow")]
        if files is not None and len(files) > 1 and self.several == "stop":
            problem = f"{len(files)} files for mask {name} ({distinguished(files)})"
            return [(problem, f"keep one file for {self.pattern}")]
        return []


def read_mask_files(
    files: Sequence[Path], size: tuple[int, int], frame: Frame | None, grey: bool
) -> tuple[NDArray[np.uint8], bool]:
    """Read the union of the files of a mask, see `read_mask`; without any the mask is empty.

    Raises:
        UnusableFile: one cannot be used, which the error names.
    """
    parts = []
    for file in files:
        try:
            found = read_mask(file, size, frame, grey)
        except UnusableFile as error:
            raise UnusableFile(error.problem, error.remedy, file) from error
        if len(files) == 1:
            return found
        values = np.asarray(without_colour(open_image(read(file))).convert("L"))
        parts.append(values * 255 if values.max() <= 1 else values)
    pixels = frame[:2] if frame is not None else size
    union = np.maximum.reduce(parts) if parts else np.zeros(pixels, np.uint8)
    encoded = BytesIO()
    Image.fromarray(union).save(encoded, "PNG", compress_level=1)
    return mask_of(encoded.getvalue(), size, frame, grey)
