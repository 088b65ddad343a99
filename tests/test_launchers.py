"""The same sweep under every launcher: results are equal to the last bit, and no process is left running."""

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
TINY = ("network.backbone=test_resnet", "trainer=cpu", "trainer.precision=32-true", "epochs=1", "logger=csv")
NEEDS = {"joblib": "joblib", "ray": "ray", "submitit_local": "submitit"}  # launcher: the package that it needs


def start(folder: Path, store: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a sweep in a folder until all its processes have ended."""
    data = (f"data.store={store}", "data.raw=null", "data.size=[32,32]")
    command = (sys.executable, str(ROOT / "train.py"), "-m", "+experiment=zeroing", "zeroing=everything,cells8_80")
    environment = os.environ | {"STARTED_IN": str(folder)}  # inherited by all its processes
    process = subprocess.run(
        [*command, *TINY, *data, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert "Warning" not in process.stderr
    _, alive = psutil.wait_procs(list(started_in(folder)), timeout=20)
    assert not alive
    return process


def sweep(folder: Path, store: Path, *arguments: str) -> Path:
    """Run a sweep in a folder to its end; return the folder."""
    process = start(folder, store, *arguments)
    assert process.returncode == 0, process.stdout + process.stderr
    return folder


def started_in(folder: Path):
    """Yield the running processes of a sweep in this folder."""
    for process in psutil.process_iter():
        try:
            if process.environ().get("STARTED_IN") == str(folder):
                yield process
        except psutil.Error:  # ended in the meantime, or owned by another user
            continue


def jobs(folder: Path) -> list[dict]:
    """Return the records of the jobs of the only sweep in a folder, by number."""
    paths = folder.glob("runs/zeroing/sweeps/*/*/job.json")
    return [json.loads(path.read_text()) for path in sorted(paths, key=lambda path: int(path.parent.name))]


@pytest.fixture(scope="module")
def one_by_one(demo_store, tmp_path_factory):
    """A sweep of two arms and two seeds, one job after another."""
    return sweep(tmp_path_factory.mktemp("basic"), demo_store, "seed=0,1", "threads=1", "hydra/launcher=basic")


@pytest.mark.parametrize(
    ("launcher", "seeds"),
    [
        ("joblib", "0,1"),
        ("ray", "0"),
        ("submitit_local", "1"),
    ],  # with one seed both jobs start with the same stage at the same time
)
def test_every_launcher_gives_the_same_results_to_the_last_bit(launcher, seeds, one_by_one, demo_store, tmp_path):
    pytest.importorskip(NEEDS[launcher], reason=f"pip install -e '.[{EXTRAS.get(launcher)}]'")
    sweep(tmp_path, demo_store, f"seed={seeds}", f"hydra/launcher={launcher}")

    records = jobs(tmp_path)
    assert len(records) == 2 * len(seeds.split(","))
    assert {record["status"] for record in records} == {"done"}
    assert {record["threads"] for record in records} == {1}  # not set: the cores are shared between the jobs
    assert len({record["pid"] for record in records}) >= min(2, cores())  # jobs ran at the same time

    alone = {(job["arm"], job["seed"]): job for job in jobs(one_by_one)}
    for record in records:
        before = alone[record["arm"], record["seed"]]
        assert record["metrics"] == before["metrics"]
        assert record["key"] == before["key"]
        for stage in record["stages"]:
            expected, actual = (root / "runs" / "zeroing" / stage["key"] for root in (one_by_one, tmp_path))
            assert_same(expected, actual)
        assert (actual / "predictions.csv").is_file()  # of the last stage, so it was compared


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a small file system")
def test_jobs_of_joblib_that_fill_the_disk_fail_and_the_same_command_continues_with_more_room(demo_store, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if os.system(f"mount -t tmpfs -o size=2m tmpfs {small} 2>/dev/null") != 0:
        pytest.skip("this machine allows no file systems")
    try:
        process = start(small, demo_store, "seed=0", "hydra/launcher=joblib")
        assert process.returncode == 1
        assert process.stderr.count("\n") == 1 and "error: " in process.stderr
        assert f"there is no room for it on the disk {small} " in process.stdout
        assert os.system(f"mount -o remount,size=64m {small}") == 0
        sweep(small, demo_store, "seed=0", "hydra/launcher=joblib")
        assert [record["status"] for record in jobs(small)] == ["done", "done"]
        assert not list(small.rglob("*.part"))
    finally:
        assert os.system(f"umount {small}") == 0


def assert_same(first: Path, second: Path) -> None:
    """Compare the files of a stage in two folders."""
    one, two = (torch.load(f / "best.ckpt", weights_only=True)["state_dict"] for f in (first, second))
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, two[name]), name
    tables = sorted(table.name for table in first.glob("*.csv"))
    assert tables == sorted(table.name for table in second.glob("*.csv"))
    for table in tables:
        frames = (pd.read_csv(f / table).drop(columns="seconds", errors="ignore") for f in (first, second))
        pd.testing.assert_frame_equal(*frames, check_exact=True)


def test_each_launcher_starts_with_a_comment_that_has_its_command():
    for preset in (ROOT / "conf" / "hydra" / "launcher").glob("*.yaml"):
        first = preset.read_text().splitlines()[0]
        assert f"python train.py +experiment=zeroing -m hydra/launcher={preset.stem}" in first


def settings(folder: Path, *arguments: str) -> DictConfig:
    """Return the settings of the launcher of a sweep that is started in this folder."""
    options = ("--cfg", "all", "--package", "hydra.launcher", "--resolve")
    command = (sys.executable, str(ROOT / "train.py"), "+experiment=zeroing", *arguments, *options)
    process = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert not process.stderr
    return OmegaConf.create(process.stdout)


def test_slurm_gets_the_resources_of_a_job_and_requeues_it_at_the_time_limit(tmp_path):
    slurm = pytest.importorskip("submitit.slurm.slurm", reason="pip install -e '.[slurm]'")
    launcher = settings(
        tmp_path, "hydra/launcher=submitit_slurm", "trainer=gpu", "threads=3", "hydra.launcher.partition=night"
    )
    resources = {
        key: launcher[key] for key in ("partition", "nodes", "cpus_per_task", "gpus_per_node", "signal_delay_s")
    }
    script = slurm._make_sbatch_string("true", tmp_path, **resources).splitlines()
    for line in ("partition=night", "nodes=1", "cpus-per-task=3", "gpus-per-node=1", "signal=USR2@120"):
        assert f"#SBATCH --{line}" in script
    assert launcher.max_num_timeout > 0
    assert launcher.signal_delay_s < 60 * launcher.timeout_min


def test_joblib_starts_one_process_per_core_or_fewer_with_several_threads_per_job(tmp_path):
    assert settings(tmp_path, "hydra/launcher=joblib", "trainer=cpu").n_jobs == cores()
    assert settings(tmp_path, "hydra/launcher=joblib", "trainer=cpu", f"threads={cores()}").n_jobs == 1
