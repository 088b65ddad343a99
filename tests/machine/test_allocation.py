"""Tests of the allocation of jobs to simulated machines."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from dermoscopy.machine import allocation


@pytest.mark.parametrize("threads", [None, 1, 2, 3, 8, 100])
@pytest.mark.parametrize("cores", [1, 2, 8, 64])
def test_without_a_gpu_the_cores_are_divided_and_never_used_twice(machine, cores, threads):
    machine(cores=cores)
    jobs = allocation.processes(threads, 4, "auto")
    assert jobs >= 1
    assert jobs * (threads or 1) <= max(cores, threads or 1)
    assert (jobs + 1) * (threads or 1) > cores  # no further job fits


def test_the_number_of_jobs_follows_the_gpus(machine):
    machine(cores=64, gpus=4)
    assert allocation.processes(None, 3, "auto") == 12
    assert allocation.processes(None, 3, "gpu") == 12
    assert allocation.processes(None, 3, "cpu") == 64


@pytest.mark.parametrize(
    ("accelerator", "jobs", "gpus", "part"),
    [
        ("auto", 1, 0, None),
        ("cpu", 1, 4, None),
        ("auto", 1, 4, 1),
        ("auto", 4, 1, 0.25),
        ("gpu", 2, 0, 0.5),  # requested on a machine without a GPU
    ],
)
def test_a_job_requests_its_share_of_a_gpu(machine, accelerator, jobs, gpus, part):
    machine(gpus=gpus)
    assert allocation.gpus_a_job(jobs, accelerator) == part


def test_the_configured_number_of_jobs_fits_on_a_gpu(machine):
    for jobs in range(1, 100):
        units = 10_000 * allocation.gpus_a_job(jobs, "gpu")  # Ray counts in ten thousandths
        assert units == pytest.approx(round(units))
        assert 10_000 - jobs < round(units) * jobs <= 10_000


def test_a_job_of_ray_works_in_the_configured_folder(monkeypatch, tmp_path):
    monkeypatch.chdir("/")  # restored to the folder of the tests at the end
    monkeypatch.setenv("DERMOSCOPY_FOLDER", str(tmp_path))
    allocation.work_in_folder()
    assert Path.cwd() == tmp_path


def test_a_job_needs_memory_for_its_process_its_data_and_its_batch():
    small, large = allocation.memory_a_job(0, 32 * 64 * 64), allocation.memory_a_job(0, 32 * 224 * 224)
    assert 0.7e9 < small < 1.5e9 < large < 5e9
    assert allocation.memory_a_job(10**9, 32 * 64 * 64) == small + 10**9


def test_free_memory_is_that_of_the_machine_or_what_the_limit_of_a_container_leaves(monkeypatch, tmp_path):
    monkeypatch.setattr(allocation.psutil, "virtual_memory", lambda: SimpleNamespace(available=5000))
    assert allocation.free_memory(tmp_path) == 5000  # no container
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 500\ninactive_file 100\n")
    for limit, free in (("max", 5000), ("1000", 1000 - 700 + 100), ("100000", 5000)):
        (tmp_path / "memory.max").write_text(f"{limit}\n")
        assert allocation.free_memory(tmp_path) == free
