"""Jobs at a time and threads per job under each launcher, and settings that are refused."""

import pytest

from dermoscopy.config import launchers

JOBLIB = {"_target_": "…JoblibLauncher", "batch_size": 1}


@pytest.mark.parametrize(
    ("launcher", "threads"),
    [
        ({"_target_": "…BasicLauncher"}, None),
        ({"ray": {"init": {}, "remote": {"num_cpus": 4}}}, 4),
        ({"ray": {"init": {}, "remote": {}}}, 1),
        ({"submitit_folder": "…", "cpus_per_task": 6}, 6),
        ({"submitit_folder": "…", "cpus_per_task": None}, 1),
    ],
)
def test_the_threads_per_job_come_from_the_launcher_unless_they_are_set(launcher, threads):
    assert launchers.share(launcher, "any", None, left=9, room=9).threads == threads
    assert launchers.share(launcher, "any", 5, left=9, room=9).threads == 5
    assert launchers.share(launcher, "any", None, left=9, room=9).launcher == launcher


@pytest.mark.parametrize(
    ("n_jobs", "left", "room", "jobs", "threads"),
    [
        (3, 9, 9, 3, 2),
        (8, 18, 9, 8, 1),
        (8, 3, 9, 3, 2),  # fewer jobs than cores: more cores for each
        (8, 18, 2, 2, 4),  # fewer that fit into the memory
        (100, 200, 200, 100, 1),
        (-1, 9, 9, 8, 1),  # one per core
        (-6, 9, 9, 3, 2),  # leaves out five cores
    ],
)
def test_jobs_at_a_time_share_the_cores_equally(monkeypatch, n_jobs, left, room, jobs, threads):
    monkeypatch.setattr(launchers, "cores", lambda: 8)
    decided = launchers.share(JOBLIB | {"n_jobs": n_jobs}, "joblib", None, left, room)
    assert (decided.name, decided.jobs, decided.threads) == ("joblib", jobs, threads)
    assert decided.launcher == JOBLIB | {"n_jobs": jobs}
    assert launchers.share(JOBLIB | {"n_jobs": n_jobs}, "joblib", 5, left, room).threads == 5


@pytest.mark.parametrize(("n_jobs", "left", "room"), [(1, 9, 9), (8, 1, 9), (8, 9, 0), (-100, 9, 9)])
@pytest.mark.parametrize("threads", [None, 1])
def test_a_single_job_at_a_time_runs_in_the_process_of_the_command(monkeypatch, n_jobs, left, room, threads):
    monkeypatch.setattr(launchers, "cores", lambda: 8)
    decided = launchers.share(JOBLIB | {"n_jobs": n_jobs}, "joblib", threads, left, room)
    assert (decided.name, decided.jobs, decided.threads) == ("basic", 1, threads)
    assert decided.launcher == {"_target_": launchers.BASIC}


@pytest.mark.parametrize(
    ("launcher", "trainer", "jobs_per_gpu", "message"),
    [
        ("joblib", {"devices": 2}, 1, "trainer.devices=2: .*hydra/launcher=joblib"),
        ("basic", {"devices": "auto"}, 1, "trainer.devices=auto"),
        ("ray", {"devices": 1, "num_nodes": 2}, 1, "trainer.num_nodes=2: .*hydra/launcher=ray"),
        ("joblib", {}, 0, "jobs_per_gpu must be a whole number of at least 1, got 0"),
        ("joblib", {}, 0.5, "jobs_per_gpu must be a whole number of at least 1, got 0.5"),
        ("basic", {}, 2, "no effect with hydra/launcher=basic: use hydra/launcher=joblib or ray with -m"),
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
