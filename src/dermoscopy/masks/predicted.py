"""Predicted masks: files of a segmenter's probabilities for its test images, and the masks thresholded from them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from dermoscopy.contracts import NOT_ANNOTATED
from dermoscopy.machine.files import atomic_path, check_room

MASKS = "masks.h5"


FORMAT = "dermoscopy masks"


VERSION = 1


TABLES = 1 << 20  # bytes; ids and attributes take far less


FULL = 255  # a probability of 1
Plane = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class PredictedMasks:
    """Predicted masks of the images of one store.

    Attributes:
        ids: (n,) ids of the images.
        names: names of the K masks.
        exclusive: whether a pixel belongs to at most one mask.
        fingerprint: fingerprint of the store.
        probability: uint8 (n, H, W, K), 255 times the probability, without a background.
        unseen: whether no image was in the training data of the network that predicted it; false if unknown.
        network: (n,) number of the network that predicted each image, such as a fold; None: one network, or unknown.
        seen: bool (networks, n), whether an image was in the training or validation data of a network; None if unknown.
    """

    ids: NDArray[np.str_]
    names: tuple[str, ...]
    exclusive: bool
    fingerprint: str
    probability: NDArray[np.uint8]
    unseen: bool = False
    network: NDArray[np.intp] | None = None
    seen: NDArray[np.bool_] | None = None

    def of(self, ids: Sequence[str] | NDArray[np.str_]) -> NDArray[np.uint8]:
        """Return the probabilities (m, H, W, K) of these images, in the given order.

        Raises:
            ValueError: an image has no predicted masks.
        """
        row = {id: number for number, id in enumerate(self.ids.tolist())}
        if missing := [str(id) for id in ids if id not in row]:
            raise ValueError(f"no predicted masks of {len(missing)} images, the first is {missing[0]}")
        return self.probability[[row[id] for id in ids]]


def write_masks(path: Path, masks: PredictedMasks) -> None:
    """Write predicted masks to a file that can be memory-mapped.

    Raises:
        OSError: the disk is full or the folder cannot be written; an older file is kept.
    """
    check_room(path, masks.probability.nbytes + TABLES)
    text = h5py.string_dtype()
    with atomic_path(path) as part, h5py.File(part, "w") as file:
        file.create_dataset("probability", data=masks.probability)
        file.create_dataset("id", data=masks.ids.tolist(), dtype=text)
        if masks.network is not None:
            file.create_dataset("network", data=masks.network)
        if masks.seen is not None:
            file.create_dataset("seen", data=masks.seen)
        file.attrs.create("names", list(masks.names), dtype=text)
        file.attrs.update({"exclusive": masks.exclusive, "fingerprint": masks.fingerprint, "unseen": masks.unseen})
        file.attrs.update({"format": FORMAT, "version": VERSION})


def read_masks(path: Path) -> PredictedMasks:
    """Open predicted masks; the probabilities stay on disk until requested, and no change reaches the file.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is damaged or of another format.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no predicted masks {path}: test a segmentation first, which writes them")
    try:
        with h5py.File(path, "r") as file:
            if (header := (file.attrs.get("format"), file.attrs.get("version"))) != (FORMAT, VERSION):
                raise ValueError(f"format and version are {header}, not {(FORMAT, VERSION)}")
            return _read(path, file)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no complete predicted masks ({error}): delete it, and test again") from error


def _read(path: Path, file: h5py.File) -> PredictedMasks:
    ids, stored = file["id"].asstr()[:].astype(np.str_), file["probability"]
    names = tuple(str(name) for name in file.attrs["names"])
    if (len(stored), stored.shape[-1], stored.dtype) != (len(ids), len(names), np.uint8):
        raise ValueError(f"{len(ids)} ids and {len(names)} names, but {stored.dtype} {list(stored.shape)}")
    # A copy on write, because torch has no read-only tensors.
    probability = np.memmap(path, np.uint8, "c", stored.id.get_offset(), stored.shape)
    facts = bool(file.attrs["exclusive"]), str(file.attrs["fingerprint"])
    network, seen = (file[name][:] if name in file else None for name in ("network", "seen"))  # not in older files
    return PredictedMasks(ids, names, *facts, probability, bool(file.attrs.get("unseen", False)), network, seen)


def present_masks(
    planes: Iterable[NDArray[np.float32]], count: int, exclusive: bool, threshold: float
) -> Iterator[NDArray[np.bool_]]:
    """Yield the presence map of each mask one by one, so that few planes of a large image are in memory.

    Args:
        planes: float32, 255 times the probability of each mask, all of one shape.
        count: number of masks.
        exclusive: whether only the most probable mask is present, and none where the background (the remainder to 1)
            is at least as probable; among equally probable masks the first.
        threshold: probability above which a mask is present, if not exclusive.
    """
    if not exclusive:
        yield from (plane > FULL * threshold for plane in planes)
        return
    winner = _most_likely(iter(planes))
    yield from (winner == number for number in range(1, count + 1))


def _most_likely(planes: Iterator[NDArray[np.float32]]) -> NDArray[np.uint8]:
    """Return the number of the highest plane per pixel, counted from 1; 0 where none exceeds the background."""
    highest = next(planes)
    background, winner = FULL - highest, np.ones(highest.shape, np.uint8)
    for number, plane in enumerate(planes, start=2):
        background -= plane
        winner[plane > highest] = number
        highest = np.maximum(highest, plane)
    winner[highest <= background] = 0
    return winner


def commonly_known(codes: Plane, exclusive: bool) -> Plane:
    """Return masks (..., K) in the store's codes; for exclusive masks a pixel is known only where all of them are."""
    if not exclusive:
        return codes
    return np.where((codes == NOT_ANNOTATED).any(-1, keepdims=True), np.uint8(NOT_ANNOTATED), codes)
