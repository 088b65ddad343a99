"""Reproduction of a finished run gives the same numbers; values that differ are counted and named."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch

from dermoscopy.data.prepare import prepare
from dermoscopy.machine.files import read_json, write_json
from dermoscopy.machine.leases import lease
from dermoscopy.runs.files import REPRODUCTION

ENDED = "ended.json"
TRAIN = (
    *("-m", "+experiment=zeroing", "zeroing=cells8_80", "seed=3", "epochs=1", "threads=1", "logger=csv"),
    *("network.backbone=test_resnet", "trainer=cpu", "data.raw=null", "data.size=[32,32]"),
)


def files(runs):
    """Return the files of the runs, without those of reproductions, and their times of modification."""
    files = [path for path in runs.rglob("*") if path.is_file() and "reproduced" not in path.relative_to(runs).parts]
    return {path: path.stat().st_mtime_ns for path in files}


@pytest.fixture
def reproduce(run_script):
    """Runs reproduce.py in the test's folder; further arguments are overrides."""
    return lambda *arguments: run_script("reproduce.py", *arguments)


@pytest.fixture
def reproduced(run_script, reproduce, demo_store, shared, tmp_path):
    """A folder with a run of two stages, its reproduction and the output of that, trained once for all tests."""

    def fill(folder):
        assert run_script("train.py", *TRAIN, f"data.store={demo_store}").code == 0
        (job,) = tmp_path.glob("runs/zeroing/sweeps/*/0")
        before = files(tmp_path / "runs")
        ended = reproduce(f"run={job.relative_to(tmp_path)}")
        untouched = files(tmp_path / "runs") == before
        write_json(folder / ENDED, {"code": ended.code, "out": ended.out, "untouched": untouched})
        shutil.move(tmp_path / "runs", folder)

    return shared("reproduced", fill)


@pytest.fixture
def runs(reproduced, tmp_path):
    """A copy of these runs that a test may change."""
    return Path(shutil.copytree(reproduced / "runs", tmp_path / "runs", ignore=shutil.ignore_patterns("last.ckpt")))


def keys(runs):
    (job,) = runs.glob("zeroing/sweeps/*/0/job.json")
    return [stage["key"] for stage in json.loads(job.read_text())["stages"]]


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_reproduction_agrees_in_every_value_and_leaves_the_run_unchanged(reproduced):
    folder, (code, printed, untouched) = reproduced, read_json(reproduced / ENDED).values()
    (table,) = folder.glob("runs/zeroing/reproduced/*/*/comparison.csv")
    compared = pd.read_csv(table)
    assert code == 0 and untouched, printed
    assert f"all {len(compared)} values agree to the last digit; every one: {table.relative_to(folder)}" in printed
    assert list(compared.columns) == ["stage", "part", "metric", "epoch", "first", "again", "difference"]
    assert (compared["difference"] == 0).all()
    parts = ["history", "result", "weights"]
    assert list(compared.groupby("stage")["part"].unique().map(list)) == [parts, [*parts, "predictions"]]
    history = compared[(compared["stage"] == "masks") & (compared["part"] == "history")]
    first = pd.read_csv(folder / f"runs/zeroing/{keys(folder / 'runs')[1]}/history.csv").set_index("mode")
    assert len(history) == 2 * (len(first.columns) - len(("stage", "epoch", "seconds")))
    metrics = history.set_index("metric")["first"]
    assert metrics["val/loss"] == first["loss"]["val"] and metrics["train/f1"] == first["f1"]["train"]
    assert not re.search(r"^(torch|numpy|hardware|threads|recipe)", printed, re.MULTILINE)
    assert max(map(len, printed.split("again, in")[1].splitlines()[1:-1])) <= 80


def test_values_that_differ_are_counted_and_the_largest_difference_is_named(reproduce, runs):
    key = keys(runs)[1]
    stage, (again,) = runs / "zeroing" / key, runs.glob(f"zeroing/reproduced/{key}/*")
    history = pd.read_csv(stage / "history.csv", dtype=str)
    history.loc[1, "loss"] = str(float(history.loc[1, "loss"]) + 0.5)
    history.to_csv(stage / "history.csv", index=False)
    result = json.loads((stage / "result.json").read_text())
    result["metrics"]["test/given/f1"] += 0.125
    change(stage / "result.json", metrics=result["metrics"], code=result["code"] | {"torch": "1.0", "dirty": True})
    weights = torch.load(stage / "best.ckpt", weights_only=True)
    next(value for value in weights["state_dict"].values() if value.dim() == 4)[0, 0, 0, 0] += 0.25
    torch.save(weights, stage / "best.ckpt")

    ended = reproduce(f"run={key[:6]}", f"out={again}")  # already trained: only compared again
    total = len(pd.read_csv(again / "comparison.csv"))
    assert ended.code == 1 and "epoch" not in ended.err, ended.err
    assert f"3 of {total} values differ, the largest by 0.5 (masks, history, val/loss, epoch 0);" in ended.out
    differing = pd.read_csv(again / "comparison.csv").query("difference > 0")
    assert list(differing["part"]) == ["history", "result", "weights"]
    assert list(differing["difference"].round(6)) == [0.5, 0.125, 0.25]
    assert re.search(r"^torch +1\.0 +2\.", ended.out, re.MULTILINE) and " with changes" in ended.out


