"""Fixtures that write synthetic `runs/` folders in the format of training.

`make_runs` writes a sweep with scores: three arms and three seeds, one job failed, one missing.
`make_sweep` writes a sweep without scores, with the requested state per job.
"""

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dermoscopy.machine.leases import lock_file
from dermoscopy.report.results.label_predictions import Predictions
from dermoscopy.runs.tables import arm_name

pytest_plugins = ["segmented_on_disk"]

DATA = {"name": "made_up", "fingerprint": "f" * 64, "size": [64, 64], "train": 200, "val": 40, "test": 60}
MACHINE = {"hardware": "a CPU, 2 cores", "threads": 2, "commit": "abc1234", "dirty": False}
CONFIGURATION: dict[str, Any] = {  # the part of config.yaml that a report reads
    "model": {"validation_masks": "none", "threshold": "youden"},
    "monitor": {"metric": "val/f1", "mode": "max"},
    "exclusive_labels": False,
    "split": {},
    "data": {"store": "data/made_up.h5", "masks": ["lesion"]},
}
ARMS = {"everything": 0.0, "cells_80": 0.08, "whole_50": 0.01}  # gain of the scores per arm
LABELS = ["globules", "milia_like_cyst", "streaks"]
FAILED, MISSING = 7, 8  # job numbers: whole_50 with seeds 1 and 2


def _history(epochs: int, gain: float, rng: np.random.Generator, stage: str) -> pd.DataFrame:
    rows = []
    for epoch in range(epochs):
        for mode in ("train", "val"):
            f1 = 0.3 + gain + 0.1 * (1 - np.exp(-epoch / 4)) + 0.01 * rng.normal()
            row = {"stage": stage, "epoch": epoch, "mode": mode, "seconds": 1.5, "loss": 0.7 - f1, "f1": f1}
            rows.append(row | {"f1/globules": f1 if mode == "val" else None})
    return pd.DataFrame(rows)


def _predictions(gain: float, rng: np.random.Generator) -> pd.DataFrame:
    truth_rng, rows = np.random.default_rng(0), []  # the same test images in every job
    for image in range(60):
        for label, prevalence in zip(LABELS, (0.7, 0.3, 0.1), strict=True):
            truth = int(truth_rng.random() < prevalence)
            for condition, strength in (("none", 1 + 10 * gain), ("given", 6)):
                logit = strength * (truth - 0.5) + rng.normal()
                rows.append([f"IMG_{image:03}", f"patient_{image // 2:02}", condition, label, truth, logit, 0.0])
    return pd.DataFrame(rows, columns=["id", "group", "mask_condition", "label", "truth", "logit", "threshold"])


def _stage(runs: Path, experiment: str, key: str, config: Mapping[str, Any]) -> Path:
    folder = runs / experiment / key
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(json.dumps(CONFIGURATION | config))  # JSON is YAML
    return folder


def configure(folder: Path, **changes: Any) -> None:
    """Change entries of the configuration of a stage."""
    file = folder / "config.yaml"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def _result(folder: Path, seconds: float, epochs: int) -> None:
    """Write the result of a finished stage."""
    result = {"seconds": seconds, "epochs": epochs, "parameters": 1_000_000, "trainable": 1_000_000, "metrics": {}}
    (folder / "result.json").write_text(json.dumps(result))


def _metrics(gain: float, rng: np.random.Generator) -> dict[str, float | None]:
    f1 = 0.4 + gain + 0.01 * rng.normal()
    return {
        "best/val/average_precision": f1,
        "test/none/f1": f1,
        "test/none/f1/globules": f1 + 0.1,
        "test/none/f1/streaks": None,
        "test/none/average_precision": f1 + 0.02,
        "test/given/f1": 0.8 + gain,
        "test/given/average_precision": 0.85 + gain,
    }


