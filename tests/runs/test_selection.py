"""Runs are chosen by key, folder or sweep; an unknown or ambiguous name lists candidates."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dermoscopy.runs.selection import load_runs

Make = Callable[..., Path]


def test_a_run_is_chosen_by_each_of_its_names(make_runs: Make) -> None:
    sweep = make_runs()
    runs = sweep.parents[2]
    for name in ("cells_801", runs / "zeroing" / "cells_801", sweep / "4"):
        (part,) = load_runs([str(name)], runs)
        assert [(job.number, job.name) for job in part.jobs] == [(4, "zeroing=cells_80, seed 1")]
        assert part.table["job"].tolist() == [4]
    (whole,) = load_runs([str(sweep), "cells_801"], runs)
    assert len(whole.jobs) == 9


def test_runs_of_one_sweep_stay_together_and_the_latest_sweep_counts(make_runs: Make) -> None:
    old, new = make_runs(stamp="2026-03-01_10-00-00"), make_runs(stamp="2026-03-02_10-00-00")
    (part,) = load_runs(["cells_800", "cells_802"], old.parents[2])
    assert (part.folder, [job.number for job in part.jobs]) == (new, [3, 5])


def test_an_unknown_and_an_ambiguous_run_list_candidates(make_runs: Make, tmp_path: Path) -> None:
    runs = make_runs().parents[2]
    with pytest.raises(ValueError, match=r"run=cells begins the keys of 3 runs, give one: cells_800 \(zeroing\), "):
        load_runs(["cells"], runs)
    with pytest.raises(ValueError, match=r"run=zz is no run .* there are: cells_800 \(zeroing\), "):
        load_runs(["zz"], runs)
    with pytest.raises(ValueError, match="names no run"):
        load_runs([], runs)
    shutil.rmtree(runs)
    with pytest.raises(ValueError, match="there are: none"):
        load_runs(["zz"], runs)


def test_a_copy_of_a_job_beside_the_others_is_no_job(make_runs: Make) -> None:
    sweep = make_runs()
    shutil.copytree(sweep / "4", sweep / "4_backup")
    (part,) = load_runs(["cells_801"], sweep.parents[2])
    assert [job.number for job in part.jobs] == [4]
    with pytest.raises(ValueError, match="is no run of a job"):
        load_runs([str(sweep / "4_backup")], sweep.parents[2])