def test_the_same_command_resumes_after_it_was_killed(reproduce, runs):
    (base, masks), (again,) = keys(runs), runs.glob("zeroing/reproduced/*/*")
    change(again / REPRODUCTION, ended=None)
    shutil.rmtree(again / masks)
    (again / "comparison.csv").unlink()
    trained = (again / base / "best.ckpt").stat().st_mtime_ns
    ended = reproduce(f"run={masks}")
    assert ended.code == 0 and "agree to the last digit" in ended.out
    assert (again / base / "best.ckpt").stat().st_mtime_ns == trained
    assert list(runs.glob("zeroing/reproduced/*/*")) == [again]
    assert (again / "comparison.csv").is_file() and json.loads((again / REPRODUCTION).read_text())["ended"]


def test_a_running_reproduction_is_not_started_twice(reproduce, runs):
    (again,) = runs.glob("zeroing/reproduced/*/*")
    change(again / REPRODUCTION, ended=None)
    with lease(again):
        ended = reproduce(f"run={keys(runs)[1]}")
    assert ended.error.endswith(f"this run is being reproduced already, in {again.relative_to(runs.parent)}")


def test_an_earlier_stage_is_reproduced_alone_on_the_given_store(reproduce, runs, demo_store, tmp_path):
    base = keys(runs)[0]
    shutil.copy(demo_store, tmp_path / "elsewhere.h5")
    ended = reproduce(f"run={base}", "store=elsewhere.h5", "out=new/place")
    assert ended.code == 0, ended.err
    assert Path("new/place", base, "best.ckpt").is_file()
    assert set(pd.read_csv("new/place/comparison.csv")["part"]) == {"history", "result", "weights"}
    refused = reproduce(f"run={base}", "store=elsewhere.h5", "out=new/place", "threads=2")
    assert "out=new/place holds a reproduction of another run or with other threads" in refused.error


def test_another_store_is_refused_with_both_fingerprints(reproduce, runs, demo_source, tmp_path):
    prepare(demo_source, tmp_path / "other.h5", (16, 16), progress=False)
    ended = reproduce(f"run={keys(runs)[1]}", "store=other.h5")
    message = r"other.h5 has the fingerprint \w{12}, but the run was trained on \w{12}: .*store=FILE, .*make it: "
    assert re.search(message + r"python prepare.py data=demo .*data.size=\[32,32\] data.fit=pad$", ended.error)
    assert ended.code == 1 and len(list(runs.glob("zeroing/reproduced/*/*"))) == 1


@pytest.mark.parametrize(
    ("missing", "arguments", "message"),
    [
        (None, (), "run is missing: python reproduce.py run=ID"),
        (None, ("run=",), "run= is empty"),
        (
            None,
            ("run=12e5",),
            "run=12e5 names no file, no folder and no trained stage in .*runs; there are: runs/zeroing/",
        ),
        (None, ("run=KEY", "store=none.h5"), "no store none.h5: name it with store=FILE, or make it"),
        (None, ("run=KEY", "threads=0"), "threads must be a whole number of at least 1, got 0"),
        (None, ("run=KEY", "out=runs/zeroing"), "out=runs/zeroing is not an empty folder and holds no reproduction"),
        (
            "{key}/result.json",
            ("run=KEY",),
            r"KEY is not finished; to finish it: python train.py -m \+experiment=zeroing",
        ),
        ("{base}/best.ckpt", ("run=KEY",), "BASE is not finished; to finish it: python train.py"),
        ("{key}/config.yaml", ("run=KEY",), "KEY has no config.yaml: copy the whole folder of the stage"),
        ("sweeps", ("run=KEY",), "no job in runs/zeroing/sweeps names the stage KEY: the record of its run"),
    ],
)
def test_wrong_input_is_reported_in_one_line(reproduce, runs, missing, arguments, message):
    base, key = keys(runs)
    if missing:
        path = runs / "zeroing" / missing.format(base=base, key=key)
        path.rename(path.with_name("gone"))
    ended = reproduce(*(argument.replace("KEY", key) for argument in arguments))
    assert ended.code == 1 and ended.err == f"{ended.error}\n"
    assert re.search(message.replace("KEY", key).replace("BASE", base), ended.error), ended.error
