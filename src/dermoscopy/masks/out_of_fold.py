"""Out-of-fold masks: predicted masks of all folds' test images in one file, by networks not trained on the image."""

from collections.abc import Sequence, Set
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dermoscopy.masks.predicted import MASKS, PredictedMasks, read_masks, write_masks


def join_masks(folders: Sequence[Path], path: Path, seen: Sequence[Set[str] | None]) -> Path:
    """Write the masks of several folds to one file, in the order of the folders; return its path.

    Args:
        folders: folders of the tested stages, one per fold.
        path: path of the new file; an older one is kept until the new one is complete.
        seen: ids of the training and validation images of each fold's network; None where they are not recorded.

    Raises:
        FileNotFoundError: a folder lacks its masks.
        ValueError: a file is damaged, an image was tested twice, or folds differ in their store or masks.
        OSError: the disk is full.
    """
    if not folders:
        raise ValueError("no folder of a fold is given: list the folders of the tested stages")
    parts = [read_masks(folder / MASKS) for folder in folders]
    _check(folders, parts)
    first, ids = parts[0], np.concatenate([part.ids for part in parts])
    probability = np.concatenate([part.probability for part in parts])
    network = np.repeat(np.arange(len(parts)), [len(part.ids) for part in parts])
    table = _seen(ids, seen)
    unseen = all(part.unseen for part in parts) and (table is None or not table[network, np.arange(len(ids))].any())
    facts = first.names, first.exclusive, first.fingerprint
    write_masks(path, PredictedMasks(ids, *facts, probability, unseen, network, table))
    return path


def _seen(ids: NDArray[np.str_], seen: Sequence[Set[str] | None]) -> NDArray[np.bool_] | None:
    """Return which images (folds, n) each fold's network has seen; None unless it is known of every fold."""
    known = [own for own in seen if own is not None]
    if len(known) < len(seen):
        return None
    return np.array([[id in own for id in ids.tolist()] for own in known])


def _check(folders: Sequence[Path], parts: Sequence[PredictedMasks]) -> None:
    seen: dict[str, Path] = {}
    for folder, part in zip(folders, parts, strict=True):
        for fact, own, first in (
            ("store's fingerprint", part.fingerprint, parts[0].fingerprint),
            ("masks", part.names, parts[0].names),
            ("exclusive", part.exclusive, parts[0].exclusive),
        ):
            if own != first:
                raise ValueError(f"folds must agree: {fact} is {first} in {folders[0]}, but {own} in {folder}")
        for id in part.ids.tolist():
            if id in seen:
                raise ValueError(f"image {id} was tested in {seen[id]} and in {folder}: give the folds of one split")
            seen[id] = folder
