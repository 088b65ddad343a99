"""Grad-CAM heatmaps of some test images, and the influence of masks on the labels."""

from pathlib import Path

import pandas as pd
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn

from dermoscopy.contracts import Batch, DataModule
from dermoscopy.evaluation.grad_cam import NoFeatureMaps, grad_cam, influence_table, mask_influence
from dermoscopy.evaluation.pictures.explanations import Explanation, draw_explanations
from dermoscopy.machine.files import write_atomically
from dermoscopy.machine.messages import nearest
from dermoscopy.masks.conditions import masks_at
from dermoscopy.metrics.classification import known_labels, log_odds
from dermoscopy.plots.style import save_figure
from dermoscopy.tasks.classification import LabelTask

TABLE, PICTURE = "influence.csv", "explanations.png"
COMPARED = ("none", "predicted", "given")  # mask conditions that the picture shows next to each other
KINDS = {  # truth, and whether it counts as predicted
    "true positive": (1, True),
    "false negative": (1, False),
    "false positive": (0, True),
    "true negative": (0, False),
}


class Explanations(Callback):
    """Writer of `explanations.png`, heatmaps of a few test images, and `influence.csv`, of each mask on each label.

    The picture has the most confident true positives, false negatives, false positives and true negatives under the
    mask condition of validation (or the first tested one, if that was not tested), with heatmaps for none, predicted
    and given masks, as far as they were tested.

    Args:
        folder: of the stage.
        label: the label in the picture; None: the first.
        images: number per kind in the picture.
        influence_images: the most test images that the table averages over, spread evenly over the test subset.

    Raises:
        ValueError: fewer than one image; at setup: an unknown label.
    """

    def __init__(self, folder: str | Path, label: str | None, images: int, influence_images: int) -> None:
        if min(images, influence_images) < 1:
            raise ValueError(f"images and influence_images must be at least 1, got {images} and {influence_images}")
        self.folder, self.label, self.images, self.influence_images = Path(folder), label, images, influence_images

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        names = trainer.datamodule.label_names  # type: ignore[attr-defined]
        if self.label is not None and self.label not in names:
            raise ValueError(
                f"label of the explanations is {self.label!r}, the labels are {list(names)}{nearest(self.label, names)}"
            )

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, LabelTask)
        data = pl_module.data
        if _reads_masks(pl_module):
            write_atomically(self.folder / TABLE, self._table(trainer, pl_module).to_csv(index=False))
        label = self.label or data.label_names[0]
        try:
            rows = _explanations(trainer, pl_module, data.label_names.index(label), self.images)
        except NoFeatureMaps as reason:
            print(f"  no {PICTURE}: {reason}")
            return
        if not rows:
            print(f"  no {PICTURE}: {label} is unknown in every test image")
            return
        figure = draw_explanations(rows, label, data.mask_names)
        save_figure(figure, self.folder / PICTURE, dpi=80, small=False)

    def _table(self, trainer: Trainer, task: LabelTask) -> pd.DataFrame:
        data = task.data
        parts = spread(data.rows("test"), self.influence_images).split(data.eval_batch_size)
        influence = torch.cat([_influence(task.network, _batch(trainer, data, rows)) for rows in parts])
        return influence_table(influence.cpu().numpy(), data.mask_names, data.label_names)


def spread(rows: Tensor, most: int) -> Tensor:
    """Return at most `most` rows, spread evenly."""
    count = min(most, len(rows))
    return rows[torch.arange(count) * len(rows) // count]


def choose(margin: Tensor, truth: Tensor, count: int) -> dict[int, str]:
    """Return the positions of the most confident images of each kind, and their kind and rank.

    Args:
        margin: (N,) log-odds minus threshold; the larger its absolute value, the more confident.
        truth: (N,) 0, 1, NaN unknown.
        count: images of each kind; fewer if there are fewer.
    """
    chosen = {}
    for kind, (present, predicted) in KINDS.items():
        positions = ((truth == present) & ((margin > 0) == predicted)).nonzero()[:, 0]
        order = margin[positions].abs().argsort(descending=True, stable=True)
        for rank, position in enumerate(positions[order[:count]].tolist(), start=1):
            chosen[position] = f"{kind}, {rank}/{len(order)}"
    return chosen


def _reads_masks(task: LabelTask) -> bool:
    return task.reads_masks and bool(task.data.mask_names)


def _batch(trainer: Trainer, data: DataModule, rows: Tensor) -> Batch:
    batch: Batch = trainer.strategy.batch_to_device(data.gather(rows))  # also normalised
    return batch


def _influence(network: nn.Module, batch: Batch) -> Tensor:
    """Return the influence (B, K, L) of masks, NaN for masks that an image lacks."""
    given = batch["mask"].ne(0).any(3).any(2)  # (B, K)
    return mask_influence(network, batch["image"], batch["mask"]).where(given[..., None], torch.nan)


def _explanations(trainer: Trainer, task: LabelTask, label: int, count: int) -> list[Explanation]:
    """Return the explanations of one label: none if it is unknown in every test image."""
    data, exclusive = task.data, task.exclusive_labels
    tested = {name: [torch.cat(part).cpu() for part in zip(*parts, strict=True)] for name, parts in task.tested.items()}
    odds = {name: log_odds(logits, exclusive)[:, label] for name, (logits, *_) in tested.items()}
    first = task.picture_condition
    _, truth, index = tested[first]
    truth = known_labels(truth, exclusive)[:, label]
    chosen = choose(odds[first] - task.thresholds[label].cpu(), truth, count)
    if not chosen:
        return []
    rows, reads_masks = index[list(chosen)], _reads_masks(task)
    batch = _batch(trainer, data, rows)
    compared = [name for name in COMPARED if name in tested] if reads_masks else []
    masks = {name: masks_at(name, data)(batch) for name in compared or [first]}
    heatmap = {name: grad_cam(task.network, batch["image"], mask, label) for name, mask in masks.items()}
    influence = (
        _influence(task.network, batch).cpu() if reads_masks else torch.empty(len(rows), 0, len(data.label_names))
    )
    pixels = data.gather(rows)["image"].permute(0, 2, 3, 1).cpu()  # as the network reads them, before normalisation
    return [
        Explanation(
            kind=kind,
            id=str(data.store.ids[rows[n]]),
            group=str(data.store.groups[rows[n]]),
            truth=bool(truth[position]),
            image=pixels[n].numpy(),
            cells=next(iter(heatmap.values()))[1],
            heatmap={name: maps[n].cpu().numpy() for name, (maps, _) in heatmap.items()},
            probability={name: float(odds[name][position].sigmoid()) for name in masks},
            masks=(batch["mask"][n] > 0).cpu().numpy(),
            influence=influence[n, :, label].numpy(),
        )
        for n, (position, kind) in enumerate(chosen.items())
    ]
