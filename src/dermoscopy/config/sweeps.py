"""The sweep of a command of train.py: begun or continued before Hydra starts its jobs, and ended after them."""

import math
import shlex
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import yaml
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, read_write

from dermoscopy.config.axes import arm_axes, check_sweeper, sweep_axes, whole_numbers
from dermoscopy.config.build import plain
from dermoscopy.config.checks import check_about, check_name, check_repeats, check_stages
from dermoscopy.config.choices import register_choices
from dermoscopy.config.command_line import CONF, SWEEPS, command
from dermoscopy.config.data import prepare_data
from dermoscopy.config.effects import check_training_effects
from dermoscopy.config.jobs import failures
from dermoscopy.config.launchers import check_launcher, share
from dermoscopy.config.references import masks_file
from dermoscopy.config.renamed import check_keys
from dermoscopy.config.stages import SET_BY_PROGRAM
from dermoscopy.config.texts import expand_homes
from dermoscopy.config.tracked import check_tags
from dermoscopy.config.unknown import check_known, dotted
from dermoscopy.config.weights import check_folder, check_weights_of_arms
from dermoscopy.data.store.reader import open_store
from dermoscopy.machine import allocation
from dermoscopy.machine.files import FullDisk
from dermoscopy.machine.leases import LeaseLost
from dermoscopy.machine.messages import fatal_errors
from dermoscopy.machine.parents import ended_by_sigterm
from dermoscopy.runs.files import LOG
from dermoscopy.sweep import plan
from dermoscopy.sweep.session import SweepSession
from dermoscopy.tracking.sweep_run import Place

JOURNAL = "dermoscopy.tracking.journal.Journal"  # of conf/logger/mlflow.yaml
# Keys that are no part of the identity of a sweep: they may change between its start and its continuation, for example
# since the project was moved.
HOW = ("threads", "jobs_per_gpu", "sweep", "about", "trust", "runs", "weights")
DATA_PLACES = ("raw", "store")  # the data counts by its content
TRACKING_PLACES = ("uri", "artifacts")  # what else is recorded may change
RESOLVERS = (len, allocation.processes, allocation.cpus_a_job, allocation.gpus_a_job, allocation.gpus)


class SweepCallback(Callback):
    """Begin or continue the sweep before Hydra starts its jobs; a single run is a sweep of one job.

    Errors end the program here: Hydra would turn them into warnings.
    """

    session: ClassVar[SweepSession | None] = None
    command: ClassVar[str] = ""  # as typed

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Set the folder of a single run."""
        with fatal_errors():
            SweepCallback.session = session = begin(config, {}, alone=True)
            if (count := math.prod(map(len, sweep_axes(config).values()))) > 1:
                print(f"this is 1 of the {count} jobs of the experiment: add -m to train them all")
            with read_write(config):
                config.hydra.run.dir = str(session.folder / "0")

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Set the folder of a sweep; exit if no job is left."""
        with fatal_errors():
            axes = sweep_axes(config)
            SweepCallback.session = session = begin(config, axes, alone=False)
            if session.left == 0:
                print("every job of this sweep is done: nothing to train")
                end("done")
                sys.exit()
            check_weights_of_arms(config, axes)
            decide(config, session)
            if session.record["launcher"] != "basic":
                session.follow()


def decide(config: DictConfig, session: SweepSession) -> None:
    """Decide the number of jobs at a time and the threads of each, and set them for the launcher and for all jobs.

    A sweep that goes on keeps the number of threads with which it began, as other threads round otherwise.
    """
    typed = [override.partition("=")[0] for override in config.hydra.overrides.hydra]
    with read_write(config):
        if config.threads is None:
            config.threads = session.record.get("threads")
        launcher = plain(config.hydra.launcher)
        room = session.left if "hydra.launcher.n_jobs" in typed else _room(config, session.record["plan"])
        decided = share(launcher, session.record["launcher"], config.threads, session.left, room)
        session.note(launcher=decided.name, processes=decided.jobs, threads=decided.threads)
        if decided.jobs is not None:
            config.hydra.launcher = decided.launcher
        config.hydra.sweep.dir = str(session.folder)
        for_jobs = plan.decisions(session.folder, decided.threads)
        config.hydra.overrides.hydra = [*config.hydra.overrides.hydra, *for_jobs]
    if decided.jobs is not None and decided.jobs > 1:
        # joblib replaces a process, between two jobs, whose later jobs need much more memory than its first one.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs were given", UserWarning)
        output = f"their output is in {session.folder}/NUMBER/{LOG}"
        threads = f"{decided.threads} thread{'s' if decided.threads != 1 else ''}"
        print(f"{session.left} jobs to train, {decided.jobs} at a time with {threads} each; {output}", flush=True)


def _room(config: DictConfig, jobs: Sequence[Mapping[str, str]]) -> int:
    """Return how many jobs of a sweep fit into the free memory."""
    swept = [job["data.size"] for job in jobs if job.get("data.size", "").startswith("[")]
    sizes = [config.data.size, *map(yaml.safe_load, swept)]
    batch = config.datamodule.get("batch_size", 1) * max(height * width for height, width in sizes)
    store = Path(str(config.data.store))
    bytes_of_store = store.stat().st_size if store.is_file() else 0
    return int(allocation.free_memory() / allocation.memory_a_job(bytes_of_store, batch))


