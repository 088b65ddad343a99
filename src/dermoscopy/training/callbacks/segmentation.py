"""Files and pictures of a segmenter's test, and pictures of some validation images during training."""

from pathlib import Path
from typing import cast

from pytorch_lightning import Callback, LightningModule, Trainer

from dermoscopy.evaluation.files import write_evaluation
from dermoscopy.evaluation.images import find_in
from dermoscopy.evaluation.pictures.segmentation import draw_epoch, write_pictures
from dermoscopy.evaluation.segmentation import Evaluation
from dermoscopy.masks.predicted import PredictedMasks
from dermoscopy.masks.probability_maps import at_size
from dermoscopy.plots.style import save_figure
from dermoscopy.tasks.segmentation import SegmentationTask

EPOCHS = "epochs"


class MaskPredictions(Callback):
    """Writer of tables, masks and pictures of the test images into the folder of the stage.

    scores.csv has the scores of all test-time augmentations of the task, with intervals; the other files and the
    pictures are of the last one.

    Args:
        folder: of the stage.
        panels: images of each kind in the picture of the best, median and worst images.

    Raises:
        ValueError: a negative number of panels.
    """

    def __init__(self, folder: str | Path, panels: int) -> None:
        if panels < 0:
            raise ValueError(f"panels must be at least 0, got {panels}")
        self.folder, self.panels = Path(folder), panels

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, SegmentationTask)
        assert pl_module.predicted is not None, "the test has ended"
        evaluations = cast(dict[str, Evaluation], pl_module.evaluations)  # the evaluator of conf/ returns these
        write_evaluation(self.folder, evaluations, pl_module.predicted)
        *_, last = evaluations.values()
        write_pictures(self.folder, last, find_in(pl_module.data.store, pl_module.predicted), self.panels)


class EpochPictures(Callback):
    """Writer of pictures of the predictions for some validation images every few epochs, `epochs/<epoch>.png`.

    Args:
        folder: of the stage.
        every: epochs between two pictures; 0: none.
        images: number of images, the first ones of the validation subset.

    Raises:
        ValueError: a negative number of epochs, no images.
    """

    def __init__(self, folder: str | Path, every: int, images: int) -> None:
        if every < 0 or images < 1:
            raise ValueError(f"every must be at least 0 and images at least 1, got {every} and {images}")
        self.folder, self.every, self.images = Path(folder), every, images

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        epoch = trainer.current_epoch + 1
        if trainer.sanity_checking or not self.every or epoch % self.every:
            return
        assert isinstance(pl_module, SegmentationTask)
        data = pl_module.data
        rows = data.rows("val")[: self.images]
        batch = trainer.strategy.batch_to_device(data.gather(rows))  # also normalised
        probability = at_size(pl_module.predict(batch["image"]).cpu(), data.store.size)
        masks = PredictedMasks(
            data.store.ids[rows], pl_module.masks, pl_module.exclusive, data.store.fingerprint, probability
        )
        find = find_in(data.store, masks)
        cases = [find(str(id), name) for id in masks.ids for name in masks.names]
        (self.folder / EPOCHS).mkdir(exist_ok=True)
        save_figure(draw_epoch(cases, f"epoch {epoch}"), self.folder / EPOCHS / f"{epoch:04}.png", dpi=80, small=False)
