"""What differs between runs becomes their arms, with short names; what is the same is one arm."""

import json
from collections.abc import Callable
from pathlib import Path

from sweeps_on_disk import configure

from dermoscopy.report.results.merged import merge
from dermoscopy.runs.selection import load_runs
from dermoscopy.runs.tables import SweepResults, load_sweep

Make = Callable[..., Path]


def arms(sweep: SweepResults) -> list[str]:
    return list(dict.fromkeys(job.arm for job in sweep.jobs))


def test_what_differs_between_single_runs_becomes_their_arms(make_sweep: Make, tmp_path: Path) -> None:
    for sweep in (make_sweep({"seed": ["0", "1"]}, ["done"] * 2, name) for name in "abc"):
        for file in sweep.glob("*/job.json"):
            record = json.loads(file.read_text()) | {"experiment": "mine", "arm": "mine"}
            record["metrics"] = {"test/none/f1": 0.5}
            file.write_text(json.dumps(record))
    for name, values in {"a": (0.1, "unet"), "b": (0.2, "unet"), "c": (0.2, "a <b>, 'c'")}.items():
        for file in (tmp_path / "runs" / name).glob("*/config.yaml"):
            configure(file.parent, optimizer={"lr": values[0]}, network={"kind": values[1], "seed": 7, "same": 1})
    named = [str(tmp_path / "runs" / name / "sweeps" / "2026-03-01_10-00-00" / "0") for name in "abc"]
    whole = merge(load_runs(named, tmp_path / "runs"), "lr")
    assert arms(whole) == ["kind=unet, lr=0.1", "kind=unet, lr=0.2", "kind=a <b>, 'c', lr=0.2"]
    assert [job.record["axes"]["lr"] for job in whole.jobs] == ["0.1", "0.2", "0.2"]
    assert {job.repeat for job in whole.jobs} == {"seed 0"}


def test_runs_that_nothing_tells_apart_are_named_by_their_sweeps(make_sweep: Make) -> None:
    sweeps = [load_sweep(make_sweep({"seed": ["0"]}, ["missing"], name)) for name in ("a", "b")]
    assert arms(merge(sweeps, "both")) == ["a", "b"]
