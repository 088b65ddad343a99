"""The launcher of a sweep: checks of its settings, and the number of threads per job."""

from importlib.util import find_spec

from dermoscopy.config.build import Settings
from dermoscopy.machine.threads import cores

SEVERAL = ("joblib", "ray")  # launchers that can run several jobs per GPU
EXTRAS = {"ray": "ray", "submitit_local": "slurm", "submitit_slurm": "slurm"}  # extras of pyproject.toml


def check_launcher(launcher: str, trainer: Settings, jobs_per_gpu: object, threads: object = None) -> None:
    """Refuse settings that no job could satisfy, before any job starts.

    Args:
        launcher: the choice of hydra/launcher.
        trainer: settings of the trainer.
        jobs_per_gpu, threads: as in the configuration.

    Raises:
        ValueError: a setting is refused; the message says what to use instead.
    """
    for key in ("devices", "num_nodes"):
        if trainer.get(key, 1) != 1:
            raise ValueError(
                f"trainer.{key}={trainer[key]}: a job trains on one device; to use several, run several jobs by "
                "hydra/launcher=joblib on one machine, or hydra/launcher=ray on more"
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


def threads_per_job(threads: int | None, launcher: Settings) -> int | None:
    """Return the number of CPU threads per job; None: the default of torch.

    Args:
        threads: as set by the user, which takes precedence.
        launcher: the configuration hydra.launcher, resolved.
    """
    if threads is not None:
        return threads
    if "n_jobs" in launcher:  # of joblib; -1 is one job per core, -2 leaves out one core
        jobs = launcher["n_jobs"]
        return max(1, cores() // (jobs if jobs > 0 else max(1, cores() + 1 + jobs)))
    if "ray" in launcher:
        return max(1, int(launcher["ray"]["remote"].get("num_cpus") or 1))
    if "submitit_folder" in launcher:
        return launcher.get("cpus_per_task") or 1
    return None
