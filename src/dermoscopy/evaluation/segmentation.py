"""Scores of predicted masks of a store's images, at the store's size and at the originals'."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dermoscopy.contracts import Store
from dermoscopy.data.raw.sources import FolderSource
from dermoscopy.evaluation.comparison import Comparison, compare, predicted_planes
from dermoscopy.evaluation.originals import NoOriginals, Original, find_originals, read_original
from dermoscopy.evaluation.summary import MEAN, summarise
from dermoscopy.machine.messages import nearest
from dermoscopy.machine.threads import cores, in_order
from dermoscopy.masks.predicted import commonly_known
from dermoscopy.metrics.segmentation import image_scores


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Scores of predicted masks.

    Attributes:
        images: one row per image, mask and size, with the columns of predictions.csv.
        scores: their means, see `dermoscopy.evaluation.summary.summarise`.
        note: why there are no scores at the original size, in one line; else empty.
    """

    images: pd.DataFrame
    scores: pd.DataFrame
    note: str

    def metrics(self, tta: str) -> dict[str, float]:
        """Return the mean scores by their metric names in a run, for this test-time augmentation.

        The names are `test/<tta>/<metric>[/<mask>]` at the store's size, `test/<tta>_original/...` at the
        originals'.
        """
        several = self.scores["mask"].nunique() > 1
        means = {}
        for row in self.scores.to_dict("records"):
            prefix = tta if row["size"] == "store" else f"{tta}_original"
            part = f"/{row['mask']}" if several and row["mask"] != MEAN else ""
            means[f"test/{prefix}/{row['metric']}{part}"] = float(row["mean"])
        return means


class Evaluator:
    """Scores of the test images of a segmentation task, see `evaluate`.

    Args:
        source: the raw files, to score at the original size too; None: at the store's size only.
        hd95: whether to compute the Hausdorff distances, which is slow.
    """

    def __init__(self, source: FolderSource | None, hd95: bool) -> None:
        self.source, self.hd95 = source, hd95

    def __call__(
        self,
        probability: NDArray[np.uint8],
        index: NDArray[np.int64],
        store: Store,
        masks: Sequence[str],
        exclusive: bool,
    ) -> Evaluation:
        return evaluate(probability, index, store, masks, exclusive, self.hd95, self.source)


def evaluate(
    probability: NDArray[np.uint8],
    index: Sequence[int] | NDArray[np.integer],
    store: Store,
    masks: Sequence[str],
    exclusive: bool,
    hd95: bool,
    source: FolderSource | None = None,
) -> Evaluation:
    """Compare predicted masks with those of a store and, if the raw files are available, with the original ones.

    Args:
        probability: (n, H, W, K), 255 times the probability, without a background.
        index: (n,) the images' rows of the store.
        store: the images' store.
        masks: names of the K masks.
        exclusive: whether a pixel belongs to one mask at most; it is known if all its masks are.
        hd95: whether to compute the Hausdorff distances; else the column is NaN.
        source: the raw files; None: score at the store's size only.

    Raises:
        ValueError: the arguments do not fit together, or do not fit the store.
    """
    index = np.asarray(index)
    planes = _check(probability, index, store, masks)
    truth = store.mask(mapped=True)
    ids, groups = store.ids[index], store.groups[index]

    def at_store_size(row: int) -> Comparison:
        codes = commonly_known(truth[index[row]][..., planes], exclusive)
        return compare(predicted_planes(probability[row], exclusive), np.moveaxis(codes, -1, 0), hd95)

    def at_original_size(originals: Sequence[Original], row: int) -> Comparison:
        predicted = predicted_planes(probability[row], exclusive, originals[row].frame)
        return compare(predicted, read_original(originals[row], exclusive), hd95)

    table = partial(_table, ids=ids, groups=groups, masks=masks)
    images, note = table(at_store_size, size="store"), ""
    try:
        originals = find_originals(source, ids.tolist(), store.frame[index], masks)
        images = pd.concat([images, table(partial(at_original_size, originals), size="original")])
    except NoOriginals as reason:
        note = f"not scored at the original size: {reason}"
    return Evaluation(images.reset_index(drop=True), summarise(images), note)


def _check(probability: NDArray[np.uint8], index: NDArray[np.integer], store: Store, masks: Sequence[str]) -> list[int]:
    """Return the store's planes of the masks, if all arguments fit together."""
    for name in masks:
        if name not in store.mask_names:
            raise ValueError(f"masks names {name}, {store.path} has no such mask{nearest(name, store.mask_names)}")
    expected = (len(index), *store.size, len(masks))
    if probability.shape != expected or probability.dtype != np.uint8 or not probability.size:
        actual = f"{probability.dtype} {list(probability.shape)}"
        raise ValueError(f"probability must be uint8 {list(expected)} and not empty for {store.path}, got {actual}")
    if len(np.unique(index)) < len(index):
        raise ValueError("index names a row of the store twice")
    return [store.mask_names.index(name) for name in masks]


def _table(
    compared: Callable[[int], Comparison],
    ids: NDArray[np.str_],
    groups: NDArray[np.str_],
    masks: Sequence[str],
    size: str,
) -> pd.DataFrame:
    """Return one row per image and mask; the images are compared in threads."""
    with closing(in_order(compared, range(len(ids)), ahead=2 * cores())) as results:
        comparisons = list(results)
    counts = np.stack([comparison.counts for comparison in comparisons])  # (n, K, 4)
    tp, fp, fn, _ = np.moveaxis(counts, -1, 0)
    values = image_scores(counts) | {"hd95": np.stack([comparison.hd95 for comparison in comparisons])}
    names = {"id": ids.repeat(len(masks)), "group": groups.repeat(len(masks)), "mask": list(masks) * len(ids)}
    areas = {"truth": tp + fn, "predicted": tp + fp, "pixels": counts.sum(-1)}
    return pd.DataFrame(names | {"size": size} | {name: value.ravel() for name, value in (values | areas).items()})
