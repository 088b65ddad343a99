"""The masks that networks find in the images of a store, and how good they are."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from dermoscopy.data.batches.pixels import Pixels
from dermoscopy.data.raw.sources import FolderSource
from dermoscopy.data.store.reader import Store
from dermoscopy.evaluation.classification import prediction_rows, write_label_files
from dermoscopy.evaluation.files import SCORES, write_evaluation
from dermoscopy.evaluation.images import find_in
from dermoscopy.evaluation.pictures.segmentation import write_pictures
from dermoscopy.evaluation.segmentation import Evaluation, evaluate
from dermoscopy.evaluation.summary import MEAN
from dermoscopy.machine.files import write_atomically, write_json
from dermoscopy.machine.messages import nearest
from dermoscopy.machine.provenance import code, sha256
from dermoscopy.masks.predicted import PredictedMasks
from dermoscopy.masks.probability_maps import at_size
from dermoscopy.metrics.classification import label_scores
from dermoscopy.predict.images import tracked
from dermoscopy.predict.network import TrainedNetwork, mean_of
from dermoscopy.predict.rows import Chosen
from dermoscopy.predict.trained import TrainedStage

RECORD = "evaluation.json"
SHOWN = ("dice", "iou", "thresholded_jaccard")  # in the line of a result; the others stand in its files


TOLD = ("accuracy", "f1", "average_precision", "auroc", "tuned_balanced_accuracy", "ece", "top1")  # in one line


def check_store(store: Store, stages: Sequence[TrainedStage]) -> list[str]:
    """Return a line for each way in which the images of a store are unlike those that the runs learnt from.

    Raises:
        ValueError: the store lacks a mask that the runs segment.
    """
    for name in stages[0].masks:
        if name not in store.mask_names:
            there = ", ".join(store.mask_names) or "none"
            raise ValueError(
                f"{store.path} lacks the mask {name}, which the run segments; its masks: {there}"
                f"{nearest(name, store.mask_names)}"
            )
    lines = []
    for size, fit in dict.fromkeys((_stored(stage), stage.fit) for stage in stages):
        if (size, fit) != (store.size, store.fit):
            lines.append(f"images of {_px(store.size, store.fit)}, learnt from ones of {_px(size, fit)}")
    return lines


def _stored(stage: TrainedStage) -> tuple[int, int]:
    return stage.size[0] * stage.reduce, stage.size[1] * stage.reduce


def _px(size: tuple[int, int], fit: str) -> str:
    return f"{size[0]} x {size[1]} px ({fit})"


def read_store(
    store: Store, stage: TrainedStage, rows: NDArray[np.integer], batch_size: int
) -> Iterator[tuple[Tensor, NDArray[np.int32]]]:
    """Yield the images of store rows in batches, with their rows of its `frame`.

    They are reduced as in training where the store is as large as the one in training; else they are as they are.
    """
    pixels = Pixels(store, [], "map", stage.reduce if store.size == _stored(stage) else 1)
    pixels.load(torch.device("cpu"))
    for part in np.array_split(rows, range(batch_size, len(rows), batch_size)):
        yield pixels.take_images(torch.from_numpy(part)), store.frame[part]


def predict_store(
    networks: Sequence[TrainedNetwork], store: Store, rows: NDArray[np.integer], views: str, batch_size: int
) -> NDArray[np.uint8]:
    """Return 255 times the mean probability of each mask in images of a store, (n, H, W, K), at the store's size."""
    batches = zip(*(read_store(store, trained.stage, rows, batch_size) for trained in networks), strict=True)
    found = np.empty((len(rows), *store.size, len(networks[0].stage.masks)), np.uint8)
    for number, parts in enumerate(tracked(batches, -(-len(rows) // batch_size), "batches")):
        shown = zip(networks, parts, strict=True)
        each = [at_size(trained.found(image, frame, views), store.size) for trained, (image, frame) in shown]
        found[number * batch_size : (number + 1) * batch_size] = mean_of(each)
    return found


def evaluate_masks(
    networks: Sequence[TrainedNetwork],
    store: Store,
    chosen: Chosen,
    source: FolderSource | None,
    views: str,
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
        views: how the images are shown, see `dermoscopy.tasks.tta`.
        batch_size: images a batch.
        hd95: whether to compute Hausdorff distances.
        panels: images in the picture of the best, of the median and of the worst.
        folder: for the files.

    Returns:
        Lines that say how good the masks are.
    """
    stage, rows = networks[0].stage, chosen.rows
    found = predict_store(networks, store, rows, views, batch_size)
    scored = evaluate(found, rows, store, stage.masks, stage.exclusive, hd95, source)
    masks = PredictedMasks(store.ids[rows], stage.masks, stage.exclusive, store.fingerprint, found, chosen.unseen)
    write_evaluation(folder, {views: scored}, masks)
    write_pictures(folder, scored, find_in(store, masks), panels)
    return "\n".join([f"{folder / SCORES}: {len(rows)} images", *(f"  {line}" for line in _summary(scored))])


def _summary(scored: Evaluation) -> Iterator[str]:
    """A line for each size, and why there is none for the original."""
    scores = scored.scores
    overall = scores[scores["mask"] == MEAN] if MEAN in set(scores["mask"]) else scores
    for size, table in overall.groupby("size", sort=False):
        rows = table.set_index("metric").loc[list(SHOWN)].itertuples()
        parts = (f"{row.Index} {row.mean:.3f} [{row.low:.3f}, {row.high:.3f}]" for row in rows)
        yield f"{size} size: {', '.join(parts)}"
    if scored.note:
        yield scored.note


def write_record(folder: Path, stages: Sequence[TrainedStage], store: Store, facts: Mapping[str, Any]) -> None:
    """Write evaluation.json: which weights were evaluated on which data, with what code."""
    checkpoints = {str(stage.checkpoint.resolve()): sha256(stage.checkpoint) for stage in stages}
    data = {"store": str(store.path.resolve()), "fingerprint": store.fingerprint}
    write_json(folder / RECORD, {"checkpoints": checkpoints, **data, **facts, "code": code()})


def evaluate_labels(
    trained: TrainedNetwork, store: Store, rows: NDArray[np.integer], batch_size: int, folder: Path
) -> str:
    """Score the labels of a store's images, predicted as of new images, into scores.csv and the files of a run's test.

    Columns of scores.csv: metric, label (empty for the mean over labels), value. The others are those of
    `write_label_files`.

    Returns:
        A line that says how good they are.

    Raises:
        ValueError: the store lacks a label.
    """
    names, exclusive = trained.stage.labels, trained.stage.exclusive
    truth = torch.from_numpy(_truth(store, names, rows))
    logits = torch.cat([trained.logits(*part) for part in read_store(store, trained.stage, rows, batch_size)])
    scores = label_scores(logits, truth, names, exclusive, trained.thresholds)
    given = "none" if trained.segmenter is None else "predicted"
    images = {"id": store.ids[rows], "group": store.groups[rows], "availability": given}
    table = prediction_rows(images, names, truth, logits, trained.thresholds, exclusive)
    write_label_files(folder, table, names, exclusive, given)
    rows_of_scores = [(*name.partition("/")[::2], value) for name, value in scores.items()]
    columns = pd.DataFrame(rows_of_scores, columns=["metric", "label", "value"])
    write_atomically(folder / SCORES, columns.to_csv(index=False))
    means = ", ".join(f"{name} {scores[name]:.3f}" for name in TOLD if name in scores)
    return f"{folder / SCORES}: {len(rows)} images, {means}"


def _truth(store: Store, names: tuple[str, ...], rows: NDArray[np.integer]) -> NDArray[np.float32]:
    """Labels (n, L), NaN unknown."""
    for name in names:
        if name not in store.label_names:
            there = ", ".join(store.label_names) or "none"
            raise ValueError(
                f"{store.path} lacks the label {name}, which the run predicts; its labels: {there}"
                f"{nearest(name, store.label_names)}"
            )
    codes = store.label[rows][:, [store.label_names.index(name) for name in names]]
    return np.where(codes < 0, np.nan, codes).astype(np.float32)
