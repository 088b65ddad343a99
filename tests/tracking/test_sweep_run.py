"""The runs of a sweep and its arms in MLflow are begun or continued, and say in the end what the sweep says."""

import json
import shutil
from dataclasses import replace

import pytest

from dermoscopy.tracking.delivery import read_events
from dermoscopy.tracking.experiment import connect
from dermoscopy.tracking.sweep_run import Place, SweepRun, SweepSummary, add_files, send_rest

ARMS = {"loss=bce": "bce", "loss=a|b <i>": "a|b <i>"}
FIRST = SweepSummary("**Which loss?**", columns=["best/val/f1"], order="best/val/f1")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # between MLflow and SQLAlchemy


@pytest.fixture
def folder(tmp_path):
    """Make the folder of a sweep and return it."""
    path = tmp_path / "runs" / "lab" / "sweeps" / "today"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def place(empty_database, tmp_path):
    uri = f"sqlite:///{shutil.copy(empty_database, tmp_path / 'mlflow.db')}"
    return Place(uri, "lab", str(tmp_path / "artifacts"), {"project": "x"})


def runs(place):
    client = connect(place.uri)
    return client.search_runs([client.get_experiment_by_name("lab").experiment_id])


def test_a_sweep_that_is_continued_is_one_run_with_one_run_per_arm_and_its_tables(folder, place, tmp_path, capsys):
    first = SweepRun(folder, place, ARMS, 4, FIRST)
    (folder / "table.csv").write_text("a\n1\n")
    first.end("interrupted", replace(FIRST, arm_metrics={"loss=bce": {"test/f1": 0.5, "n": 1}}), [folder / "table.csv"])
    again = SweepRun(folder, place, ARMS, 4, FIRST)
    assert again.parent.run_id == first.parent.run_id is not None
    assert again.run_ids == first.run_ids
    said = SweepSummary(
        "**Which loss?**\n\nNobody knows.",
        {"mean/bce": 0.6},
        {"loss=bce": "mean .6"},
        {"loss=bce": {"test/f1": 0.6, "n": 2, "sd/test/f1": float("nan")}},
        ["best/val/f1", "test/none/f1"],
        "test/none/f1",
    )
    again.end("done", said, [])
    by_kind = {}
    for run in runs(place):
        by_kind.setdefault(run.data.tags["kind"], []).append(run)
    (parent,) = by_kind["sweep"]
    assert parent.data.tags["mlflow.note.content"] == said.note
    assert parent.data.metrics == {"mean/bce": 0.6}
    assert {run.info.run_name for run in by_kind["arm"]} == {"bce", "a|b <i>"}
    assert {run.data.tags["mlflow.parentRunId"] for run in by_kind["arm"]} == {parent.info.run_id}
    (bce,) = [run for run in by_kind["arm"] if run.data.tags["setting"] == "loss=bce"]
    assert bce.data.metrics == {"test/f1": 0.6, "n": 2}  # that of more jobs replaces the first
    assert {run.info.status for run in runs(place)} == {"FINISHED"}
    assert {run.data.tags["project"] for run in runs(place)} == {"x"}
    events = [event for _, event in read_events(again.parent.path)]
    assert [event["artifact"] for event in events if "artifact" in event] == ["table.csv"]
    send_rest(tmp_path / "runs")
    assert "wait" not in capsys.readouterr().out


def test_the_experiment_is_one_of_model_training_with_the_view_of_the_sweep(folder, place):
    SweepRun(folder, place, ARMS, 4, FIRST).end("done", replace(FIRST, order="test/none/f1", lower=True), [])
    tags = connect(place.uri).get_experiment_by_name("lab").tags
    assert tags["mlflow.experimentKind"] == "custom_model_development"
    view = json.loads(tags["mlflow.sharedViewState.today"])
    assert (view["orderByKey"], view["orderByAsc"]) == ("metrics.`test/none/f1`", True)


def test_files_of_a_report_are_added_to_the_run_of_a_tracked_sweep_and_of_no_other(folder, place):
    page = folder / "index.html"
    page.write_text("<p>")
    add_files(folder, [page])
    assert list(folder.iterdir()) == [page]
    sweep = SweepRun(folder, place, ARMS, 4, FIRST)
    sweep.end("done", FIRST, [])
    add_files(folder, [page])
    client = connect(place.uri)
    assert [file.path for file in client.list_artifacts(sweep.parent.run_id)] == ["index.html"]
    assert client.get_run(sweep.parent.run_id).info.status == "FINISHED"


def test_a_tracking_store_without_an_address_is_refused_before_anything_is_trained(folder):
    with pytest.raises(ValueError, match="tracking.uri"):
        SweepRun(folder, Place(None, "lab"), ARMS, 4, FIRST)
