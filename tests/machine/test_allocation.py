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


def test_with_gpus_each_takes_its_jobs(machine):
    machine(cores=64, gpus=4)
    assert sharing.processes(None, 3, "auto") == 12
    assert sharing.processes(None, 3, "gpu") == 12
    assert sharing.processes(None, 3, "cpu") == 64


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


def test_a_job_of_ray_works_in_the_folder_that_it_is_told(monkeypatch, tmp_path):
    monkeypatch.chdir("/")  # back to where the tests run, at the end
    monkeypatch.setenv("DERMOSCOPY_FOLDER", str(tmp_path))
    sharing.work_in_folder()
    assert Path.cwd() == tmp_path
