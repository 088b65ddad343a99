"""How jobs share machines, counted on machines that are made up."""

from pathlib import Path

import pytest

from dermoscopy.machine import allocation as sharing


@pytest.mark.parametrize("threads", [None, 1, 2, 3, 8, 100])
@pytest.mark.parametrize("cores", [1, 2, 8, 64])
def test_without_a_gpu_the_cores_are_shared_out_and_never_taken_twice(machine, cores, threads):
    machine(cores=cores)
    jobs = sharing.processes(threads, 4, "auto")
    assert jobs >= 1
    assert jobs * (threads or 1) <= max(cores, threads or 1)
    assert (jobs + 1) * (threads or 1) > cores  # and none is left idle that could take a job


def test_with_gpus_each_takes_its_jobs_and_the_cores_go_round(machine):
    machine(cores=64, gpus=4)
    assert sharing.processes(None, 3, "auto") == 12
    assert sharing.processes(None, 3, "gpu") == 12
    assert sharing.processes(None, 3, "cpu") == 64
    assert sharing.threads_of_a_job(None, {"n_jobs": sharing.processes(None, 3, "auto")}) == 64 // 12


@pytest.mark.parametrize(
    ("accelerator", "jobs", "gpus", "part"),
    [
        ("auto", 1, 0, None),
        ("cpu", 1, 4, None),
        ("auto", 1, 4, 1),
        ("auto", 4, 1, 0.25),
        ("gpu", 2, 0, 0.5),  # asked for on a machine that has none
    ],
)
def test_the_part_of_a_gpu_that_a_job_asks_for(machine, accelerator, jobs, gpus, part):
    machine(gpus=gpus)
    assert sharing.gpus_a_job(jobs, accelerator) == part


def test_the_parts_of_a_gpu_hold_as_many_jobs_as_were_named(machine):
    for jobs in range(1, 100):
        units = 10_000 * sharing.gpus_a_job(jobs, "gpu")  # Ray counts in ten thousandths
        assert units == pytest.approx(round(units))
        assert 10_000 - jobs < round(units) * jobs <= 10_000


@pytest.mark.parametrize(
    ("launcher", "threads"),
    [
        ({"_target_": "…BasicLauncher"}, None),
        ({"n_jobs": 3}, 2),
        ({"n_jobs": 100}, 1),
        ({"n_jobs": -1}, 1),
        ({"n_jobs": -6}, 2),  # all cores but five: three jobs
        ({"n_jobs": -100}, 8),
        ({"ray": {"init": {}, "remote": {"num_cpus": 4}}}, 4),
        ({"ray": {"init": {}, "remote": {}}}, 1),
        ({"submitit_folder": "…", "cpus_per_task": 6}, 6),
        ({"submitit_folder": "…", "cpus_per_task": None}, 1),
    ],
)
def test_a_job_takes_the_threads_that_its_launcher_leaves_it_unless_they_are_named(machine, launcher, threads):
    machine(cores=8)
    assert sharing.threads_of_a_job(None, launcher) == threads
    assert sharing.threads_of_a_job(5, launcher) == 5


def test_a_job_of_ray_works_in_the_folder_that_it_is_told(monkeypatch, tmp_path):
    monkeypatch.chdir("/")  # back to where the tests run, at the end
    monkeypatch.setenv("DERMOSCOPY_FOLDER", str(tmp_path))
    sharing.work_in_folder()
    assert Path.cwd() == tmp_path


@pytest.mark.parametrize(
    ("launcher", "trainer", "jobs_per_gpu", "message"),
    [
        ("joblib", {"devices": 2}, 1, "trainer.devices=2: a job trains on one device; .* hydra/launcher=joblib"),
        ("basic", {"devices": "auto"}, 1, "trainer.devices=auto"),
        ("ray", {"devices": 1, "num_nodes": 2}, 1, "trainer.num_nodes=2: .* hydra/launcher=ray"),
        ("joblib", {}, 0, "jobs_per_gpu must be a whole number of at least 1, got 0"),
        ("joblib", {}, 0.5, "jobs_per_gpu must be a whole number of at least 1, got 0.5"),
        ("basic", {}, 2, "no effect with hydra/launcher=basic: use hydra/launcher=joblib or ray"),
        ("submitit_slurm", {}, 2, "no effect with hydra/launcher=submitit_slurm: .* inside an allocation"),
    ],
)
def test_what_no_job_can_do_is_refused_with_the_way_to_do_it(launcher, trainer, jobs_per_gpu, message):
    with pytest.raises(ValueError, match=message):
        sharing.check(launcher, trainer, jobs_per_gpu)


def test_a_launcher_that_is_not_installed_is_refused_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(sharing, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"hydra/launcher=ray is not installed: pip install -e '.\[ray\]'"):
        sharing.check("ray", {}, 1)
    with pytest.raises(ValueError, match=r"pip install -e '.\[slurm\]'"):
        sharing.check("submitit_slurm", {}, 1)
    sharing.check("joblib", {"devices": 1}, 4)
    sharing.check("basic", {"devices": 1}, 1)
