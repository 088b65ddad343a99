"""Files of an evaluated segmentation: predictions.csv, scores.csv and masks.h5, each written whole or not at all."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from dermoscopy.evaluation.segmentation import Evaluation
from dermoscopy.evaluation.summary import METRICS
from dermoscopy.machine.files import write_atomically
from dermoscopy.masks.predicted import MASKS, PredictedMasks, write_masks
from dermoscopy.metrics.segmentation import Areas
from dermoscopy.runs.files import PREDICTIONS, SCORES

COLUMNS = ("id", "group", "mask", "size", *METRICS, *Areas._fields)


def write_evaluation(folder: Path, evaluations: Mapping[str, Evaluation], masks: PredictedMasks) -> None:
    """Write predictions.csv, scores.csv and masks.h5 into a folder.

    Args:
        folder: for the files.
        evaluations: by test-time augmentation, such as `flips`; scores.csv has the scores of all, with column `tta`.
        masks: predicted with the last one, as are the images of predictions.csv, whose column `tta` names it.
    """
    write_masks(folder / MASKS, masks)
    *_, (tta, evaluation) = evaluations.items()
    scores = pd.concat([result.scores.assign(tta=name) for name, result in evaluations.items()])
    images = evaluation.images[list(COLUMNS)].assign(tta=tta)
    write_atomically(folder / PREDICTIONS, images.to_csv(index=False))
    write_atomically(folder / SCORES, scores.to_csv(index=False))


def read_predictions(path: Path) -> pd.DataFrame:
    """Read a predictions.csv of masks.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or another table.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no {path}: test a segmentation first, which writes it")
    try:
        kinds = dict.fromkeys(COLUMNS[:4], str) | dict.fromkeys(METRICS, float) | dict.fromkeys(Areas._fields, int)
        missing = {name: [""] for name in METRICS}  # the id of an image may be NA
        table = pd.read_csv(path, dtype=kinds, keep_default_na=False, na_values=missing)
        if lacking := [name for name in COLUMNS if name not in table]:
            raise ValueError(f"no column {', '.join(lacking)}")
        images = table["id"].nunique() * table["mask"].nunique() * table["size"].nunique()
        if not len(table) or len(table) != images:
            raise ValueError(f"{len(table)} rows, but every image should have one for each mask and size")
        return table
    except ValueError as error:
        raise ValueError(
            f"{path} is not a complete table of predicted masks ({error}): delete it, and test again"
        ) from error
