"""Allocation of machines to the jobs of a sweep: jobs at a time, and threads and share of a GPU per job."""

import os
from contextlib import suppress
from pathlib import Path

import psutil

from dermoscopy.machine.gpus import gpus
from dermoscopy.machine.threads import CGROUP, cores


def cpus_a_job(threads: int | None) -> int:
    """Return the number of cores that a job requests from a scheduler: one per thread, or one by default."""
    return threads or 1


def gpus_a_job(jobs_per_gpu: int, accelerator: str) -> float | int | None:
    """Return the share of a GPU that a job requests from Ray or Slurm; None: no GPU.

    Args:
        jobs_per_gpu: number of jobs that share a GPU.
        accelerator: as in Lightning; "gpu" requests one even if none is visible, as on a login node.
    """
    if accelerator == "cpu" or (accelerator == "auto" and not gpus()):
        return None
    return 1 if jobs_per_gpu == 1 else 10_000 // jobs_per_gpu / 10_000  # Ray counts in ten-thousandths, and rounds


def processes(threads: int | None, jobs_per_gpu: int, accelerator: str) -> int:
    """Return the number of jobs that this machine trains at a time: by its GPUs, or without a GPU by its cores.

    Args:
        threads: CPU threads per job; None: one.
        jobs_per_gpu: number of jobs that share a GPU.
        accelerator: as in Lightning; "cpu" ignores the GPUs.
    """
    if accelerator != "cpu" and (count := gpus()):
        return count * jobs_per_gpu
    return max(1, cores() // cpus_a_job(threads))


PROCESS = 0.8e9  # bytes of a process with torch, Lightning and MLflow
PER_PIXEL = 2000  # bytes per pixel of a training batch: the activations of a ResNet50 in fp32


def memory_a_job(store: int, batch: int) -> float:
    """Estimate the bytes of memory that a job takes on the CPU.

    Args:
        store: bytes of the images and masks, which each job holds in memory.
        batch: pixels of a training batch, of all its images.
    """
    return PROCESS + store + PER_PIXEL * batch


def free_memory(cgroup: Path = CGROUP) -> float:
    """Return the bytes of memory that this machine, or the container in which this process runs, has left."""
    free = float(psutil.virtual_memory().available)
    with suppress(OSError, ValueError):  # no container, or one without a limit: its file says max
        limit, used = (int((cgroup / name).read_text()) for name in ("memory.max", "memory.current"))
        stat = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        free = min(free, limit - used + int(stat.get("inactive_file", 0)))  # cached files make room
    return free


def work_in_folder() -> None:
    """Change to the folder that DERMOSCOPY_FOLDER names; Ray works in the folder from which its cluster was started."""
    os.chdir(os.environ["DERMOSCOPY_FOLDER"])
