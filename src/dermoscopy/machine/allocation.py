"""How the jobs of a sweep share machines: how many at a time, how many threads and which part of a GPU each."""

import os

from dermoscopy.machine.gpus import gpus
from dermoscopy.machine.threads import cores


def cpus_a_job(threads: int | None) -> int:
    """Return how many cores a job asks a scheduler for: one for each of its threads, one if they are not named."""
    return threads or 1


def gpus_a_job(jobs_per_gpu: int, accelerator: str) -> float | int | None:
    """Return the part of a GPU that a job asks Ray or Slurm for; None: no GPU.

    Args:
        jobs_per_gpu: how many jobs share a GPU.
        accelerator: as Lightning names it. "gpu" asks for one even where none is visible, as on a login node.
    """
    if accelerator == "cpu" or (accelerator == "auto" and not gpus()):
        return None
    return 1 if jobs_per_gpu == 1 else 10_000 // jobs_per_gpu / 10_000  # Ray counts in ten thousandths, and rounds


def processes(threads: int | None, jobs_per_gpu: int, accelerator: str) -> int:
    """Return how many jobs this machine trains at a time: as many as its GPUs take, without a GPU as its cores do.

    Args:
        threads: of the processor, for one job; None: one.
        jobs_per_gpu: how many jobs share a GPU.
        accelerator: as Lightning names it; "cpu" leaves the GPUs out of it.
    """
    if accelerator != "cpu" and (found := gpus()):
        return found * jobs_per_gpu
    return max(1, cores() // cpus_a_job(threads))


def work_in_folder() -> None:
    """Go to the folder that DERMOSCOPY_FOLDER names; Ray would work in the one from which its cluster was started."""
    os.chdir(os.environ["DERMOSCOPY_FOLDER"])
