"""Runs found by key, folder, checkpoint or MLflow run id."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from dermoscopy.machine.files import read_json
from dermoscopy.runs.files import BEST, JOB, SWEEP
from dermoscopy.tracking.experiment import address

SHOWN = 8  # candidates named in an error


MLFLOW_RUN = re.compile("[0-9a-f]{32}")


def find_checkpoints(named: Sequence[str], runs: Path, uri: str) -> list[Path]:
    """Return the checkpoint of each run, of the folder of a sweep those of all its jobs.

    Args:
        named, runs, uri: as for `find_checkpoint`.

    Raises:
        ValueError: none or one stage twice is named, or a job of a sweep is without a trained stage.
        FileNotFoundError: a stage left no checkpoint.
    """
    found = [find_checkpoint(run, runs, uri) for name in named for run in _jobs(name)]
    if not found:
        raise ValueError("run=[] names no run: give run=ID, run=[ID,ID] or the folder of a sweep")
    paths = [path.resolve() for path in found]
    if twice := [path for path in paths if paths.count(path) > 1]:
        raise ValueError(f"run names {twice[0]} more than once: name every run once")
    return found


def _jobs(run: str) -> list[str]:
    """The folders of the jobs, if a run is the folder of a sweep."""
    if not Path(run, SWEEP).is_file():
        return [run]
    jobs = sorted((path.parent for path in Path(run).glob(f"*/{JOB}")), key=lambda job: (len(job.name), job.name))
    if not jobs:
        raise ValueError(f"run={run} is a sweep in which no job has begun")
    return [str(job) for job in jobs]


def find_checkpoint(run: str, runs: Path, uri: str) -> Path:
    """Return the checkpoint that a run names.

    Args:
        run: key of a stage or how one begins, folder of a stage or of a job, checkpoint file, or MLflow run id.
        runs: folder of the experiments' folders.
        uri: of the MLflow tracking store, opened only for a run id.

    Raises:
        ValueError: nothing, or more than one stage, goes by that name; lists candidates.
        FileNotFoundError: the stage left no checkpoint.
    """
    given = Path(run)
    if given.is_file():
        return given
    if given.is_dir():
        return _in_folder(given)
    # Stages of one key in two experiments are one and the same training: either will do.
    trained = {path.parent.name: path for path in sorted(runs.glob(f"*/*/{BEST}"))}
    key = (MLFLOW_RUN.fullmatch(run) and _tracked_key(uri, run)) or run
    found = {name: path for name, path in trained.items() if name.startswith(key)}
    if len(found) > 1:
        raise ValueError(f"run={run} begins the keys of {len(found)} stages, give one: {_candidates(found.values())}")
    if not found:
        name = f"run={run}" if key == run else f"run={run} (stage {key})"
        available = _candidates(trained.values())
        raise ValueError(f"{name} names no file, no folder and no trained stage in {runs}; there are: {available}")
    return found.popitem()[1]


def _in_folder(folder: Path) -> Path:
    """The checkpoint of a stage's folder, or of the last stage of a job's."""
    stage, job = folder, folder / JOB
    if job.is_file():
        record = read_json(job)
        if "key" not in record:
            raise ValueError(f"run={folder} is a job without a trained stage, its status is {record['status']}")
        stage = folder.resolve().parents[2] / record["key"]
    if not (stage / BEST).is_file():
        below = _candidates(sorted(folder.glob(f"**/{BEST}")))
        raise FileNotFoundError(f"run={folder}: no {BEST} in {stage}; stages below it: {below}")
    return stage / BEST


def _tracked_key(uri: str, run: str) -> str | None:
    """The key that an MLflow run is tagged with; None if there is no such run."""
    database = address(uri).removeprefix("sqlite:///")
    if database != address(uri) and not Path(database).is_file():  # the client would make an empty one
        return None
    from mlflow import MlflowClient  # noqa: PLC0415  (three seconds, and only where it is used)
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    try:
        return MlflowClient(address(uri)).get_run(run).data.tags.get("key")
    except MlflowException:
        return None


def _candidates(checkpoints: Iterable[Path]) -> str:
    folders = [str(path.parent) for path in checkpoints]
    more = f" and {len(folders) - SHOWN} more" if len(folders) > SHOWN else ""
    return (", ".join(folders[:SHOWN]) or "none") + more
