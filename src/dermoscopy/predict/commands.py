"""The two commands of predict.py: predict the images of a folder, or score the images of a store."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dermoscopy.data.raw.sources import FolderSource
from dermoscopy.data.store.reader import Store
from dermoscopy.predict.arguments import default_output
from dermoscopy.predict.classification import check_columns, evaluate_labels, label_table, predict_odds, write_labels
from dermoscopy.predict.folders import find_images
from dermoscopy.predict.images import ImageBatch, read_batches
from dermoscopy.predict.isic import (
    ISIC,
    ChallengeFiles,
    check_names,
    check_vacant,
    label_columns,
    misnamed,
    write_submission,
)
from dermoscopy.predict.network import TrainedNetwork
from dermoscopy.predict.postprocessing import HALF, Postprocessing
from dermoscopy.predict.results import LEFT_OUT, new_results, notes, open_output, write_left_out
from dermoscopy.predict.rows import choose_rows, seen_images
from dermoscopy.predict.segmentation import MaskFiles, check_apart, other_pictures, predict_masks, write_masks
from dermoscopy.predict.store_masks import evaluate_masks
from dermoscopy.predict.stores import check_store, write_record
from dermoscopy.runs.recorded import RecordedStage


@dataclass(frozen=True)
class FolderOptions:
    """Images to predict, and settings; conf/predict.yaml documents the keys."""

    images: Path
    out: Path
    format: str
    tta: str
    batch_size: int
    workers: int | None
    on_error: str
    threshold: float
    fill_holes: bool
    min_pixels: int
    probabilities: bool
    instances: bool


@dataclass(frozen=True)
class StoreOptions:
    """Images to score, and settings; conf/predict.yaml documents the keys.

    `source` locates the raw files, to score masks at the original size too; None: at the store's size only.
    """

    store: Store
    source: FolderSource | None
    out: Path | None
    subset: str | None
    format: str
    tta: str
    batch_size: int
    hd95: bool
    panels: int


def predict_folder(networks: Sequence[TrainedNetwork], options: FolderOptions) -> str:
    """Predict the labels or the masks of new images; return lines that name what was written and what was left out."""
    folder, stage, out = find_images(options.images), networks[0].stage, options.out
    postprocessing = Postprocessing(stage.exclusive, options.threshold, options.fill_holes, options.min_pixels)
    kind = ChallengeFiles if options.format == ISIC else MaskFiles
    files = kind(stage.masks, postprocessing, options.probabilities, options.instances)
    if options.format == ISIC:
        for id, fault in misnamed(folder.files, bool(stage.masks)).items():
            folder.leave_out(id, *fault)
        _check_submission(stage, out, files, folder.files)
    check_apart(options.images, out, folder, files)
    check_columns(stage.labels, stage.exclusive)
    batches = read_batches(
        folder, stage.size, stage.fit, options.batch_size, options.workers, options.on_error, progress=True
    )
    with new_results(out) as results:
        _print_networks(networks)
        _print(seen_images(folder.files, _all_stages(networks)))
        if stage.masks:
            written = [write_masks(predict_masks(networks, batches, options.tta), files, results, options.workers)]
            written += [files.line] if isinstance(files, ChallengeFiles) else []
        else:
            written = _write_labels(networks[0], batches, options.format == ISIC, results)
        if folder.left_out:
            write_left_out(folder, results)
    if not folder.left_out:
        (out / LEFT_OUT).unlink(missing_ok=True)  # of an earlier command
    others = other_pictures(out, folder, files) if stage.masks else ""
    lines = [f"  {line}" for line in [*notes(folder, out), others] if line]
    return "\n".join([*lines, *(str(out / line) for line in written)])


def _write_labels(trained: TrainedNetwork, batches: Iterable[ImageBatch], submission: bool, folder: Path) -> list[str]:
    """Predict the labels of images and write their files; return words that describe each."""
    stage, predicted = trained.stage, predict_odds(trained, batches)
    written = [write_labels(label_table(trained, predicted), stage.labels, folder)]
    return [*written, write_submission(*predicted, stage.labels, stage.exclusive, folder)] if submission else written


def evaluate_store(networks: Sequence[TrainedNetwork], options: StoreOptions) -> str:
    """Evaluate predicted labels or masks of a store's images; return lines with the mean scores."""
    store, stages = options.store, [trained.stage for trained in networks]
    differences = check_store(store, stages)
    all_stages = _all_stages(networks)
    selection = choose_rows(store, all_stages, options.subset)
    out, files = options.out or default_output(stages, store, selection.subset), None
    if options.format == ISIC:
        ids = store.ids[selection.rows].tolist()
        files = ChallengeFiles(stages[0].masks, Postprocessing(stages[0].exclusive, HALF, False, 0), False, False)
        check_names(ids, bool(stages[0].masks))
        _check_submission(stages[0], out, files, ids)
    open_output(out)
    _print_networks(networks)
    _print([selection.line, *differences])
    if stages[0].masks:
        settings = options.tta, options.batch_size, options.hd95, options.panels
        result = evaluate_masks(networks, store, selection, options.source, *settings, out, files)
    else:
        result = evaluate_labels(networks[0], store, selection.rows, options.batch_size, out, files is not None)
    write_record(
        out, all_stages, store, {"subset": selection.subset, "tta": options.tta, "images": len(selection.rows)}
    )
    return result


def _check_submission(stage: RecordedStage, out: Path, files: MaskFiles, ids: Iterable[str]) -> None:
    """Refuse what the official scorer would refuse, before anything is computed."""
    if stage.masks:
        check_vacant(out, files, ids)
    else:
        label_columns(stage.labels, stage.exclusive)


def _all_stages(networks: Sequence[TrainedNetwork]) -> list[RecordedStage]:
    """Return the stages of networks and of the segmenters that predict their masks."""
    segmenters = [trained.segmenter.stage for trained in networks if trained.segmenter is not None]
    return [*(trained.stage for trained in networks), *segmenters]


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(f"  {line}", flush=True)


def _print_networks(networks: Sequence[TrainedNetwork]) -> None:
    """Print which weights are used, which masks they receive, and on which device."""
    for trained in networks:
        masks = "no masks" if trained.segmenter is None else f"masks of {trained.segmenter.stage}"
        print(f"  network: {trained.stage}, given {masks}; device: {next(trained.network.parameters()).device}")
