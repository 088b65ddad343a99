"""Jobs of a sweep: what each leaves on disk (job.json, error.txt), and how one is trained and tracked."""

import os
import platform
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dermoscopy.contracts import Logger
from dermoscopy.machine.files import read_json, remove_parts, write_json
from dermoscopy.machine.leases import lease
from dermoscopy.machine.messages import reason
from dermoscopy.machine.provenance import commit
from dermoscopy.runs.files import ERROR, JOB, LOG
from dermoscopy.runs.records import now, read_sweep
from dermoscopy.runs.stage import Stage, result_of
from dermoscopy.runs.tables import arm_name
from dermoscopy.tracking.job_run import describe_run, finish_run

if TYPE_CHECKING:  # torch takes seconds, and a sweep that is finished needs none of it
    from dermoscopy.training.stages import Build


Record = dict[str, Any]


def job_facts(experiment: str, axes: dict[str, str], seed: int, fold: int | None) -> Record:
    """Return what the record of a job says before it starts."""
    commit_hash, dirty = commit()
    told = {"experiment": experiment, "arm": arm_name(axes, experiment), "axes": axes, "seed": seed, "fold": fold}
    return told | {"commit": commit_hash, "dirty": dirty}


@contextmanager
def log_file(folder: Path) -> Iterator[None]:
    """Let the block print into `log.txt` in the folder of its job."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOG).open("a", buffering=1) as file, redirect_stdout(file), redirect_stderr(file):
        yield


@contextmanager
def job_record(folder: Path, facts: Mapping[str, Any]) -> Iterator[tuple[Record, Record]]:
    """Hold the job and keep `job.json` true while it runs: running, then done, failed or interrupted.

    What goes wrong is kept in `error.txt` and goes on as it came.

    Yields:
        The record, to which the block may add facts, and what it said after an earlier attempt.
    """
    with lease(folder, lambda: print(f"waits for the process that still runs this job ({folder})", flush=True)):
        path = folder / JOB
        remove_parts(folder)
        before: Record = read_json(path) if path.is_file() else {}
        record: Record = {**facts, "pid": os.getpid(), "host": platform.node(), "status": "running", "error": None}
        record |= {"started": now(), "ended": None}
        write_json(path, record)
        (folder / ERROR).unlink(missing_ok=True)
        began = time.perf_counter()
        try:
            yield record, before
            record["status"] = "done"
        except BaseException as error:
            record |= {"status": "failed" if isinstance(error, Exception) else "interrupted", "error": reason(error)}
            (folder / ERROR).write_text(traceback.format_exc())
            raise
        finally:
            if record["ended"] is None:
                record |= {"seconds": time.perf_counter() - began, "ended": now()}
            write_json(path, record)


def still_done(before: Record, stages: Sequence[Stage]) -> bool:
    """Tell whether what an earlier attempt recorded is all that is asked for now."""
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
    parameters: Mapping[str, object],
) -> None:
    """Train what is not yet trained of a job's stages, track it, and complete the job's record.

    Args:
        folder: of the job.
        stages: of its run, in order.
        build: builds the data, the task and the trainer of one of them.
        logger: a journal for MLflow, or one of Lightning's loggers.
        record: of the job; gets the key, the stages, the metrics and the numbers of images.
        parameters: of the run, by path of the configuration.
    """
    from dermoscopy.training.stages import run_stages  # noqa: PLC0415  (eight seconds, and a finished sweep needs none of it)

    record |= {"key": stages[-1].key, "stages": [stage.plan for stage in stages]}
    write_json(folder / JOB, record)
    describe_run(logger, folder, record, parameters, parent=read_sweep(folder.parent)["parent_run"])
    try:
        done = run_stages(stages, build, [logger])
        result = done[-1].result
        record |= {"stages": [stage.record for stage in done], "reused": all(stage.reused for stage in done)}
        data = record["data"] | result["images"] | {"label_leakage": result["label_leakage"]}
        record |= {"metrics": result["metrics"], "data": data}
        sizes: dict[str, float] = {"parameters": result["parameters"], "trainable": result["trainable"]}
        finish_run(logger, result["metrics"] | sizes, done[-1].stage.folder, result["sha256"])
    except Exception:
        logger.finalize("failed")
        raise
    except BaseException:
        logger.finalize("aborted")
        raise
    logger.finalize("success")