@contextmanager
def training_command() -> Iterator[None]:
    """Run the block as a command: report errors in one line, and end the sweep together with the block."""
    failures.clear()
    SweepCallback.command = shlex.join(["python", Path(sys.argv[0]).name, *sys.argv[1:]])
    register_choices(CONF)
    for resolver in RESOLVERS:
        OmegaConf.register_new_resolver(resolver.__name__, resolver, use_cache=True, replace=True)
    with command(SWEEPS), ended_by_sigterm():
        try:
            yield
        except BrokenProcessPool as error:
            _end_early()
            raise OSError(
                "the process of a job was killed, perhaps for lack of memory; the same command continues"
            ) from error
        except BaseException:
            _end_early()
            raise
        end("done")


def _end_early() -> None:
    """End an interrupted sweep; if its disk is full as well, the first error is the one to report.

    Raises:
        LeaseLost: another process has taken over, which is why this one was interrupted.
    """
    try:
        end("interrupted")
    except LeaseLost:
        raise
    except OSError as error:
        print(f"the end of this sweep is not recorded: {error}", file=sys.stderr, flush=True)


def begin(config: DictConfig, axes: dict[str, list[str]], alone: bool) -> SweepSession:
    """Begin or continue the sweep of this command.

    Args:
        config: of the sweep.
        axes: the values of each axis.
        alone: whether the command is a single run.
    """
    choices = config.hydra.runtime.choices
    launcher = "basic" if alone else choices["hydra/launcher"]
    check_keys(dotted(config))
    for key in SET_BY_PROGRAM:
        if key in config:
            raise ValueError(f"{key} is set by the program in each stage: leave it out")
    check_known(config, CONF, "train", axes)
    check_stages(config.stages)
    check_training_effects(config, config.hydra.overrides.task, axes)
    expand_homes(config)
    check_folder(config, axes)
    check_name(config.name)
    for seed in whole_numbers(axes["seed"]) if "seed" in axes else [config.seed]:
        check_repeats(seed, None)
    for fold in whole_numbers(axes["split.fold"]) if "split.fold" in axes else [config.split.get("fold")]:
        check_repeats(0, fold)
    about = check_about(choices.get("experiment"), plain(config.about) if "about" in config else None)
    check_launcher(launcher, config.trainer, config.jobs_per_gpu, config.threads)
    check_sweeper(choices["hydra/sweeper"], config.hydra.sweeper._target_)
    fingerprint = None
    if not plan.chooses_data(axes):
        prepare_data(config.data)
        fingerprint = open_store(config.data.store).fingerprint
    conf = [Path(source.path) for source in config.hydra.runtime.config_sources if source.schema == "file"]
    identity = plan.identity(_settings(config, axes), axes, conf, fingerprint)
    jobs = plan.plan_jobs(arm_axes(config, axes) | axes)
    facts = {"experiment": config.name, "command": SweepCallback.command, "launcher": launcher}
    facts |= {"axes": list(axes), "plan": jobs, "jobs": len(jobs), "about": about}
    session = SweepSession(Path(config.runs, config.name, "sweeps"), identity, facts, alone, config.rerun)
    if config.logger._target_ == JOURNAL:
        tracking = plain(config.tracking)
        place = Place(tracking["uri"], config.name, tracking["artifacts"], check_tags(tracking["tags"]))
        session.track(place, config.monitor.metric, config.monitor.mode == "min")
    return session


def _settings(config: DictConfig, axes: dict[str, list[str]]) -> dict[str, Any]:
    """Return the settings that identify the sweep, with unresolved references."""
    names = [str(name) for name in config if name not in ("hydra", *HOW)]
    settings = plain(OmegaConf.masked_copy(config, names), resolve=False)
    settings["tracking"] = {key: settings["tracking"][key] for key in TRACKING_PLACES}
    if not plan.chooses_data(axes):
        settings["data"] = {key: value for key, value in settings["data"].items() if key not in DATA_PLACES}
    if config.datamodule.predicted is not None and "datamodule.predicted" not in axes:  # other masks make another sweep
        settings["datamodule"]["predicted"] = masks_file(str(config.datamodule.predicted), Path(config.runs))
    return settings


def _meaningful() -> float | None:
    """Return the smallest difference that matters on a page, so that the sweep ends with the sentence of its page."""
    value = yaml.safe_load((CONF / "report" / "report.yaml").read_text())["meaningful"]
    return None if value is None else float(value)


def end(status: str) -> None:
    """End the sweep, if it has begun.

    Raises:
        Exception: its only job failed, or its disk is full, or another process has taken over.
        ValueError: a job is not done.
    """
    session, SweepCallback.session = SweepCallback.session, None
    unfinished = session.end(status, _meaningful()) if session else 0
    if session is None or not unfinished or status != "done":
        return
    if whole := [error for error in failures if session.alone or isinstance(error, FullDisk)]:
        raise whole[0]
    count = f"{unfinished} of {session.record['jobs']} jobs"
    did = "failed" if session.record["status"] == "failed" else "were interrupted"
    raise ValueError(f"{count} {did}; the same command trains only those again")
