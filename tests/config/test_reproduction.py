"""Reproduction of a run: stages in folders of their own, with every recorded test."""

import pytest
from recorded_stages import write_finished, write_job, write_recorded

from dermoscopy.config import reproduction as module
from dermoscopy.config.reproduction import moved, plan_reproduction
from dermoscopy.runs.recorded import read_run


def test_only_paths_in_a_folder_move_with_it():
    old = {"a": "runs/k1", "b": ["runs/k1/x.csv", "runs/k12", 3], "c": {"d": "not runs/k1"}}
    assert moved(old, "runs/k1", "new") == {"a": "new", "b": ["new/x.csv", "runs/k12", 3], "c": {"d": "not runs/k1"}}


def test_stages_are_planned_with_every_test_that_was_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "decisive_settings", lambda configuration: configuration["stage"])
    for key, tested in (("k1", None), ("k2", ["given", "none"])):
        write_finished(tmp_path / key, tested=tested)
    write_job(tmp_path, 0, "k1", "k2")
    retraining = plan_reproduction(
        read_run(tmp_path / "k2" / "best.ckpt"), tmp_path / "out", tmp_path / "store.h5", [1, 1], []
    )
    assert [(stage.name, stage.epochs, stage.key, stage.seed) for stage in retraining.stages] == [
        ("only", 3, "k1", 5),
        ("only", 3, "k2", 5),
    ]
    assert [stage.folder for stage in retraining.stages] == [tmp_path / "out" / "k1", tmp_path / "out" / "k2"]
    assert [stage.tests for stage in retraining.stages] == [(), ("given", "none")]
    assert len(set(retraining.keys)) == 2 and not {"k1", "k2"} & set(retraining.keys)


def test_a_record_cannot_trust_its_own_code(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "decisive_settings", lambda configuration: configuration["stage"])
    checkpoint = write_finished(tmp_path / "k1")
    write_job(tmp_path, 0, "k1")
    write_recorded(tmp_path / "k1", trust=["builtins"], trainer={"_target_": "builtins.dict", "accelerator": "cpu"})
    with pytest.raises(ValueError, match=r"^trainer\._target_=builtins\.dict .* trust=\[builtins\]$"):
        plan_reproduction(read_run(checkpoint), tmp_path / "out", tmp_path / "store.h5", [1], [])
    assert plan_reproduction(read_run(checkpoint), tmp_path / "out", tmp_path / "store.h5", [1], ["builtins"]).stages
