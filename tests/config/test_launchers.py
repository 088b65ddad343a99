"""Threads per job under each launcher, and settings that are refused."""

import pytest

from dermoscopy.config import launchers


@pytest.mark.parametrize(
    ("launcher", "threads"),
    [
        ({"_target_": "…BasicLauncher"}, None),
        ({"n_jobs": 3}, 2),
        ({"n_jobs": 100}, 1),
        ({"n_jobs": -1}, 1),
        ({"n_jobs": -6}, 2),  # leaves out five cores: three jobs
        ({"n_jobs": -100}, 8),
        ({"ray": {"init": {}, "remote": {"num_cpus": 4}}}, 4),
        ({"ray": {"init": {}, "remote": {}}}, 1),
        ({"submitit_folder": "…", "cpus_per_task": 6}, 6),
        ({"submitit_folder": "…", "cpus_per_task": None}, 1),
    ],
)
def test_the_threads_per_job_come_from_the_launcher_unless_they_are_set(monkeypatch, launcher, threads):
    monkeypatch.setattr(launchers, "cores", lambda: 8)
    assert launchers.threads_per_job(None, launcher) == threads
    assert launchers.threads_per_job(5, launcher) == 5


def test_the_cores_are_shared_between_jobs_with_several_jobs_per_gpu(monkeypatch):
    monkeypatch.setattr(launchers, "cores", lambda: 64)
    assert launchers.threads_per_job(None, {"n_jobs": 12}) == 64 // 12


@pytest.mark.parametrize(
    ("launcher", "trainer", "jobs_per_gpu", "message"),
    [
        ("joblib", {"devices": 2}, 1, "trainer.devices=2: .*hydra/launcher=joblib"),
        ("basic", {"devices": "auto"}, 1, "trainer.devices=auto"),
        ("ray", {"devices": 1, "num_nodes": 2}, 1, "trainer.num_nodes=2: .*hydra/launcher=ray"),
        ("joblib", {}, 0, "jobs_per_gpu must be a whole number of at least 1, got 0"),
        ("joblib", {}, 0.5, "jobs_per_gpu must be a whole number of at least 1, got 0.5"),
        ("basic", {}, 2, "no effect with hydra/launcher=basic: use hydra/launcher=joblib or ray"),
        ("submitit_slurm", {}, 2, "no effect with hydra/launcher=submitit_slurm: .* inside an allocation"),
    ],
)
def test_a_setting_that_no_job_can_satisfy_is_refused_with_an_alternative(launcher, trainer, jobs_per_gpu, message):
    with pytest.raises(ValueError, match=message):
        launchers.check_launcher(launcher, trainer, jobs_per_gpu)


def test_a_launcher_that_is_not_installed_is_refused_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(launchers, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"hydra/launcher=ray is not installed: pip install -e '.\[ray\]'"):
        launchers.check_launcher("ray", {}, 1)
    with pytest.raises(ValueError, match=r"pip install -e '.\[slurm\]'"):
        launchers.check_launcher("submitit_slurm", {}, 1)
    launchers.check_launcher("joblib", {"devices": 1}, 4)
    launchers.check_launcher("basic", {"devices": 1}, 1)
