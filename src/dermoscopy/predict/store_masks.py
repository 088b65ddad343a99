"""Masks that networks predict for the images of a store, and their scores."""

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
from dermoscopy.predict.isic import ChallengeFiles
from dermoscopy.predict.network import TrainedNetwork, mean_of
from dermoscopy.predict.results import new_results
from dermoscopy.predict.rows import RowSelection
from dermoscopy.predict.segmentation import MaskProbabilities, write_masks
from dermoscopy.predict.stores import read_store
from dermoscopy.runs.files import SCORES

PRINTED = ("dice", "iou", "thresholded_jaccard")  # in the printed result; the other scores are in its files


def predict_store(
    networks: Sequence[TrainedNetwork], store: Store, rows: NDArray[np.integer], tta: str, batch_size: int
) -> NDArray[np.uint8]:
    """Return 255 times the mean probability of each mask in images of a store, (n, H, W, K), at the store's size."""
    batches = zip(*(read_store(store, trained.stage, rows, batch_size) for trained in networks), strict=True)
    predicted = np.empty((len(rows), *store.size, len(networks[0].stage.masks)), np.uint8)
    for number, batch in enumerate(tracked(batches, -(-len(rows) // batch_size), "batches")):
        pairs = zip(networks, batch, strict=True)
        maps = [at_size(trained.mask_probability(image, frame, tta), store.size) for trained, (image, frame) in pairs]
        predicted[number * batch_size : (number + 1) * batch_size] = mean_of(maps)
    return predicted


def evaluate_masks(
    networks: Sequence[TrainedNetwork],
    store: Store,
    selection: RowSelection,
    source: FolderSource | None,
    tta: str,
    batch_size: int,
    hd95: bool,
    panels: int,
    folder: Path,
    submission: ChallengeFiles | None = None,
) -> str:
    """Evaluate predicted masks of a store's images; write the files that the test of a segmentation writes.

    Args:
        networks: the mean of their probabilities is scored.
        store, selection: the images.
        source: where the raw files are, to score at the original size too; None: at the store's size only.
        tta: test-time augmentation, see `dermoscopy.tasks.tta`.
        batch_size: images per batch.
        hd95: whether to compute Hausdorff distances.
        panels: images of each kind in the picture of the best, median and worst images.
        folder: for the files.
        submission: files of the masks at the size of the original images, to be written as well.

    Returns:
        Lines with the mean scores, and one on the submission.
    """
    stage, rows = networks[0].stage, selection.rows
    predicted = predict_store(networks, store, rows, tta, batch_size)
    scored = evaluate(predicted, rows, store, stage.masks, stage.exclusive, hd95, source)
    masks = PredictedMasks(
        store.ids[rows], stage.masks, stage.exclusive, store.fingerprint, predicted, selection.unseen
    )
    write_evaluation(folder, {tta: scored}, masks)
    write_pictures(folder, scored, find_in(store, masks), panels)
    lines = [f"{folder / SCORES}: {len(rows)} images", *(f"  {line}" for line in _summary(scored))]
    if submission is not None:
        with new_results(folder) as results:
            write_masks(map(MaskProbabilities, masks.ids.tolist(), predicted, store.frame[rows]), submission, results)
        lines.append(str(folder / submission.line))
    return "\n".join(lines)


def _summary(scored: Evaluation) -> Iterator[str]:
    """Yield one line per size, and why there is none for the original size."""
    scores = scored.scores
    overall = scores[scores["mask"] == MEAN] if MEAN in set(scores["mask"]) else scores
    for size, table in overall.groupby("size", sort=False):
        rows = table.set_index("metric").loc[list(PRINTED)].itertuples()
        parts = (f"{row.Index} {row.mean:.3f} [{row.low:.3f}, {row.high:.3f}]" for row in rows)
        yield f"{size} size: {', '.join(parts)}"
    if scored.note:
        yield scored.note
