"""The view of a sweep has its jobs, columns and order in the form of MLflow's user interface."""

import json

from dermoscopy.tracking.names import tracked_name
from dermoscopy.tracking.view import UNFOLDED, run_link, sweep_view, view_link


def view(jobs=6, metrics=("best/val/f1", "test/none/f1/MEL+NV"), order=("test/none/f1/MEL+NV", True)):
    return json.loads(sweep_view("today", ["a", "b <|>"], jobs, metrics, order)["mlflow.sharedViewState.today"])


def test_the_columns_are_arm_seed_and_metrics_under_the_names_that_mlflow_has():
    label = tracked_name("test/none/f1/MEL+NV")
    assert view()["selectedColumns"] == ["tags.`arm`", "tags.`seed`", "metrics.`best/val/f1`", f"metrics.`{label}`"]
    assert (view()["orderByKey"], view()["orderByAsc"]) == (f"metrics.`{label}`", True)
    assert "orderByKey" not in view(order=("", False))


def test_the_arms_of_a_large_sweep_are_folded():
    assert view(jobs=UNFOLDED)["groupsExpanded"] == {}
    assert view(jobs=UNFOLDED + 1)["groupsExpanded"] == {"tag.arm.a": False, "tag.arm.b <|>": False}


def test_links_open_the_part_of_the_interface_for_model_training():
    assert view_link("http://h:5000/", "3", "2026-01-02_03-04-05") == (
        "http://h:5000/#/experiments/3/runs?workflowType=machine_learning&viewStateShareKey=2026-01-02_03-04-05"
    )
    assert run_link("http://h", "3", "ab").startswith("http://h/#/experiments/3/runs/ab?")
