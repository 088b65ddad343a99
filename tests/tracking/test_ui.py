"""`make ui` finds the latest sweep that was tracked and the link to its view."""

import shutil

import pytest

from dermoscopy.tracking.sweep_run import Place, SweepRun, SweepSummary
from dermoscopy.tracking.ui import latest, link, tracking_uri

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # between MLflow and SQLAlchemy


@pytest.fixture
def runs(empty_database, tmp_path):
    """A folder with a tracked sweep of each of two experiments, beside one that was not tracked."""
    uri = f"sqlite:///{shutil.copy(empty_database, tmp_path / 'mlflow.db')}"
    for name, stamp in (("old", "2026-01-01_00-00-00"), ("new", "2026-01-02_00-00-00")):
        folder = tmp_path / "runs" / name / "sweeps" / stamp
        folder.mkdir(parents=True)
        SweepRun(folder, Place(uri, name, str(tmp_path / "artifacts")), {"a": "a"}, 1, SweepSummary(""))
    (tmp_path / "runs" / "csv" / "sweeps" / "2026-01-03_00-00-00").mkdir(parents=True)
    return tmp_path / "runs"


def test_the_latest_tracked_sweep_is_shown_or_that_of_an_experiment(runs):
    assert latest(runs, None) == runs / "new/sweeps/2026-01-02_00-00-00/tracking.jsonl"
    assert latest(runs, "old") == runs / "old/sweeps/2026-01-01_00-00-00/tracking.jsonl"
    assert latest(runs / "nothing", None) is None
    with pytest.raises(ValueError, match="csv"):
        latest(runs, "csv")


def test_the_link_has_the_experiment_and_the_view_also_after_a_move(runs, tmp_path, monkeypatch):
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("runs", "mlflow.db"):
        (tmp_path / name).rename(moved / name)
    monkeypatch.chdir(moved)
    journal = latest(moved / "runs", "old")
    uri = tracking_uri({"uri": f"sqlite:///{tmp_path}/mlflow.db", "experiment": "old", "artifacts": None})
    assert uri == f"sqlite:///{moved}/mlflow.db"
    shown = link("http://127.0.0.1:5000", uri, journal)
    assert shown.endswith("/runs?workflowType=machine_learning&viewStateShareKey=2026-01-01_00-00-00")
    assert link("http://h", uri, None) == "http://h/#/experiments?workflowType=machine_learning"
    assert tracking_uri({"uri": "http://h:1", "experiment": "x", "artifacts": None}) == "http://h:1"
