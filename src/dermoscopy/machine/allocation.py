"""How the jobs of a sweep share machines: how many at a time, how many threads and which part of a GPU each."""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from dermoscopy.machine.gpus import gpus
from dermoscopy.machine.threads import cores

SEVERAL = ("joblib", "ray")  # launchers that put several jobs on a GPU
EXTRAS = {"ray": "ray", "submitit_local": "slurm", "submitit_slurm": "slurm"}  # of pyproject.toml


def check(launcher: str, trainer: Mapping[str, object], jobs_per_gpu: object, threads: object = None) -> None:
    """Refuse what no job could do, before any starts.

    Args:
        launcher: the choice of hydra/launcher.
        trainer: its settings.
        jobs_per_gpu, threads: as in the configuration.

    Raises:
        ValueError: says what to do instead.
    """
    for key in ("devices", "num_nodes"):
        if trainer.get(key, 1) != 1:
            raise ValueError(
                f"trainer.{key}={trainer[key]}: a job trains on one device; several devices train several jobs, "
                "with hydra/launcher=joblib on one machine, with hydra/launcher=ray on more"
            )
    if threads is not None and (not isinstance(threads, int) or threads < 1):
        raise ValueError(f"threads must be a whole number of at least 1 or null, got {threads}")
    if not isinstance(jobs_per_gpu, int) or jobs_per_gpu < 1:
        raise ValueError(f"jobs_per_gpu must be a whole number of at least 1, got {jobs_per_gpu}")
    if jobs_per_gpu > 1 and launcher not in SEVERAL:
        inside = ", inside an allocation (salloc)" if launcher == "submitit_slurm" else ""
        raise ValueError(
            f"jobs_per_gpu={jobs_per_gpu} has no effect with hydra/launcher={launcher}: "
            f"use hydra/launcher={' or '.join(SEVERAL)}{inside}"
        )
    if launcher in EXTRAS and not find_spec(f"hydra_plugins.hydra_{launcher.split('_')[0]}_launcher"):
        raise ValueError(f"hydra/launcher={launcher} is not installed: pip install -e '.[{EXTRAS[launcher]}]'")


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


def threads_of_a_job(threads: int | None, launcher: Mapping[str, Any]) -> int | None:
    """Return how many threads of the processor a job takes; None: what torch takes by itself.

    Args:
        threads: what the user named; it wins.
        launcher: the configuration hydra.launcher, resolved.
    """
    if threads is not None:
        return threads
    if "n_jobs" in launcher:  # of joblib; -1 is a job a core, -2 leaves one core out
        jobs = launcher["n_jobs"]
        return max(1, cores() // (jobs if jobs > 0 else max(1, cores() + 1 + jobs)))
    if "ray" in launcher:
        return max(1, int(launcher["ray"]["remote"].get("num_cpus") or 1))
    if "submitit_folder" in launcher:
        return launcher.get("cpus_per_task") or 1
    return None


def work_in_folder() -> None:
    """Go to the folder that DERMOSCOPY_FOLDER names; Ray would work in the one from which its cluster was started."""
    os.chdir(os.environ["DERMOSCOPY_FOLDER"])
