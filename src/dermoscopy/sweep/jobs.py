"""Jobs of a sweep: their records on disk (job.json, error.txt), and their training and tracking."""

import os
import platform
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dermoscopy.contracts import Logger
from dermoscopy.machine.files import check_held, read_json, remove_parts, write_atomically, write_json, writing
from dermoscopy.machine.leases import LeaseLost, lease
from dermoscopy.machine.messages import reason
from dermoscopy.machine.provenance import commit
from dermoscopy.runs.files import CONFIG, ERROR, JOB, SPLIT
from dermoscopy.runs.initial_weights import initial_weights_record
from dermoscopy.runs.predicted_masks import predicted_masks_record
from dermoscopy.runs.records import now, read_sweep
from dermoscopy.runs.splits import read_split
from dermoscopy.runs.stage import Stage, result_of
from dermoscopy.runs.stage_results import read_configuration
from dermoscopy.runs.tables import arm_name
from dermoscopy.sweep.plan import arm_names
from dermoscopy.sweep.time_left import TimeLeft
from dermoscopy.tracking.job_run import JobRun, describe_run, finish_run
from dermoscopy.tracking.system_metrics import system_metrics

if TYPE_CHECKING:  # importing torch takes seconds, and a finished sweep does not need it
    from dermoscopy.training.stages import Build


Record = dict[str, Any]


def job_facts(experiment: str, axes: dict[str, str], seed: int, fold: int | None) -> Record:
    """Return the entries of a job's record that are known before it starts."""
    commit_hash, dirty = commit()
    facts = {"experiment": experiment, "arm": arm_name(axes, experiment), "axes": axes, "seed": seed, "fold": fold}
    return facts | {"commit": commit_hash, "dirty": dirty}


@contextmanager
def job_record(folder: Path, facts: Mapping[str, Any]) -> Iterator[tuple[Record, Record]]:
    """Hold the job and keep the status in `job.json` current: running, then done, failed or interrupted.

    The traceback of an exception is written to `error.txt`, and the exception is raised again.

    Yields:
        The record, to which the block may add entries, and the record of an earlier start, empty if there is none.
    """
    with lease(folder, lambda: print(f"waiting for the process that still runs this job ({folder})", flush=True)):
        path = folder / JOB
        remove_parts(folder)
        before: Record = read_json(path) if path.is_file() else {}
        record: Record = {**facts, "pid": os.getpid(), "host": platform.node(), "status": "running", "error": None}
        record |= {"started": now(), "ended": None}
        write_json(path, record)
        (folder / ERROR).unlink(missing_ok=True)
        began = time.perf_counter()
        try:
            with writing(folder):  # whatever the job writes: a full disk is named
                yield record, before
        except BaseException as error:
            record |= {"status": "failed" if isinstance(error, Exception) else "interrupted", "error": reason(error)}
            record |= {"seconds": time.perf_counter() - began, "ended": now()}
            _keep_failure(folder, record)
            raise
        record["status"] = "done"
        if record["ended"] is None:
            record |= {"seconds": time.perf_counter() - began, "ended": now()}
        write_json(path, record)


def _keep_failure(folder: Path, record: Record) -> None:
    """Write the record and the traceback of a job that failed, where the disk still has room for them.

    Without them the job counts as interrupted, and what it failed of is raised all the same.

    Raises:
        LeaseLost: another process has taken over, so the record is no longer of this one.
    """
    try:
        write_json(folder / JOB, record)
        write_atomically(folder / ERROR, traceback.format_exc())
    except LeaseLost:
        raise
    except OSError:
        print(f"the failure of this job cannot be recorded in {folder}", file=sys.stderr, flush=True)


def still_done(before: Record, stages: Sequence[Stage]) -> bool:
    """Tell whether an earlier start has finished the job, with all tests that are requested now."""
    last = stages[-1]
    if before.get("status") != "done" or before["key"] != last.key:
        return False
    result = result_of(last)
    return result is not None and last.tested(result)


def train(
    folder: Path,
    stages: Sequence[Stage],
    build: "Build",
    logger: Logger,
    record: Record,
    run: JobRun,
    keep_model: Callable[[Path], object] | None = None,
) -> None:
    """Train the stages of a job that are not trained yet, track the run, and complete the job's record.

    Args:
        folder: of the job.
        stages: of its run, in order.
        build: builds the data, the task and the trainer of a stage.
        logger: a journal for MLflow, or one of Lightning's loggers.
        record: of the job; the key, the stages, the metrics and the numbers of images are added.
        run: what the run has in MLflow beside its record.
        keep_model: writes what can be served into the folder of a trained stage; None: nothing is asked for.
    """
    from dermoscopy.training.stages import run_stages  # noqa: PLC0415  (takes eight seconds, not needed if all is done)

    record |= {"key": stages[-1].key, "stages": [stage.plan for stage in stages]}
    write_json(folder / JOB, record)
    sweep = read_sweep(folder.parent)
    arm = arm_names(sweep["plan"], record["experiment"])[record["arm"]]
    parent = sweep.get("arm_runs", {}).get(record["arm"]) or sweep["parent_run"]
    describe_run(logger, folder, record, run, arm, parent)
    try:
        with system_metrics(logger) if run.system_metrics else nullcontext():
            done = run_stages(stages, build, [logger], TimeLeft(folder))
        result = done[-1].result
        record |= {"stages": [stage.record for stage in done], "reused": all(stage.reused for stage in done)}
        record |= _origins(stages)
        if all("warnings" in stage.result for stage in done):
            record["warnings"] = list(dict.fromkeys(text for stage in done for text in stage.result["warnings"]))
        data = record["data"] | result["images"] | {"label_leakage": result["label_leakage"]}
        record |= {"metrics": result["metrics"], "data": data}
        if keep_model:
            keep_model(done[-1].stage.folder)
        sizes: dict[str, float] = {"parameters": result["parameters"], "trainable": result["trainable"]}
        finish_run(logger, result["metrics"] | sizes, done[-1].stage.folder, result["sha256"])
    except BaseException as error:
        with suppress(OSError):  # of a full disk, or as another process has taken over: the first error is raised
            check_held(folder)
            logger.finalize("failed" if isinstance(error, Exception) else "aborted")
        raise
    logger.finalize("success")


def _origins(stages: Sequence[Stage]) -> Record:
    """Return the entries of a record on the predicted masks and the initial weights of a job."""
    first = max((number for number, stage in enumerate(stages) if stage.own_weights), default=0)
    begun, last = (_settings(stages[number].folder) for number in (first, -1))
    split = stages[-1].folder / SPLIT
    subsets = read_split(split) if split.is_file() else {}
    test = {id for id, subset in subsets.items() if subset == "test"} if subsets else None
    return {
        "predicted_masks": predicted_masks_record(last, subsets),
        "initial_weights": initial_weights_record(begun["network"], test),
    }


def _settings(folder: Path) -> Record:
    return dict(read_configuration(folder / CONFIG).content)
