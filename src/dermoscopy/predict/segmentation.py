"""Predicted masks of new images, at their own size, as pictures and as a table of run-length encodings."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from dermoscopy.evaluation.comparison import resized
from dermoscopy.machine.files import write_atomically
from dermoscopy.machine.threads import cores, in_order
from dermoscopy.masks.predicted import FULL
from dermoscopy.masks.probability_maps import at_size
from dermoscopy.predict.folders import ImageFolder
from dermoscopy.predict.images import ImageBatch
from dermoscopy.predict.network import TrainedNetwork, mean_of
from dermoscopy.predict.postprocessing import Postprocessing
from dermoscopy.predict.rle import encode, encode_instances

TABLE, PROBABILITIES = "masks.csv", "probabilities"
LONGEST = 255  # bytes of a file's name on most systems


class Row(TypedDict):
    """A row of the table: a mask of an image, or a connected part of the mask."""

    id: str
    mask: str
    instance: int
    rle: str
    pixels: int
    share: float
    height: int
    width: int


class MaskProbabilities(NamedTuple):
    """Predicted probabilities of the masks of an image: uint8 (H, W, K), 255 times each; and its row of `frame`."""

    id: str
    probability: NDArray[np.uint8]
    frame: NDArray[np.int32]


@dataclass(frozen=True)
class MaskFiles:
    """Files to write for the masks of images: `<id>.png`, or with several masks `<id>_<mask>.png`, 255 present.

    Args:
        names: of the K masks.
        postprocessing: from probabilities to masks.
        probabilities: whether to write 255 times the probability under the same names into `probabilities/`.
        instances: whether the table has one row per connected part of a mask, instead of one per mask.
    """

    names: tuple[str, ...]
    postprocessing: Postprocessing
    probabilities: bool
    instances: bool

    def picture_name(self, id: str, mask: str) -> str:
        """Return the name of a mask's picture."""
        return f"{id}_{mask}.png" if len(self.names) > 1 else f"{id}.png"

    def pictures(self, id: str) -> list[str]:
        """Return the names of all pictures of an image."""
        names = [self.picture_name(id, mask) for mask in self.names]
        return [*names, *(f"{PROBABILITIES}/{name}" for name in names if self.probabilities)]

    def write(self, predicted: MaskProbabilities, folder: Path) -> list[Row]:
        """Write the pictures of an image into a folder; return its rows of the table."""
        rows: list[Row] = []
        frame = predicted.frame.tolist()
        for name, mask in zip(self.names, self.postprocessing.masks(predicted.probability, frame), strict=True):
            _save(mask * np.uint8(FULL), folder / self.picture_name(predicted.id, name))
            rows += self._rows(predicted.id, name, mask)
        for name, plane in zip(self.names, np.moveaxis(predicted.probability, -1, 0), strict=True):
            if self.probabilities:
                picture = np.rint(resized(plane, frame)).astype(np.uint8)
                _save(picture, folder / PROBABILITIES / self.picture_name(predicted.id, name))
        return rows

    def _rows(self, id: str, name: str, mask: NDArray[np.bool_]) -> list[Row]:
        parts = encode_instances(mask) if self.instances else [encode(mask)]
        if not parts:
            return [_row(id, name, 0, "", mask)]  # an empty mask has a row as well
        return [_row(id, name, number, runs, mask) for number, runs in enumerate(parts, start=1)]


def _row(id: str, name: str, instance: int, runs: str, mask: NDArray[np.bool_]) -> Row:
    height, width = mask.shape
    pixels = sum(int(length) for length in runs.split()[1::2])
    return Row(
        id=id,
        mask=name,
        instance=instance,
        rle=runs,
        pixels=pixels,
        share=pixels / mask.size,
        height=height,
        width=width,
    )


def check_apart(images: Path, out: Path, folder: ImageFolder, files: MaskFiles) -> None:
    """Refuse to write results over the images or among them, where the next command would read them as images.

    Images whose pictures would have the same name, or a name that is too long, become problems of the folder.

    Raises:
        ValueError: the results would be written there.
    """
    place, root = out.resolve(), folder.root.resolve()
    image_paths = {Path(os.path.realpath(path)) for path in folder.files.values()}  # a link may be a loop
    among = any(place.is_relative_to(read) for read in folder.folders)
    among |= place.is_relative_to(root) if images.is_dir() else bool(files.names) and place == root
    below = images.is_dir() and root.is_relative_to(place)
    users: dict[str, set[str]] = defaultdict(set)
    for id in folder.files:
        for name in files.pictures(id):
            users[name.casefold()].add(id)  # some systems do not tell capitals apart
            among |= place / name in image_paths or (below and (place / name).is_relative_to(root))
    if among:
        raise ValueError(f"out={out} lies where the images are: name a folder outside of them")
    clashing = {id: min(ids - {id}) for ids in users.values() if len(ids) > 1 for id in ids}
    for id, other in clashing.items():
        folder.leave_out(id, f"its masks would have the names of those of {other}", "rename one of the two")
    for id in list(folder.files):
        if any(len(os.fsencode(Path(name).name)) > LONGEST for name in files.pictures(id)):
            folder.leave_out(id, "too long a name for its masks", "shorten its name")


def other_pictures(out: Path, folder: ImageFolder, files: MaskFiles) -> str:
    """Return a line that counts the pictures in the folder of the results that are not of these images, or ""."""
    written = {name for id in folder.files for name in files.pictures(id)}
    others = sorted({path.relative_to(out).as_posix() for path in out.rglob("*.png")} - written)
    return f"{out} holds {len(others)} other PNG files, as {others[0]}: they are not of this command" if others else ""


def predict_masks(
    networks: Sequence[TrainedNetwork], batches: Iterable[ImageBatch], tta: str
) -> Iterator[MaskProbabilities]:
    """Yield the mean predictions of networks for images.

    Args:
        networks: segmenters of the same masks.
        batches: the images.
        tta: test-time augmentation, see `dermoscopy.tasks.tta`.
    """
    for ids, image, frame in batches:
        size = (image.shape[2], image.shape[3])
        probability = mean_of([at_size(trained.mask_probability(image, frame, tta), size) for trained in networks])
        yield from map(MaskProbabilities, ids, probability, frame)


def write_masks(
    predicted: Iterable[MaskProbabilities], files: MaskFiles, folder: Path, workers: int | None = None
) -> str:
    """Write the masks of images into a folder in threads, then their table; return words that describe it.

    Columns of `masks.csv`: id, mask, with instances their number from 1 (0 for none), rle, pixels, their share of the
    image, and its height and width, which are needed to decode the runs.
    """
    with closing(in_order(partial(files.write, folder=folder), predicted, 2 * cores(), workers)) as written:
        images = list(written)
    columns = [name for name in Row.__annotations__ if files.instances or name != "instance"]
    table = pd.DataFrame([row for rows in images for row in rows], columns=columns)
    write_atomically(folder / TABLE, table.to_csv(index=False))
    return f"{TABLE}: {len(images)} images, masks: {', '.join(files.names)}"


def _save(picture: NDArray[np.uint8], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, format="PNG")
