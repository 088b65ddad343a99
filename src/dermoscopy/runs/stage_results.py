"""What a stage left in its folder, for tables and reports: each file is read when it is first needed, and only once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
import yaml

from dermoscopy.runs.files import CONFIG, HISTORY, PREDICTIONS, SPLIT
from dermoscopy.runs.records import StageResult
from dermoscopy.runs.stage import finished

Content = Mapping[str, object]


@dataclass(frozen=True)
class Configuration:
    """What the recorded configuration of a stage means to a report.

    Attributes:
        content: all of it, resolved.
        monitor_metric: of validation, by which the best epoch was chosen, without `val/`.
        validation_masks: the mask condition in validation; a segmenter is given none.
        exclusive_labels: whether an image has at most one of the labels.
        kept_tta: how the test images were shown of which single scores and masks are kept, the last way of several.
        folds: of the split; 0: it has none.
        store: file of the data, as it was named where the training was started.
        masks: their names in the data.
    """

    content: Content
    monitor_metric: str
    validation_masks: str
    exclusive_labels: bool
    kept_tta: str
    folds: int
    store: str
    masks: tuple[str, ...]


def read_configuration(file: Path) -> Configuration:
    """Read the `config.yaml` of a stage.

    Raises:
        FileNotFoundError: there is none.
    """
    if not file.is_file():
        raise FileNotFoundError(f"no {file}: copy the whole folder of the stage")
    content = yaml.safe_load(file.read_text())
    model, data = content["model"], content["data"]
    return Configuration(
        content=content,
        monitor_metric=content["monitor"]["metric"].removeprefix("val/"),
        validation_masks=model.get("validation_masks", "none"),  # a segmenter has no such key
        exclusive_labels=content["exclusive_labels"],
        kept_tta=model.get("tta", ["none"])[-1],  # nor has a classifier this one
        folds=content["split"].get("k", 0),
        store=data["store"],
        masks=tuple(data["masks"]),
    )


@dataclass(frozen=True)
class StageResults:
    """What a stage left in its folder."""

    folder: Path

    @cached_property
    def configuration(self) -> Configuration:
        """What it was trained with, see `read_configuration`."""
        return read_configuration(self.folder / CONFIG)

    @cached_property
    def result(self) -> StageResult | None:
        """Its result, None while it is not finished."""
        return finished(self.folder)

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row per epoch and mode, none before the first epoch is over."""
        file = self.folder / HISTORY
        return pd.read_csv(file) if file.is_file() else pd.DataFrame()

    @cached_property
    def predictions(self) -> pd.DataFrame | None:
        """Its predictions of test images, None where it left none."""
        file = self.folder / PREDICTIONS
        if not file.is_file():
            return None
        words = {"id": str, "group": str}  # an image may well be called NA
        return pd.read_csv(file, dtype=words, keep_default_na=False, na_values=[""])

    @cached_property
    def split(self) -> "pd.Series[str] | None":
        """The subset of each image (train, val, test) by id, None where it left no split."""
        file = self.folder / SPLIT
        if not file.is_file():
            return None
        return pd.read_csv(file, dtype=str, keep_default_na=False).set_index("id")["subset"]
