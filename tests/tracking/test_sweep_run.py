"""The run of a sweep in MLflow is begun or continued, and ended with its tables."""

import shutil

import pytest

from dermoscopy.tracking.delivery import read_events
from dermoscopy.tracking.sweep_run import begin_parent, end_parent, send_rest


@pytest.fixture
def folder(tmp_path):
    """Make the folder of a sweep and return it."""
    path = tmp_path / "runs" / "lab" / "sweeps" / "today"
    path.mkdir(parents=True)
    return path


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # between MLflow and SQLAlchemy
def test_a_sweep_is_one_run_that_is_continued_and_has_its_tables_as_artifacts(folder, empty_database, tmp_path, capsys):
    uri = f"sqlite:///{shutil.copy(empty_database, tmp_path / 'mlflow.db')}"
    first = begin_parent(folder, uri, "lab", str(tmp_path / "artifacts"))
    (folder / "table.csv").write_text("a\n1\n")
    end_parent(first, "interrupted", [folder / "table.csv"])
    again = begin_parent(folder, uri, "lab", str(tmp_path / "artifacts"))
    assert again.run_id == first.run_id is not None
    events = [event for _, event in read_events(again.path)]
    assert [event["status"] for event in events if "status" in event] == ["KILLED", "RUNNING"]
    assert [event["artifact"] for event in events if "artifact" in event] == ["table.csv"]
    send_rest(tmp_path / "runs")
    assert "wait" not in capsys.readouterr().out


def test_a_tracking_store_without_an_address_is_refused_before_anything_is_trained(folder):
    with pytest.raises(ValueError, match="tracking.uri"):
        begin_parent(folder, None, "lab", None)
