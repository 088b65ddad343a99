"""Tests of pictures during the training of a segmenter: they show its predictions for validation images."""

from functools import partial

import numpy as np
import pytest
import torch
from parts import ONE_GROUP
from torch import nn
from trainers import quiet_trainer

from dermoscopy.evaluation.segmentation import Evaluator
from dermoscopy.losses.segmentation import Dice
from dermoscopy.losses.weighted_sum import LossSum
from dermoscopy.tasks.segmentation import SegmentationTask
from dermoscopy.training.callbacks import segmentation as masks
from dermoscopy.training.callbacks.segmentation import EpochPictures


@pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning")
@pytest.mark.parametrize("reduce", [1, 2])
def test_the_picture_of_an_epoch_shows_the_predictions_of_validation(make_data, tmp_path, monkeypatch, reduce):
    drawn, draw = {}, masks.draw_epoch

    def remember(cases, title):
        drawn.update({case.id: case.probability for case in cases})
        return draw(cases, title)

    monkeypatch.setattr(masks, "draw_epoch", remember)
    loss = LossSum("dice", {"dice": Dice(False, smooth=1.0)}, (), None)
    network = nn.Conv2d(3, 1, 3, padding=1)
    evaluator, optimizer = Evaluator(None, hd95=False), partial(torch.optim.SGD, lr=0.1)
    task = SegmentationTask(
        network, loss, ["lesion"], False, ["none"], evaluator, optimizer, 0, None, (), {}, ONE_GROUP
    )
    data = make_data(labels=(), masks=("lesion",), stratify=(), reduce=reduce)
    quiet = {"enable_checkpointing": False, "limit_train_batches": 1, "precision": "32-true", "accelerator": "cpu"}
    pictures = EpochPictures(tmp_path, every=1, images=3)
    quiet_trainer(max_epochs=1, callbacks=[pictures], **quiet).fit(task, datamodule=data)
    rows = data.rows("val")[:3]
    expected = task.probability(data.finish(data.gather(rows))["image"])
    if reduce > 1:
        expected = nn.functional.interpolate(expected, data.store.size, mode="bilinear")
    for id, probability in zip(data.store.ids[rows], expected.detach().numpy(), strict=True):
        np.testing.assert_allclose(drawn[str(id)], probability[0], atol=1.1 / 255)
    assert (tmp_path / "epochs" / "0001.png").is_file()
