"""Artifacts of a job's run: small files and pictures are copied, large files are tags with their path."""

from pathlib import Path

from dermoscopy.tracking.delivery import read_events
from dermoscopy.tracking.job_run import finish_run
from dermoscopy.tracking.journal import Journal


def test_small_files_of_a_segmenter_are_artifacts_and_its_masks_and_weights_are_tags(tmp_path: Path) -> None:
    stage = tmp_path / "stage"
    small = ["config.yaml", "history.csv", "predictions.csv", "scores.csv", "split.csv"]
    pictures = ["curves.png", "dice.png", "panels.png"]
    (stage / "epochs").mkdir(parents=True)
    for name in [*small, *pictures, "epochs/0010.png", "masks.h5", "best.ckpt", "last.ckpt", "result.json"]:
        (stage / name).touch()
    journal = Journal(tmp_path / "job", f"sqlite:///{tmp_path / 'away.db'}", "folds")
    journal.begin("folds, seed 0", {}, {"job": "0"})
    finish_run(journal, {"test/none_original/dice": 0.5, "test/none/hd95": float("nan")}, stage, "5ha")
    events = [event for _, event in read_events(journal.path)]
    kept = [Path(event["artifact"]) for event in events if "artifact" in event]
    assert sorted(path.name for path in kept) == sorted([*small, *pictures, "epochs"])  # a folder is logged as a whole
    assert {path.parent for path in kept} == {Path("../stage")}
    assert [event["metrics"] for event in events if "metrics" in event] == [{"test/none_original/dice": 0.5}]
    assert journal.tags["masks"] == str(stage / "masks.h5")
    assert journal.tags["checkpoint"] == str(stage / "best.ckpt")


def test_a_run_without_masks_has_no_tag_for_them(tmp_path: Path) -> None:
    (tmp_path / "stage").mkdir()
    journal = Journal(tmp_path / "job", f"sqlite:///{tmp_path / 'away.db'}", "zeroing")
    journal.begin("never, seed 0", {}, {"job": "0"})
    finish_run(journal, {}, tmp_path / "stage", "5ha")
    assert "masks" not in journal.tags
    assert journal.tags["checkpoint_sha256"] == "5ha"
