"""The same sweep under every launcher, as a user starts it: the same to the last bit, and nothing is left running."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import psutil
import pytest
import torch
from builders import ROOT
from omegaconf import DictConfig, OmegaConf

from dermoscopy.config.launchers import EXTRAS, cores

pytestmark = pytest.mark.services
TINY = ("network.backbone=test_resnet", "trainer=cpu", "epochs=1", "logger=csv")
NEEDS = {"joblib": "joblib", "ray": "ray", "submitit_local": "submitit"}  # launcher: what it starts jobs with


def sweep(folder: Path, store: Path, *arguments: str) -> Path:
    """Run a sweep in a folder; return the folder once no process that it started is left."""
    data = (f"data.store={store}", "data.raw=null", "data.size=[32,32]")
    command = (sys.executable, str(ROOT / "train.py"), "-m", "+experiment=zeroing", "zeroing=everything,cells8_80")
    environment = os.environ | {"STARTED_IN": str(folder)}  # inherited by all that it starts
    ended = subprocess.run(
        [*command, *TINY, *data, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Warning" not in ended.stderr
    _, left = psutil.wait_procs(list(started_in(folder)), timeout=20)
    assert not left
    return folder


def started_in(folder: Path):
    """Yield the processes that a sweep in this folder started and that still run."""
    for process in psutil.process_iter():
        try:
            if process.environ().get("STARTED_IN") == str(folder):
                yield process
        except psutil.Error:  # gone by now, or another user's
            continue


def jobs(folder: Path) -> list[dict]:
    """Return the records of the jobs of the one sweep in a folder, by number."""
    paths = folder.glob("runs/zeroing/sweeps/*/*/job.json")
    return [json.loads(path.read_text()) for path in sorted(paths, key=lambda path: int(path.parent.name))]


@pytest.fixture(scope="module")
def one_by_one(demo_store, tmp_path_factory):
    """A sweep of two arms and two seeds, one job after another."""
    return sweep(tmp_path_factory.mktemp("basic"), demo_store, "seed=0,1", "threads=1")


@pytest.mark.parametrize(
    ("launcher", "seeds"),
    [
        ("joblib", "0,1"),
        ("ray", "0"),
        ("submitit_local", "1"),
    ],  # one seed: both jobs begin with the same stage, at once
)
def test_every_launcher_trains_the_same_to_the_last_bit(launcher, seeds, one_by_one, demo_store, tmp_path):
    pytest.importorskip(NEEDS[launcher], reason=f"pip install -e '.[{EXTRAS.get(launcher)}]'")
    sweep(tmp_path, demo_store, f"seed={seeds}", f"hydra/launcher={launcher}")

    records = jobs(tmp_path)
    assert len(records) == 2 * len(seeds.split(","))
    assert {record["status"] for record in records} == {"done"}
    assert {record["threads"] for record in records} == {1}  # nobody named them: the cores were shared out
    assert len({record["pid"] for record in records}) >= min(2, cores())  # at the same time

    alone = {(job["arm"], job["seed"]): job for job in jobs(one_by_one)}
    for record in records:
        before = alone[record["arm"], record["seed"]]
        assert record["metrics"] == before["metrics"]
        assert record["key"] == before["key"]
        for stage in record["stages"]:
            there, here = (root / "runs" / "zeroing" / stage["key"] for root in (one_by_one, tmp_path))
            assert_same(there, here)
        assert (here / "predictions.csv").is_file()  # of the last stage, so they were compared


def assert_same(there: Path, here: Path) -> None:
    """Compare what a stage left in two folders."""
    expected, found = (torch.load(f / "best.ckpt", weights_only=True)["state_dict"] for f in (there, here))
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        assert torch.equal(tensor, found[name]), name
    tables = sorted(table.name for table in there.glob("*.csv"))
    assert tables == sorted(table.name for table in here.glob("*.csv"))
    for table in tables:
        frames = (pd.read_csv(f / table).drop(columns="seconds", errors="ignore") for f in (there, here))
        pd.testing.assert_frame_equal(*frames, check_exact=True)


def test_each_launcher_says_what_for_and_gives_its_command():
    for preset in (ROOT / "conf" / "hydra" / "launcher").glob("*.yaml"):
        first = preset.read_text().splitlines()[0]
        assert f"python train.py +experiment=zeroing -m hydra/launcher={preset.stem}" in first


def settings(folder: Path, *arguments: str) -> DictConfig:
    """Return what Hydra gives the launcher of a sweep started in this folder."""
    show = ("--cfg", "all", "--package", "hydra.launcher", "--resolve")
    command = (sys.executable, str(ROOT / "train.py"), "+experiment=zeroing", *arguments, *show)
    shown = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert not shown.stderr
    return OmegaConf.create(shown.stdout)


def test_slurm_is_asked_for_what_a_job_needs_and_queues_it_again_when_its_time_is_over(tmp_path):
    slurm = pytest.importorskip("submitit.slurm.slurm", reason="pip install -e '.[slurm]'")
    found = settings(
        tmp_path, "hydra/launcher=submitit_slurm", "trainer=gpu", "threads=3", "hydra.launcher.partition=night"
    )
    asked = {key: found[key] for key in ("partition", "nodes", "cpus_per_task", "gpus_per_node", "signal_delay_s")}
    script = slurm._make_sbatch_string("true", tmp_path, **asked).splitlines()
    for line in ("partition=night", "nodes=1", "cpus-per-task=3", "gpus-per-node=1", "signal=USR2@120"):
        assert f"#SBATCH --{line}" in script
    assert found.max_num_timeout > 0
    assert found.signal_delay_s < 60 * found.timeout_min


def test_joblib_takes_a_process_for_each_core_or_for_the_threads_that_were_named(tmp_path):
    assert settings(tmp_path, "hydra/launcher=joblib", "trainer=cpu").n_jobs == cores()
    assert settings(tmp_path, "hydra/launcher=joblib", "trainer=cpu", f"threads={cores()}").n_jobs == 1
