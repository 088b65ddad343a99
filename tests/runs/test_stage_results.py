"""Files of a stage: each is read once, a missing one is named or counts as empty."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from sweeps_on_disk import configure

from dermoscopy.runs.stage_results import StageResults, read_configuration
from dermoscopy.runs.tables import load_sweep

Make = Callable[..., Path]


@pytest.fixture
def stage(make_runs: Make) -> StageResults:
    """Return the last stage of a job that is done."""
    return load_sweep(make_runs()).jobs[0].last


def test_a_configuration_has_the_settings_that_a_report_needs(stage: StageResults) -> None:
    configure(stage.folder, split={"k": 5, "fold": 1}, model={"tta": ["none", "flips"]}, exclusive_labels=True)
    configuration = stage.configuration
    assert (configuration.monitor_metric, configuration.validation_masks) == ("f1", "none")
    assert (configuration.kept_tta, configuration.folds, configuration.exclusive_labels) == ("flips", 5, True)
    assert (configuration.store, configuration.masks) == ("data/made_up.h5", ("lesion",))
    assert configuration.content["zeroing"] == {"name": "everything", "p": 0.0, "per_channel": False}


def test_a_stage_without_its_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"config\.yaml: copy the whole folder"):
        read_configuration(tmp_path / "config.yaml")


def test_a_stage_that_has_not_begun_has_no_files(tmp_path: Path) -> None:
    stage = StageResults(tmp_path / "nowhere")
    assert stage.history.empty
    assert (stage.predictions, stage.split, stage.result) == (None, None, None)


def test_predictions_and_split_are_read_by_name(stage: StageResults) -> None:
    assert stage.predictions is not None
    assert set(stage.predictions["mask_condition"]) == {"none", "given"}
    (stage.folder / "split.csv").write_text("id,subset\nNA,train\n007,test\n")  # neither is a missing value or a number
    assert stage.split is not None
    assert stage.split.to_dict() == {"NA": "train", "007": "test"}


def test_an_image_may_be_called_na_and_its_group_too(stage: StageResults) -> None:
    file = stage.folder / "predictions.csv"
    table = pd.read_csv(file, dtype=str).assign(id="NA", group="null", truth="")
    table.to_csv(file, index=False)
    read = stage.predictions
    assert read is not None
    assert (set(read["id"]), set(read["group"])) == ({"NA"}, {"null"})
    assert read["truth"].isna().all()
