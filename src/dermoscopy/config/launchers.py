"""The launcher of a sweep: checks of its settings, and the numbers of jobs at a time and of threads per job."""

from importlib.util import find_spec
from typing import Any, NamedTuple

from dermoscopy.config.build import Settings
from dermoscopy.machine.threads import cores

SEVERAL = ("joblib", "ray")  # launchers that can run several jobs per GPU
BASIC = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"  # one job after another
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
            f"use hydra/launcher={' or '.join(SEVERAL)} with -m{inside}"
        )
    if launcher in EXTRAS and not find_spec(f"hydra_plugins.hydra_{launcher.split('_')[0]}_launcher"):
        raise ValueError(f"hydra/launcher={launcher} is not installed: pip install -e '.[{EXTRAS[launcher]}]'")


class Share(NamedTuple):
    """What each job of a sweep gets of a machine.

    Attributes:
        launcher: settings of the launcher.
        name: of the launcher; `basic` where joblib would run one job at a time.
        jobs: number of jobs at a time; None: the launcher knows.
        threads: CPU threads of a job; None: torch decides.
    """

    launcher: dict[str, Any]
    name: str
    jobs: int | None
    threads: int | None


def share(launcher: Settings, name: str, threads: int | None, left: int, room: int) -> Share:
    """Decide how many jobs run at a time, and the threads of each.

    Args:
        launcher: the configuration hydra.launcher, resolved.
        name: the choice of hydra/launcher.
        threads: of a job, where they are decided already; None: the cores are shared equally.
        left: number of jobs that are left to train.
        room: number of jobs that fit into the memory.
    """
    settings = dict(launcher)
    if "n_jobs" not in settings:
        return Share(settings, name, 1 if name == "basic" else None, threads or _threads_of(settings))
    jobs = settings["n_jobs"]  # -1 is one job per core, -2 leaves out one core
    jobs = max(1, min(left, room, jobs if jobs > 0 else cores() + 1 + jobs))
    if jobs == 1:  # in the process of the command, so that its epochs are printed
        return Share({"_target_": BASIC}, "basic", 1, threads)
    return Share(settings | {"n_jobs": jobs}, name, jobs, threads or max(1, cores() // jobs))


def _threads_of(launcher: Settings) -> int | None:
    """Return the threads of a job under a launcher that requests cores for it; None: the default of torch."""
    if "ray" in launcher:
        return max(1, int(launcher["ray"]["remote"].get("num_cpus") or 1))
    if "submitit_folder" in launcher:
        return launcher.get("cpus_per_task") or 1
    return None
