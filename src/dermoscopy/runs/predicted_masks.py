"""What is known of the predicted masks of a job: whether their networks had seen its images, for its record."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dermoscopy.masks.predicted import PredictedMasks, read_masks
from dermoscopy.runs.input_records import PredictedMasksRecord


def predicted_masks_record(configuration: Mapping[str, Any], subsets: Mapping[str, str]) -> PredictedMasksRecord | None:
    """Return what is known of the predicted masks of a stage; None where it has none.

    Args:
        configuration: of the stage.
        subsets: the subset of each image of its split, by id; none where it is not recorded.
    """
    if (file := configuration["datamodule"].get("predicted")) is None:
        return None
    training = configuration["model"].get("training_masks") == "predicted"
    unknown: PredictedMasksRecord = {"file": str(file), "training": training, "unseen": None, "test_images_seen": None}
    try:
        masks = read_masks(Path(file))
    except (FileNotFoundError, ValueError):  # deleted since the training, or damaged
        return unknown
    unseen = True if masks.unseen else None if masks.seen is None else False
    return {**unknown, "unseen": unseen, "test_images_seen": _test_images_seen(masks, subsets)}


def _test_images_seen(masks: PredictedMasks, subsets: Mapping[str, str]) -> int | None:
    """Return the number of test images that a network which predicted masks of training images has seen.

    0 means that the folds are nested: nothing of the test images is in the masks of the training images. None: unknown.
    """
    if masks.network is None or masks.seen is None or not subsets:
        return None
    subset = np.array([subsets.get(id, "") for id in masks.ids.tolist()])
    networks = np.unique(masks.network[subset == "train"])
    return int(masks.seen[networks][:, subset == "test"].any(0).sum())
