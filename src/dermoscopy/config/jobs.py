"""One job of a sweep: the training of those stages of a run that are not trained yet."""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict

from dermoscopy.config.build import build
from dermoscopy.config.checks import check_repeats
from dermoscopy.config.data import open_data, prepare_data
from dermoscopy.config.stages import SET_BY_PROGRAM, Run, check_later_stages
from dermoscopy.config.texts import expand_homes
from dermoscopy.config.tracked import job_run
from dermoscopy.config.trust import trusted
from dermoscopy.config.weights import check_weights
from dermoscopy.machine.files import FullDisk
from dermoscopy.machine.leases import LeaseLost
from dermoscopy.machine.parents import end_with_parent
from dermoscopy.runs.records import read_job, read_sweep, stop, stopped
from dermoscopy.sweep import jobs
from dermoscopy.sweep.follow import describe, progress, time_left
from dermoscopy.sweep.log import log_file
from dermoscopy.sweep.plan import chooses_data

failures: list[Exception] = []  # of the jobs that ran in this process


def run_job(configuration: DictConfig) -> float:
    """Run one job; return the best validation score, which a sweeper may optimise (NaN: the job failed)."""
    hydra = HydraConfig.get()
    expand_homes(configuration)
    check_repeats(configuration.seed, configuration.split.get("fold"))  # an axis may set them by a reference
    folder, alone = Path(hydra.runtime.output_dir), hydra.mode == RunMode.RUN
    if stopped(folder.parent):
        return math.nan
    sweep, index = read_sweep(folder.parent), 0 if alone else hydra.job.num
    axes = given_axes(sweep["plan"], index, () if alone else hydra.overrides.task)
    facts = jobs.job_facts(configuration.name, axes, configuration.seed, configuration.split.get("fold"))
    number = "" if alone else f"{index + 1}/{sweep['jobs']} "
    here = sweep["launcher"] == "basic"  # in the process of the command, on its terminal
    if sweep["launcher"] == "joblib":
        end_with_parent()
    try:
        with log_file(folder, shown=here), jobs.job_record(folder, facts) as (record, before):
            print(f"{number}{facts['arm']}, seed {configuration.seed}", flush=True)
            if chooses_data(sweep["axes"]):
                prepare_data(configuration.data)
            _complete(configuration, folder, record, before, sends=here)
    except LeaseLost:
        raise
    except Exception as error:  # is in the record of the job; Hydra would print it twice, after all jobs
        failures.append(error)
        if here and not alone:
            print(number + describe(read_job(folder), folder), flush=True)
            _tell_progress(folder.parent, sweep["jobs"])
        if configuration.sweep.fail_fast or isinstance(error, FullDisk):  # the next job would find no room either
            stop(folder.parent)
        return math.nan
    if here and not alone and before.get("status") != "done":
        _tell_progress(folder.parent, sweep["jobs"])
    return float(record["metrics"][f"best/{configuration.monitor.metric}"])


def _tell_progress(sweep: Path, jobs: int) -> None:
    print(f"  {progress(sweep, jobs, time_left(sweep))}", flush=True)


def given_axes(plan: Sequence[Mapping[str, str]], index: int, overrides: Sequence[str]) -> dict[str, str]:
    """Return the values of the axes that a job was given.

    Args:
        plan: the values planned for each job.
        index: of the job in the plan.
        overrides: that the job was composed with.

    Raises:
        ValueError: they are not the planned ones, so that a record by the plan would be wrong.
    """
    given, planned = dict(override.partition("=")[::2] for override in overrides), plan[index]
    wrong = [axis for axis, value in planned.items() if axis in given and given[axis] != value]
    if wrong:
        values = ", ".join(f"{axis}={given[axis]} instead of {axis}={planned[axis]}" for axis in wrong)
        raise ValueError(f"job {index} was started with {values}: only hydra/sweeper=basic works, leave others out")
    return dict(planned)


def _complete(configuration: DictConfig, folder: Path, record: jobs.Record, before: jobs.Record, sends: bool) -> None:
    """Train the stages of a job that are missing, and complete its record; `sends`: see `JobRun`."""
    store = open_data(configuration.data)
    record["data"] = {"name": configuration.data.name, "fingerprint": store.fingerprint, "size": list(store.size)}

    def claim() -> None:
        from dermoscopy.machine import hardware  # noqa: PLC0415  (torch, which takes seconds)

        record.update(hardware.claim(configuration.threads, configuration.trainer.accelerator))

    run = Run(configuration, store.fingerprint, folder.parent, claim)
    if jobs.still_done(before, run.stages):
        print("  done before")
        record |= before
        return
    check_later_stages(run.configurations)
    check_weights(run.configurations)
    claim()
    with open_dict(configuration):  # files of a user may refer to settings of a stage, such as ${folder}
        configuration.update(dict.fromkeys(SET_BY_PROGRAM))
    precision = ", ".join(dict.fromkeys(stage.precision for stage in run.stages if stage.precision))
    tracked = job_run(configuration, record, sends, precision)
    jobs.train(folder, run.stages, run.build, build(configuration.logger), record, tracked, _keep_model(configuration))


def _keep_model(configuration: DictConfig) -> Callable[[Path], None] | None:
    """Return what writes a model to serve, None unless it is asked for."""
    if not configuration.tracking.model:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MLflow, on classes of its own
        from dermoscopy.config.served import save_model  # noqa: PLC0415  (MLflow, which takes seconds)

    return partial(save_model, trust=trusted(configuration))
