"""What predict.py does with trained networks: predict the images of a folder, or score those of a store."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dermoscopy.data.raw.sources import FolderSource
from dermoscopy.data.store.reader import Store
from dermoscopy.predict.arguments import default_output, open_output
from dermoscopy.predict.classification import evaluate_labels, predict_labels, write_labels
from dermoscopy.predict.images import find_images, read_batches
from dermoscopy.predict.network import TrainedNetwork
from dermoscopy.predict.postprocessing import Postprocessing
from dermoscopy.predict.rows import choose_rows
from dermoscopy.predict.segmentation import MaskFiles, check_apart, predict_masks, write_masks
from dermoscopy.predict.store_masks import evaluate_masks
from dermoscopy.predict.stores import check_store, write_record


@dataclass(frozen=True)
class FolderOptions:
    """Images to predict, and how; the keys of conf/predict.yaml say what each is."""

    images: Path
    out: Path
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
    """Images to score, and how; the keys of conf/predict.yaml say what each is.

    The source has the raw files, to score masks at the original size too; None: at the store's only.
    """

    store: Store
    source: FolderSource | None
    out: Path | None
    subset: str | None
    tta: str
    batch_size: int
    hd95: bool
    panels: int


def predict_folder(networks: Sequence[TrainedNetwork], options: FolderOptions) -> str:
    """Predict the labels or the masks of new images; return a line that says what was written."""
    folder, stage, out = find_images(options.images), networks[0].stage, options.out
    postprocessing = Postprocessing(stage.exclusive, options.threshold, options.fill_holes, options.min_pixels)
    files = MaskFiles(out, stage.masks, postprocessing, options.probabilities, options.instances)
    check_apart(options.images, folder, files)
    batches = read_batches(
        folder, stage.size, stage.fit, options.batch_size, options.workers, options.on_error, progress=True
    )
    open_output(out)
    _print_networks(networks)
    if stage.masks:
        return write_masks(predict_masks(networks, batches, options.tta), files, options.workers)
    return write_labels(predict_labels(networks[0], batches), out)


def evaluate_store(networks: Sequence[TrainedNetwork], options: StoreOptions) -> str:
    """Score the labels or the masks of a store's images; return lines that say how good they are."""
    store, stages = options.store, [trained.stage for trained in networks]
    differences = check_store(store, stages)
    segmenters = [trained.segmenter.stage for trained in networks if trained.segmenter is not None]
    every = [*stages, *segmenters]
    chosen = choose_rows(store, every, options.subset)
    out = open_output(options.out or default_output(stages, store, chosen.subset))
    _print_networks(networks)
    print(*(f"  {line}" for line in (chosen.line, *differences)), sep="\n", flush=True)
    if stages[0].masks:
        how = options.tta, options.batch_size, options.hd95, options.panels
        result = evaluate_masks(networks, store, chosen, options.source, *how, out)
    else:
        result = evaluate_labels(networks[0], store, chosen.rows, options.batch_size, out)
    write_record(out, every, store, {"subset": chosen.subset, "tta": options.tta, "images": len(chosen.rows)})
    return result


def _print_networks(networks: Sequence[TrainedNetwork]) -> None:
    """Say which weights are used, what they are given, and where."""
    for trained in networks:
        given = "no masks" if trained.segmenter is None else f"masks of {trained.segmenter.stage}"
        print(f"  network: {trained.stage}, given {given}; device: {next(trained.network.parameters()).device}")
