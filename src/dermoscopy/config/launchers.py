"""The launcher of a sweep: what no job could do is refused, and the threads that it leaves to a job."""

from importlib.util import find_spec

from dermoscopy.config.build import Settings
from dermoscopy.machine.threads import cores

SEVERAL = ("joblib", "ray")  # launchers that put several jobs on a GPU
EXTRAS = {"ray": "ray", "submitit_local": "slurm", "submitit_slurm": "slurm"}  # of pyproject.toml


def check_launcher(launcher: str, trainer: Settings, jobs_per_gpu: object, threads: object = None) -> None:
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


def threads_of_a_job(threads: int | None, launcher: Settings) -> int | None:
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
