"""The masks that networks predict in the images of a store, and how good they are."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dermoscopy.data.raw.sources import FolderSource
from dermoscopy.data.store.reader import Store
from dermoscopy.evaluation.files import write_evaluation
from dermoscopy.evaluation.images import find_in
from dermoscopy.evaluation.pictures.segmentation import write_pictures
from dermoscopy.evaluation.segmentation import Evaluation, evaluate
from dermoscopy.evaluation.summary import MEAN
from dermoscopy.masks.predicted import PredictedMasks
from dermoscopy.masks.probability_maps import at_size
from dermoscopy.predict.images import tracked
from dermoscopy.predict.network import TrainedNetwork, mean_of
from dermoscopy.predict.rows import Chosen
from dermoscopy.predict.stores import read_store
from dermoscopy.runs.files import SCORES

PRINTED = ("dice", "iou", "thresholded_jaccard")  # in the line of a result; the others stand in its files


def predict_store(
    networks: Sequence[TrainedNetwork], store: Store, rows: NDArray[np.integer], tta: str, batch_size: int
) -> NDArray[np.uint8]:
    """Return 255 times the mean probability of each mask in images of a store, (n, H, W, K), at the store's size."""
    batches = zip(*(read_store(store, trained.stage, rows, batch_size) for trained in networks), strict=True)
    found = np.empty((len(rows), *store.size, len(networks[0].stage.masks)), np.uint8)
    for number, parts in enumerate(tracked(batches, -(-len(rows) // batch_size), "batches")):
        shown = zip(networks, parts, strict=True)
        each = [at_size(trained.found(image, frame, tta), store.size) for trained, (image, frame) in shown]
        found[number * batch_size : (number + 1) * batch_size] = mean_of(each)
    return found


def evaluate_masks(
    networks: Sequence[TrainedNetwork],
    store: Store,
    chosen: Chosen,
    source: FolderSource | None,
    tta: str,
    batch_size: int,
    hd95: bool,
    panels: int,
    folder: Path,
) -> str:
    """Leave what a test of a segmentation leaves, of images of a store: tables, masks and pictures.

    Args:
        networks: the mean of their probabilities is scored.
        store, chosen: the images.
        source: where the raw files are, to score at the original size too; None: at the store's only.
        tta: how the images are shown, see `dermoscopy.tasks.tta`.
        batch_size: images a batch.
        hd95: whether to compute Hausdorff distances.
        panels: images in the picture of the best, of the median and of the worst.
        folder: for the files.

    Returns:
        Lines that say how good the masks are.
    """
    stage, rows = networks[0].stage, chosen.rows
    found = predict_store(networks, store, rows, tta, batch_size)
    scored = evaluate(found, rows, store, stage.masks, stage.exclusive, hd95, source)
    masks = PredictedMasks(store.ids[rows], stage.masks, stage.exclusive, store.fingerprint, found, chosen.unseen)
    write_evaluation(folder, {tta: scored}, masks)
    write_pictures(folder, scored, find_in(store, masks), panels)
    return "\n".join([f"{folder / SCORES}: {len(rows)} images", *(f"  {line}" for line in _summary(scored))])


def _summary(scored: Evaluation) -> Iterator[str]:
    """A line for each size, and why there is none for the original."""
    scores = scored.scores
    overall = scores[scores["mask"] == MEAN] if MEAN in set(scores["mask"]) else scores
    for size, table in overall.groupby("size", sort=False):
        rows = table.set_index("metric").loc[list(PRINTED)].itertuples()
        parts = (f"{row.Index} {row.mean:.3f} [{row.low:.3f}, {row.high:.3f}]" for row in rows)
        yield f"{size} size: {', '.join(parts)}"
    if scored.note:
        yield scored.note
