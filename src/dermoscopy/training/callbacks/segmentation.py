"""What a segmenter finds in its test images, and pictures of some validation images while it learns."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer

from dermoscopy.data.raw.sources import FolderSource
from dermoscopy.evaluation.files import write_evaluation
from dermoscopy.evaluation.images import find_in
from dermoscopy.evaluation.pictures.segmentation import draw_epoch, write_pictures
from dermoscopy.evaluation.segmentation import Evaluation, evaluate
from dermoscopy.evaluation.summary import MEAN
from dermoscopy.masks.predicted import PredictedMasks
from dermoscopy.masks.probability_maps import at_size
from dermoscopy.plots.style import save_figure

EPOCHS = "epochs"


class MaskPredictions(Callback):
    """Score the masks of the test images, and leave tables, masks and pictures in the folder of the stage.

    Of each way the images were shown there are scores, `test/<views>/<metric>` at the store's size and
    `test/<views>_original/<metric>` at the original images' size, with intervals in scores.csv; the other files and the
    pictures are of the last one.

    Args:
        folder: of the stage.
        source: where the raw files are; None: nothing is scored at the original size.
        hd95: whether to compute Hausdorff distances.
        panels: images in the picture of the best, of the median and of the worst.

    Raises:
        ValueError: a negative number of panels.
    """

    def __init__(self, folder: str | Path, source: FolderSource | None, hd95: bool, panels: int) -> None:
        if panels < 0:
            raise ValueError(f"callbacks.predictions.panels must be at least 0, got {panels}")
        self.folder, self.source, self.hd95, self.panels = Path(folder), source, hd95, panels

    def on_test_end(self, trainer: Trainer, pl_module: Any) -> None:
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        evaluations = {}
        for views, outputs in pl_module.tested.items():
            index = torch.cat([rows.cpu() for rows, _ in outputs]).numpy()
            probability = at_size(torch.cat([part.cpu() for _, part in outputs]), data.store.size)
            evaluations[views] = scored = evaluate(
                probability, index, data.store, pl_module.masks, pl_module.exclusive, self.hd95, self.source
            )
            pl_module.scored |= metrics(scored, views)
        if scored.note:
            print(f"  {scored.note}")
        ids, fingerprint = data.store.ids[index], data.store.fingerprint
        masks = PredictedMasks(ids, pl_module.masks, pl_module.exclusive, fingerprint, probability, unseen=True)
        write_evaluation(self.folder, evaluations, masks)
        write_pictures(self.folder, scored, find_in(data.store, masks), self.panels)


class EpochPictures(Callback):
    """Show what the network finds in the same validation images every few epochs, `epochs/<epoch>.png`.

    Args:
        folder: of the stage.
        every: epochs between two pictures; 0: none.
        images: how many, the first ones of the validation side.

    Raises:
        ValueError: a negative number of epochs, no images.
    """

    def __init__(self, folder: str | Path, every: int, images: int) -> None:
        if every < 0 or images < 1:
            raise ValueError(
                f"callbacks.pictures: every must be at least 0 and images at least 1, got {every} and {images}"
            )
        self.folder, self.every, self.images = Path(folder), every, images

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        epoch = trainer.current_epoch + 1
        if trainer.sanity_checking or not self.every or epoch % self.every:
            return
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        rows = data.rows("val")[: self.images]
        batch = trainer.strategy.batch_to_device(data.gather(rows))  # which also normalises it
        shown = at_size(pl_module.found(batch["image"]).cpu(), data.store.size)
        masks = PredictedMasks(
            data.store.ids[rows], pl_module.masks, pl_module.exclusive, data.store.fingerprint, shown
        )
        find = find_in(data.store, masks)
        cases = [find(str(id), name) for id in masks.ids for name in masks.names]
        (self.folder / EPOCHS).mkdir(exist_ok=True)
        save_figure(draw_epoch(cases, f"epoch {epoch}"), self.folder / EPOCHS / f"{epoch:04}.png", dpi=80, small=False)


def metrics(evaluation: Evaluation, views: str) -> Mapping[str, float]:
    """Return the mean scores of an evaluation by the names they have in a run."""
    several = evaluation.scores["mask"].nunique() > 1
    named = {}
    for row in evaluation.scores.to_dict("records"):
        shown = views if row["size"] == "store" else f"{views}_original"
        part = f"/{row['mask']}" if several and row["mask"] != MEAN else ""
        named[f"test/{shown}/{row['metric']}{part}"] = float(row["mean"])
    return named
