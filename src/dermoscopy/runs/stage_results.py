"""Files of a stage for tables and reports; each is read when it is first needed, and only once."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
import yaml

from dermoscopy.runs.files import CONFIG, HISTORY, PREDICTIONS, SPLIT
from dermoscopy.runs.pace import read_pace
from dermoscopy.runs.records import StageResult
from dermoscopy.runs.stage import finished

Content = Mapping[str, object]


@dataclass(frozen=True)
class Configuration:
    """The settings of a stage that a report needs.

    Attributes:
        content: the whole configuration, resolved.
        monitor_metric: validation metric by which the best epoch was chosen, without `val/`.
        validation_masks: the mask condition in validation; `none` for a segmenter.
        threshold_rule: that chose the thresholds of the labels; empty for a segmenter.
        exclusive_labels: whether an image has at most one of the labels.
        kept_tta: TTA of the kept scores and masks of single images; the last one if the test had several.
        folds: number of folds of the split; 0: it has none.
        store: file of the data, as in the configuration.
        masks: names of the masks in the data.
    """

    content: Content
    monitor_metric: str
    validation_masks: str
    threshold_rule: str
    exclusive_labels: bool
    kept_tta: str
    folds: int
    store: str
    masks: tuple[str, ...]


def read_configuration(file: Path) -> Configuration:
    """Read the `config.yaml` of a stage.

    Raises:
        FileNotFoundError: the file does not exist.
    """
    if not file.is_file():
        raise FileNotFoundError(f"no {file}: copy the whole folder of the stage")
    content = yaml.load(file.read_text(), yaml.CSafeLoader)  # a pure Python loader takes 0.1 s
    model, data = content["model"], content["data"]
    return Configuration(
        content=content,
        monitor_metric=content["monitor"]["metric"].removeprefix("val/"),
        validation_masks=model.get("validation_masks", "none"),  # segmenters have no such key
        threshold_rule=str(model.get("threshold", "")),  # segmenters have no such key
        exclusive_labels=content["exclusive_labels"],
        kept_tta=model.get("tta", ["none"])[-1],  # classifiers have no such key
        folds=content["split"].get("k", 0),
        store=data["store"],
        masks=tuple(data["masks"]),
    )


@dataclass(frozen=True)
class StageResults:
    """Content of the files in a stage's folder."""

    folder: Path

    @cached_property
    def configuration(self) -> Configuration:
        """Its settings, see `read_configuration`."""
        return read_configuration(self.folder / CONFIG)

    @property
    def store_file(self) -> Path:
        """The file of its data; a relative path starts at the folder that holds `runs/`, where it was trained."""
        return self.folder.parents[1].resolve().parent / self.configuration.store

    @cached_property
    def result(self) -> StageResult | None:
        """Its result, None while it is not finished."""
        return finished(self.folder)

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row per epoch and mode, none before the end of the first epoch."""
        file = self.folder / HISTORY
        words = dict.fromkeys(("stage", "mode"), str)  # a stage may be named 64 or NA
        return _read(file, words) if file.is_file() else pd.DataFrame()

    @cached_property
    def pace(self) -> float | None:
        """Seconds of an epoch, estimated from the first batches of its training; None before them."""
        return read_pace(self.folder)

    @cached_property
    def predictions(self) -> pd.DataFrame | None:
        """Its predictions on test images, None if there are none."""
        file = self.folder / PREDICTIONS
        if not file.is_file():
            return None
        words = {"id": str, "group": str}  # an image may be called NA
        return _read(file, words)

    @cached_property
    def split(self) -> "pd.Series[str] | None":
        """Subset of each image (train, val, test) by id, None if no split is recorded."""
        file = self.folder / SPLIT
        if not file.is_file():
            return None
        return pd.read_csv(file, dtype=str, keep_default_na=False).set_index("id")["subset"]

    @cached_property
    def test_images(self) -> str | None:
        """Hash of the ids of its test images, in any order; None if no split is recorded."""
        if self.split is None:
            return None
        ids = sorted(self.split.index[self.split == "test"])
        return hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16]

    @classmethod
    def known(cls, folder: Path, **contents: object) -> "StageResults":
        """Return the results of a stage whose files are elsewhere.

        Args:
            folder: its name.
            **contents: what its files hold, by the names of the properties; all that are asked for must be given.
        """
        stage = cls(folder)
        vars(stage).update(contents)  # where `cached_property` looks first
        return stage


def _read(file: Path, words: Mapping[str, type[str]]) -> pd.DataFrame:
    """Read a table in which only empty fields are missing values, and some columns are text whatever they hold."""
    return pd.read_csv(file, dtype=dict(words), keep_default_na=False, na_values=[""])
