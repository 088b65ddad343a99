"""Facts about what ran and its cost: shared stages count once, whatever the state of the jobs."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dermoscopy.report.results.facts import costs, hours, label_leakage, states, stores
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