@pytest.fixture
def make_runs(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a sweep with scores below tmp_path/runs and returns its folder."""

    def make(experiment: str = "zeroing", stamp: str = "2026-03-01_10-00-00", seeds: int = 3) -> Path:
        runs = tmp_path / "runs"
        sweep = runs / experiment / "sweeps" / stamp
        sweep.mkdir(parents=True)
        jobs = [(arm, seed) for arm in ARMS for seed in range(seeds)]
        plan = [{"zeroing": arm, "seed": str(seed)} for arm, seed in jobs]
        _write_record(sweep, experiment, ["zeroing", "seed"], plan, "done")
        for number, (arm, seed) in enumerate(jobs):
            if number != MISSING:
                _write_job(runs, sweep, experiment, number, arm, seed)
        return sweep

    return make


def _write_record(sweep: Path, experiment: str, axes: list[str], plan: list[dict[str, str]], status: str) -> None:
    command = f"python train.py +experiment={experiment} -m"
    record: dict[str, Any] = {"id": sweep.name, "identity": "made up", "experiment": experiment, "command": command}
    record |= {"launcher": "basic", "axes": axes, "plan": plan, "jobs": len(plan), "parent_run": None}
    record |= {"started": BEFORE, "resumed": RESUMED, "ended": AFTER if status == "done" else None, "status": status}
    (sweep / "sweep.json").write_text(json.dumps(record))


def _write_job(runs: Path, sweep: Path, experiment: str, number: int, arm: str, seed: int) -> None:
    rng, gain = np.random.default_rng([seed, len(arm)]), ARMS[arm]
    base = _stage(runs, experiment, f"base{seed}", {})
    _history(4, 0, np.random.default_rng(seed), "base").to_csv(base / "history.csv", index=False)
    _result(base, 36.0, 4)
    config = {"seed": seed, "zeroing": {"name": arm, "p": gain, "per_channel": arm == "cells_80"}, "epochs": 10}
    last = _stage(runs, experiment, f"{arm}{seed}", config)
    failed = number == FAILED
    if not failed:
        _history(6, gain, rng, "masks").to_csv(last / "history.csv", index=False)
        table = _predictions(gain, rng)
        table.to_csv(last / "predictions.csv", index=False)
        pd.DataFrame({"id": table["id"].unique(), "subset": "test"}).to_csv(last / "split.csv", index=False)
        _result(last, 60.0, 6)
    stages: list[dict[str, Any]] = [
        {"name": "base", "key": base.name, "folder": f"runs/{experiment}/{base.name}", "epochs": 4},
        {"name": "masks", "key": last.name, "folder": f"runs/{experiment}/{last.name}", "epochs": 6},
    ]
    stages[0] |= {"reused": True, "seconds": 36.0}
    stages[1] |= {"reused": False, "seconds": 60.0}
    record = {
        "experiment": experiment,
        "arm": f"zeroing={arm}",
        "axes": {"zeroing": arm, "seed": str(seed)},
        "seed": seed,
        "fold": None,
        "status": "failed" if failed else "done",
        "error": "loss is not finite\nin epoch 3" if failed else None,
        "key": last.name,
        "stages": stages[:1] if failed else stages,
        "reused": False,
        "data": DATA,
        "seconds": 61.0,
        "started": RESUMED,
        "ended": AFTER,
        "metrics": {} if failed else _metrics(gain, rng),
    }
    (sweep / str(number)).mkdir()
    (sweep / str(number) / "job.json").write_text(json.dumps(record | MACHINE))


EPOCHS = {"base": 4, "masks": 10}
SECONDS = {"base": 40.0, "masks": 110.0}  # per stage, with 10 s per epoch
BEFORE, RESUMED, AFTER = (f"2026-03-01T1{hour}:00:00+00:00" for hour in range(3))


@pytest.fixture
def make_sweep(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a sweep below tmp_path/runs, see `write_sweep`, and returns its folder."""

    def make(axes: Mapping[str, Sequence[str]], states: Sequence[str], experiment: str = "zeroing") -> Path:
        return write_sweep(tmp_path / "runs", axes, states, experiment)

    return make


def write_sweep(runs: Path, axes: Mapping[str, Sequence[str]], states: Sequence[str], experiment: str) -> Path:
    """Write a sweep whose arms share the stage base per seed and fold, and have stages masks of their own.

    Args:
        states: of the jobs in order: done, reused, before (done in an earlier start), running (after base and 3 epochs
            of masks), killed (likewise, but no process holds the job), interrupted, failed (in masks) or missing.
    """
    folder = runs / experiment / "sweeps" / "2026-03-01_10-00-00"
    folder.mkdir(parents=True)
    plan = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    _write_record(folder, experiment, list(axes), plan, "running")
    for number, (planned, state) in enumerate(zip(plan, states, strict=True)):
        if state != "missing":
            _write_state(folder, number, planned, state, experiment)
    return folder


def _write_state(sweep: Path, number: int, planned: Mapping[str, str], state: str, experiment: str) -> None:
    job = sweep / str(number)
    job.mkdir()
    arm = arm_name(planned, experiment)
    seed, fold = int(planned.get("seed", 0)), planned.get("split.fold")
    repeat = f"{seed}-{fold}"
    status = {"reused": "done", "before": "done", "killed": "running"}.get(state, state)
    stages: list[dict[str, Any]] = []
    for name, key in (("base", f"base-{repeat}"), ("masks", f"{arm}-{repeat}")):
        stage_folder = _stage(sweep.parents[2], experiment, key, {})
        stage: dict[str, Any] = {"name": name, "key": key, "folder": str(stage_folder), "epochs": EPOCHS[name]}
        if name == "base" or status == "done":
            _result(stage_folder, SECONDS[name], EPOCHS[name])
        else:
            history = _history(3, 0, np.random.default_rng(0), name).assign(seconds=10.0)
            history.to_csv(stage_folder / "history.csv", index=False)
        stages.append(stage | ({"reused": state == "reused", "seconds": SECONDS[name]} if status == "done" else {}))
    record = {"experiment": experiment, "arm": arm, "axes": planned, "seed": seed, "status": status, "stages": stages}
    record |= {"key": stages[-1]["key"], "data": DATA} | MACHINE
    record |= {"fold": None if fold is None else int(fold), "started": BEFORE, "reused": state == "reused"}
    record |= {"error": "loss is not finite\nin epoch 3" if status == "failed" else None}
    record |= {"ended": None if status == "running" else BEFORE if state == "before" else AFTER}
    record |= {} if status == "running" else {"seconds": 150.0}
    (job / "job.json").write_text(json.dumps(record))
    if state == "running":
        lock_file(job).touch()


SKILL = {
    "none": 1.0,
    "predicted": 2.0,
    "shuffled": 0.5,
    "given": 6.0,
}  # dependence of the logits on the label, per mask condition
CONDITIONS = ("none", "predicted", "shuffled", *(f"revealed_{percent}" for percent in range(10, 100, 10)), "given")


@pytest.fixture
def make_classified(make_sweep: Callable[..., Path]) -> Callable[..., Path]:
    """Return a function that writes a sweep of classifiers of 120 images, two per group, and returns its folder.

    Each job tests all images or, with folds, its third of them; the skill increases by 0.3 from arm to arm.
    """

    def make(
        axes: Mapping[str, Sequence[str]], conditions: Sequence[str] = CONDITIONS, states: Sequence[str] = ()
    ) -> Path:
        arms = list(axes.get("zeroing", [""]))
        jobs = int(np.prod([len(values) for values in axes.values()]))
        sweep = make_sweep(axes, states or ["done"] * jobs, "cascade")
        for job in sweep.glob("[0-9]*"):
            record = json.loads((job / "job.json").read_text())
            gain = 0.3 * arms.index(record["axes"].get("zeroing", ""))
            table = _classified(record["seed"], record["fold"], gain, conditions)
            folder = Path(record["stages"][-1]["folder"])
            table.to_csv(folder / "predictions.csv", index=False)
            configure(folder, split={"k": 3} if "split.fold" in axes else {})
            tested = table["id"].nunique()
            record["data"] |= {"train": 200 - tested, "val": 0, "test": tested}
            record["metrics"] = _recorded(table) if record["status"] == "done" else {}
            (job / "job.json").write_text(json.dumps(record))
        return sweep

    return make


def _classified(seed: int, fold: int | None, gain: float, conditions: Sequence[str]) -> pd.DataFrame:
    """Return the content of predictions.csv with one label; threshold and level of the logits depend on the fold."""
    image = np.arange(120)
    truth = (np.random.default_rng(0).random(120) < 0.3).astype(int)
    rng = np.random.default_rng([seed, fold or 0, int(10 * gain)])
    image = image if fold is None else image[image // 2 % 3 == fold]
    rows = {"id": [f"IMG_{k:03}" for k in image], "group": [f"lesion_{k // 2:02}" for k in image], "label": "melanoma"}
    level, noise, parts = 5.0 * (fold or 0), rng.normal(size=len(image)), []
    for condition in conditions:
        share = float(condition.removeprefix("revealed_")) / 100 if condition.startswith("revealed_") else 0
        skill = gain + SKILL.get(condition, 1 + 5 * share)
        logit = level + skill * (truth[image] - 0.5) + noise
        parts.append(pd.DataFrame(rows | {"mask_condition": condition, "truth": truth[image], "logit": logit}))
    return pd.concat(parts, ignore_index=True).assign(threshold=level)


def _recorded(table: pd.DataFrame) -> dict[str, float]:
    """Return the test metrics of predictions as recorded by a run."""
    metrics = {}
    for condition in table["mask_condition"].unique():
        tested = Predictions.from_table(table, condition, "youden")
        for name in ("f1", "average_precision", "auroc", "f1_at_youden"):
            metrics[f"test/{condition}/{name}"] = float(tested.score(name, np.ones((1, len(tested.id))))[0])
    return metrics


def change(sweep: Path, **changes: Any) -> None:
    """Change the records of all jobs of a sweep; entries of data and metrics are merged."""
    for file in sweep.glob("*/job.json"):
        record = json.loads(file.read_text())
        for key, value in changes.items():
            record[key] = record[key] | value if isinstance(value, dict) else value
        file.write_text(json.dumps(record))
