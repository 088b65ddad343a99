"""Facts about what ran and its cost: shared stages count once, whatever the state of the jobs."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sweeps_on_disk import configure

from dermoscopy.report.results.facts import (
    costs,
    hours,
    initial_weights,
    label_leakage,
    predicted_masks,
    states,
    stores,
    warnings,
)
from dermoscopy.runs.tables import load_sweep

MakeRuns = Callable[..., Path]
MakeSweep = Callable[..., Path]
SEEDS = {"network": ["small", "large"], "seed": ["0", "1"]}


def test_shared_stages_count_once_in_the_hours(make_runs: MakeRuns) -> None:
    assert hours(load_sweep(make_runs())) == pytest.approx((3 * 36 + 7 * 60) / 3600)


def test_costs_count_a_shared_stage_once(make_segmented: MakeSweep) -> None:
    table = costs(load_sweep(make_segmented(SEEDS, ["done"] * 4)))
    assert table["parameters"].tolist() == [1_000_000, 1_200_000]
    assert table["epoch"].tolist() == [3.0, 3.0]
    assert table["hours"].tolist() == pytest.approx([2 * (40 + 110) / 3600] * 2)
    assert table["hardware"].tolist() == ["a CPU, 2 cores"] * 2


def test_states_count_every_job_and_include_done_and_failed_if_there_are_none(make_sweep: MakeSweep) -> None:
    sweep = make_sweep(SEEDS, ["done", "running", "missing", "missing"], "some")
    assert states(load_sweep(sweep)) == {"done": 1, "failed": 0, "missing": 2, "running": 1}


def test_a_store_is_listed_once_with_the_range_of_its_numbers_of_images(make_sweep: MakeSweep) -> None:
    sweep = make_sweep(SEEDS, ["done", "done", "failed", "missing"])
    for job, changes in ((1, {"test": 70}), (2, {"fingerprint": "0" * 64})):
        file = sweep / str(job) / "job.json"
        record = json.loads(file.read_text())
        file.write_text(json.dumps(record | {"data": record["data"] | changes}))
    first, other = stores(load_sweep(sweep))
    assert first.images == {"train": (200, 200), "val": (40, 40), "test": (60, 70)}
    assert (first.name, first.size, other.fingerprint) == ("made_up", (64, 64), "0" * 64)


def test_a_label_leaks_only_if_ground_truth_masks_were_given(make_classified: MakeSweep) -> None:
    for places, expected in ((["none", "given"], {"globules": "globules"}), (["none", "predicted"], {})):
        sweep = make_classified({"seed": ["0"]}, places)
        file = sweep / "0" / "job.json"
        record = json.loads(file.read_text())
        file.write_text(json.dumps(record | {"data": record["data"] | {"label_leakage": {"globules": "globules"}}}))
        assert label_leakage(load_sweep(sweep)) == expected
        shutil.rmtree(sweep.parents[2])


def change(sweep: Path, **changes: list) -> None:
    """Set entries of the records of a sweep's jobs, from a list with the value of each job; None removes it."""
    for number in range(len(next(iter(changes.values())))):
        file = sweep / str(number) / "job.json"
        record = json.loads(file.read_text()) | {name: values[number] for name, values in changes.items()}
        file.write_text(json.dumps({name: value for name, value in record.items() if value != "absent"}))


MASKS = {"file": "runs/folds/out_of_fold.h5", "training": True, "unseen": True, "test_images_seen": 0}


def test_predicted_masks_are_unseen_and_nested_only_if_the_records_say_so(make_sweep: MakeSweep) -> None:
    sweep = make_sweep(SEEDS, ["done"] * 4)
    assert predicted_masks(load_sweep(sweep)) == []
    change(sweep, predicted_masks=[MASKS] * 4)
    (nested,) = predicted_masks(load_sweep(sweep))
    assert "out_of_fold.h5" in nested and "used in training" in nested
    assert "had not seen the image;" in nested and "are nested" in nested and "jobs" not in nested
    crossed = MASKS | {"test_images_seen": 60, "training": False}
    change(sweep, predicted_masks=[crossed, crossed, MASKS | {"unseen": None, "test_images_seen": None}, None])
    first, second = predicted_masks(load_sweep(sweep))
    assert "not nested" in first and "60 of 60 test images" in first and "used not in training" in first
    assert first.endswith("(2 of 4 jobs)") and second.endswith("(1 of 4 jobs)")
    assert "unknown whether by" in second and "unknown whether the folds" in second


def test_jobs_whose_record_lacks_the_masks_that_they_name_are_not_recorded(make_sweep: MakeSweep) -> None:
    sweep = make_sweep({"seed": ["0", "1"]}, ["done", "done"])
    for job in load_sweep(sweep).done:
        configure(job.last.folder, datamodule={"predicted": "masks.h5"})
    assert len(facts := predicted_masks(load_sweep(sweep))) == 1 and "not recorded" in facts[0]
    change(sweep, predicted_masks=[MASKS, "absent"])
    assert ["not recorded" in fact for fact in predicted_masks(load_sweep(sweep))] == [False, True]


def test_initial_weights_are_told_per_part_and_origin(make_sweep: MakeSweep) -> None:
    sweep = make_sweep({"seed": ["0", "1"]}, ["done", "done"])
    assert initial_weights(load_sweep(sweep)) == ["Initial weights: not recorded."]
    scratch = {"part": "network.classifier", "origin": "scratch"}
    run = {"part": "network.segmenter", "origin": "run", "name": "folds/abc"}
    change(
        sweep,
        initial_weights=[[scratch, run | {"test_images_seen": 0}], [scratch, run | {"test_images_seen": 12}]],
    )
    both, first, second = initial_weights(load_sweep(sweep))
    assert both == "Initial weights of network.classifier: random (from scratch)."
    assert "network.segmenter" in first and "had seen no test image" in first and first.endswith("(1 of 2 jobs)")
    assert "had seen 12 test images" in second
    others = [
        ({"origin": "published", "name": "resnet18"}, "published ones of resnet18"),
        ({"origin": "file", "name": "w.pt"}, "the file w.pt, not recorded"),
        ({"origin": "unknown"}, "its own class"),
        ({"origin": "run", "name": "folds/abc", "test_images_seen": None}, "not recorded whether"),
    ]
    for record, words in others:
        change(sweep, initial_weights=[[{"part": "network"} | record]] * 2)
        (fact,) = initial_weights(load_sweep(sweep))
        assert fact.startswith("Initial weights of network") and words in fact


def test_warnings_are_listed_once_with_the_number_of_their_jobs(make_sweep: MakeSweep) -> None:
    sweep = make_sweep({"seed": ["0", "1", "2"]}, ["done"] * 3)
    assert warnings(load_sweep(sweep)) == ["Warnings: not recorded."]
    change(sweep, warnings=[["a"], ["a", "b"], []])
    assert warnings(load_sweep(sweep)) == ["a (2 of 3 jobs)", "b (1 of 3 jobs)"]
    change(sweep, warnings=[[], [], []])
    assert warnings(load_sweep(sweep)) == []
