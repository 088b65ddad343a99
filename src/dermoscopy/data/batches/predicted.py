"""Predicted masks of the images of a store, by row, for batches that hold them beside the true masks."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from dermoscopy.data.store.reader import Store
from dermoscopy.machine.messages import RunWarning, nearest
from dermoscopy.masks.encoding import MOST_PACKED
from dermoscopy.masks.predicted import MASKS, PredictedMasks, read_masks
from dermoscopy.masks.probability_maps import decide

JOIN = "run the folds experiment to its end, then report.py joins the masks of all folds in out_of_fold.h5"


class PredictedMaskRows:
    """Predicted masks of every image of a store, thresholded from their probabilities.

    Probabilities of another size are resampled to the store's before thresholding. Of masks that exclude each
    other, one is present where it is more probable than every other and than the background, the remainder to 1.

    Args:
        path: the file of a segmentation's predicted masks, or of the joined masks of its folds.
        store: the store of the images.
        names: the masks to use, in this order.
        threshold: probability above which a pixel belongs to a mask.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is damaged, lacks a mask or an image, or has another aspect ratio; the threshold is out of
            its range, or is not 0.5 for masks that exclude each other; too many names.
    """

    def __init__(self, path: str | Path, store: Store, names: Sequence[str], threshold: float) -> None:
        if 2 * len(names) > MOST_PACKED:
            raise ValueError(
                f"masks names {len(names)} masks, at most {MOST_PACKED // 2} can have predicted ones beside them"
            )
        masks = _read(Path(path))
        _check_threshold(masks, threshold, path)
        self.channels = [_channel(name, masks.names, path) for name in names]
        self.rows = _rows(masks, store, path)
        _check_origin(masks, store, path)
        self.probability, self.exclusive = masks.probability, masks.exclusive
        self.size, self.threshold = store.size, threshold

    def take(self, rows: Tensor) -> Tensor:
        """Return the masks of store rows, 0 absent or 1 present: uint8 (B, K, H, W)."""
        values = self.probability[self.rows[rows.cpu().numpy()]]
        probability = torch.from_numpy(values).permute(0, 3, 1, 2)
        if probability.shape[2:] != self.size:
            probability = interpolate(probability.float(), self.size, mode="bilinear", antialias=True)
        return decide(probability, self.exclusive, self.threshold)[:, self.channels].byte()


def _read(path: Path) -> PredictedMasks:
    if path.is_dir():
        files = sorted(path.glob("out_of_fold*.h5")) or sorted(path.glob(MASKS))
        remedy = f"give {' or '.join(map(str, files))}" if files else f"give a file of predicted masks; {JOIN}"
        raise ValueError(f"predicted={path} is a folder: {remedy}")
    if not path.is_file():
        raise FileNotFoundError(f"predicted={path} does not exist: {JOIN}")
    return read_masks(path)


def _check_threshold(masks: PredictedMasks, threshold: float, path: str | Path) -> None:
    if not 0 < threshold < 1:
        raise ValueError(f"mask_threshold must lie between 0 and 1, got {threshold}")
    if masks.exclusive and threshold != 0.5:
        raise ValueError(
            f"mask_threshold={threshold} is for masks that may overlap, but those of {path} exclude each other: set 0.5"
        )


def _channel(name: str, available: Sequence[str], path: str | Path) -> int:
    if name not in available:
        raise ValueError(f"predicted={path} has no mask {name!r}, it has {list(available)}{nearest(name, available)}")
    return list(available).index(name)


def _rows(masks: PredictedMasks, store: Store, path: str | Path) -> NDArray[np.intp]:
    """Return the file's row of each image of the store."""
    row = {id: number for number, id in enumerate(masks.ids.tolist())}
    if missing := [id for id in store.ids.tolist() if id not in row]:
        raise ValueError(
            f"predicted={path} lacks {len(missing)} of the {len(store)} images of {store.path}, the first is "
            f"{missing[0]}: masks of all folds are needed; {JOIN}"
        )
    return np.array([row[id] for id in store.ids.tolist()])


def _check_origin(masks: PredictedMasks, store: Store, path: str | Path) -> None:
    """Refuse masks of another aspect ratio; warn of masks of training images and of masks of another store.

    A store of another size may hold the same images.
    """
    height, width = masks.probability.shape[1:3]
    if height * store.size[1] != width * store.size[0]:
        raise ValueError(
            f"predicted={path} holds masks of {height} x {width} px, which do not fit images of "
            f"{store.size[0]} x {store.size[1]} px: predict them for a store of the same aspect ratio (data.size)"
        )
    if not masks.unseen:
        warnings.warn(
            f"predicted={path} does not say that its masks are out of fold, that is, predicted by networks not trained "
            "on the image: masks of training images are better than those of new images will be",
            RunWarning,
            stacklevel=3,
        )
    if masks.fingerprint != store.fingerprint:
        warnings.warn(
            f"predicted={path} was predicted for the data {masks.fingerprint[:16]} at {height} x {width} px, but "
            f"{store.path} is {store.fingerprint[:16]} at {store.size[0]} x {store.size[1]} px: make sure that both "
            "hold the same part of the same images (data.fit)",
            RunWarning,
            stacklevel=3,
        )
