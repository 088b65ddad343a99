"""A sweep that is killed with kill -9 at any moment, any number of times, has the results of an undisturbed one."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest
import torch
from builders import ROOT
from mlflow import MlflowClient

pytestmark = pytest.mark.kills
KILLS = 20
AT_ONCE = 4  # kills per sweep
JOBS, EPOCHS = 2, (2, 2)
SWEEP = (
    *(
        "-m",
        "+experiment=zeroing",
        "zeroing=everything,cells8_80",
        "seed=3",
        f"epochs.quick.base={EPOCHS[0]}",
        f"epochs.quick.masks={EPOCHS[1]}",
    ),
    *(
        "network.backbone=test_resnet",
        "trainer=cpu",
        "trainer.precision=32-true",
        "threads=1",
        "callbacks.last.min_seconds=0",
    ),
    "hydra/launcher=basic",  # all in the process that is killed
    *("datamodule.batch_size=16", "trainer.limit_train_batches=3"),
    *("data.make.count=120", "data.make.size=[48,64]", "data.size=[32,32]", "data.store=store.h5"),
)


class ForkServer:
    """Runs train.py in processes that can be killed."""

    def __init__(self):
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        command = [sys.executable, str(ROOT / "tests" / "fork_server.py")]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self.process.stdout.readline() == "ready\n"

    def run(self, folder, *arguments, dies_at=None, dies_after=None):
        """Run train.py in a folder, kill it at a rename or after some seconds; return exit status and seconds."""
        began = time.monotonic()
        request = {"folder": str(folder), "arguments": arguments, "dies_at": dies_at}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        child = int(self.process.stdout.readline())
        if dies_after is not None:
            time.sleep(dies_after)
            with suppress(ProcessLookupError):  # it has ended already
                os.kill(child, signal.SIGKILL)
        return int(self.process.stdout.readline()), time.monotonic() - began

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


@pytest.fixture(scope="module")
def server():
    server = ForkServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def whole(server, demo_source, tmp_path_factory):
    """The folder of an undisturbed sweep, and its seconds."""
    folder = tmp_path_factory.mktemp("whole")
    begin(folder, demo_source)
    code, seconds = server.run(folder, *SWEEP)
    assert code == 0, (folder / "log.txt").read_text()
    return folder, seconds


def begin(folder, demo_source):
    """Link the raw files to where train.py expects them, so that it prepares them itself."""
    (folder / "data" / "raw").mkdir(parents=True)
    (folder / "data" / "raw" / "demo").symlink_to(demo_source.root)


@pytest.mark.parametrize("trial", range(KILLS // AT_ONCE))
def test_a_sweep_killed_at_random_moments_ends_bit_for_bit_like_an_undisturbed_one(
    server, whole, demo_source, tmp_path, trial
):
    undisturbed, seconds = whole
    begin(tmp_path, demo_source)
    draw = random.Random(trial)
    killed = 0
    for number in range(AT_ONCE):
        moment = {"dies_after": draw.uniform(0, seconds)} if number % 2 else {"dies_at": draw.randint(1, 60)}
        code, _ = server.run(tmp_path, *SWEEP, **moment)
        killed += code == -signal.SIGKILL
    assert killed
    code, _ = server.run(tmp_path, *SWEEP)
    assert code == 0, (tmp_path / "log.txt").read_text()
    assert_same_sweep(undisturbed, tmp_path)


def assert_same_sweep(first: Path, second: Path) -> None:
    """Compare all metrics, weights, results, records and runs in MLflow; check that no temporary file is left."""
    stages = [sorted(path.parent.relative_to(f) for path in f.glob("runs/*/*/result.json")) for f in (first, second)]
    assert stages[0] == stages[1]
    for stage in stages[0]:
        assert_same_stage(first / stage, second / stage)
    assert_same_jobs(first, second)
    assert tracked(first) == tracked(second)
    assert not [*second.glob("runs/**/*.part"), *second.glob("runs/zeroing/.*.lock"), *second.glob(".*")]


def assert_same_stage(first: Path, second: Path) -> None:
    histories = [pd.read_csv(folder / "history.csv", dtype=str).drop(columns="seconds") for folder in (first, second)]
    pd.testing.assert_frame_equal(*histories)
    assert (first / "predictions.csv").is_file() == (second / "predictions.csv").is_file()
    if (first / "predictions.csv").is_file():
        assert (first / "predictions.csv").read_bytes() == (second / "predictions.csv").read_bytes()
    for name in ("best.ckpt", "last.ckpt"):
        one, two = (torch.load(folder / name, weights_only=True)["state_dict"] for folder in (first, second))
        assert one.keys() == two.keys()
        assert all(torch.equal(one[key], two[key]) for key in one)
    one, two = (json.loads((folder / "result.json").read_text()) for folder in (first, second))
    assert one | {"seconds": 0, "sha256": ""} == two | {"seconds": 0, "sha256": ""}


def assert_same_jobs(first: Path, second: Path) -> None:
    records = []
    for folder in (first, second):
        (sweep,) = (folder / "runs" / "zeroing" / "sweeps").glob("*/sweep.json")
        assert json.loads(sweep.read_text())["status"] == "done"
        jobs = [json.loads((sweep.parent / str(number) / "job.json").read_text()) for number in range(JOBS)]
        records.append([(job["status"], job["arm"], job["seed"], job["key"], job["metrics"]) for job in jobs])
    assert records[0] == records[1]


def tracked(folder: Path) -> list:
    """Return the runs in MLflow without times and ids: status, parameters, files and all points of metrics."""
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("zeroing").experiment_id])
    kinds = [run.data.tags["kind"] for run in runs]
    arms = len({run.data.tags["arm"] for run in runs if run.data.tags["kind"] == "job"})
    assert sorted(kinds) == ["arm"] * arms + ["job"] * JOBS + ["sweep"]
    records = []
    for run in runs:
        names = [name for name in run.data.metrics if not name.endswith("/seconds")]
        points = {n: [(p.step, p.value) for p in client.get_metric_history(run.info.run_id, n)] for n in names}
        assert all(len(set(p)) == len(p) for p in points.values())
        if run.data.tags["kind"] == "job":
            assert len(points["val/loss"]) == sum(EPOCHS)
        files = sorted(file.path for file in client.list_artifacts(run.info.run_id))
        name = "parent" if run.data.tags["kind"] == "sweep" else run.info.run_name
        params = sorted((key, value) for key, value in run.data.params.items() if key != "logger.folder")
        records.append((name, run.info.status, params, sorted(points.items()), files))
    return sorted(records)
