"""Predicted masks of new images, at their own size, as pictures and as a table of run-length encodings."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from dermoscopy.evaluation.comparison import resized
from dermoscopy.machine.files import atomic_path, write_atomically
from dermoscopy.machine.threads import cores, in_order
from dermoscopy.masks.probability_maps import FULL, at_size
from dermoscopy.predict.images import ImageBatch, ImageFolder
from dermoscopy.predict.network import TrainedNetwork, mean_of
from dermoscopy.predict.postprocessing import Postprocessing
from dermoscopy.predict.rle import encode, encode_instances

TABLE, PROBABILITIES = "masks.csv", "probabilities"


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
    """Files to write for the masks of images.

    Args:
        folder: of the files: `<id>.png`, or with several masks `<id>_<mask>.png`, 255 present and 0 absent.
        names: of the K masks.
        postprocessing: from probabilities to masks.
        probabilities: whether to write 255 times the probability under the same names into `probabilities/`.
        instances: whether the table has one row per connected part of a mask, instead of one per mask.
    """

    folder: Path
    names: tuple[str, ...]
    postprocessing: Postprocessing
    probabilities: bool
    instances: bool

    def picture_name(self, id: str, mask: str) -> str:
        """Return the name of a mask's picture, relative to the folder."""
        return f"{id}_{mask}.png" if len(self.names) > 1 else f"{id}.png"

    def write(self, predicted: MaskProbabilities) -> list[Row]:
        """Write the pictures of an image; return its rows of the table."""
        rows: list[Row] = []
        frame = predicted.frame.tolist()
        for name, mask in zip(self.names, self.postprocessing.masks(predicted.probability, frame), strict=True):
            _save(mask * np.uint8(FULL), self.folder / self.picture_name(predicted.id, name))
            rows += self._rows(predicted.id, name, mask)
        for name, plane in zip(self.names, np.moveaxis(predicted.probability, -1, 0), strict=True):
            if self.probabilities:
                picture = np.rint(resized(plane, frame)).astype(np.uint8)
                _save(picture, self.folder / PROBABILITIES / self.picture_name(predicted.id, name))
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


def check_apart(images: Path, folder: ImageFolder, files: MaskFiles) -> None:
    """Refuse to write masks over the images or among them, where the next command would read them as images.

    Raises:
        ValueError: the masks would be written there.
    """
    out, image_paths = files.folder.resolve(), {path.resolve() for path in folder.files.values()}
    among = images.is_dir() and out.is_relative_to(images.resolve())
    if among or any((out / files.picture_name(id, name)) in image_paths for id in folder.files for name in files.names):
        raise ValueError(f"out={files.folder} lies where the images are: name a folder outside of them")


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


def write_masks(predicted: Iterable[MaskProbabilities], files: MaskFiles, workers: int | None = None) -> str:
    """Write the masks of images in threads, then their table; return a line that describes it.

    Columns of `masks.csv`: id, mask, with instances their number from 1 (0 for none), rle, pixels, their share of the
    image, and its height and width, which are needed to decode the runs.
    """
    with closing(in_order(files.write, predicted, 2 * cores(), workers)) as written:
        images = list(written)
    columns = [name for name in Row.__annotations__ if files.instances or name != "instance"]
    table = pd.DataFrame([row for rows in images for row in rows], columns=columns)
    write_atomically(files.folder / TABLE, table.to_csv(index=False))
    return f"{files.folder / TABLE}: {len(images)} images, masks: {', '.join(files.names)}"


def _save(picture: NDArray[np.uint8], path: Path) -> None:
    with atomic_path(path) as part:
        Image.fromarray(picture).save(part, format="PNG")
