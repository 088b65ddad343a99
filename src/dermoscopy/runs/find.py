"""Lookup of runs by key, folder, checkpoint or MLflow run id."""

import glob
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from dermoscopy.machine.files import read_json
from dermoscopy.runs.files import BEST, CONFIG, JOB, SWEEP
from dermoscopy.tracking.addresses import address, check_address, database

LISTED = 8  # most candidates listed in an error


MLFLOW_RUN = re.compile("[0-9a-f]{32}")


def find_checkpoints(named: Sequence[str], runs: Path, uri: str) -> list[Path]:
    """Return the checkpoint of each run; the folder of a sweep stands for all its jobs.

    Args:
        named, runs, uri: as for `find_checkpoint`; `named` may also hold folders of sweeps.

    Raises:
        ValueError: no run is named, or a stage twice, or a job of a sweep has no trained stage.
        FileNotFoundError: a stage has no checkpoint.
    """
    checkpoints = [find_checkpoint(run, runs, uri) for name in named for run in _jobs(name)]
    if not checkpoints:
        raise ValueError("run=[] names no run: give run=ID, run=[ID,ID] or the folder of a sweep")
    paths = [path.resolve() for path in checkpoints]
    if twice := [path for path in paths if paths.count(path) > 1]:
        raise ValueError(f"run names {twice[0]} more than once: name every run once")
    return checkpoints


def _jobs(run: str) -> list[str]:
    """Return the folders of the jobs if the run is the folder of a sweep, else the run itself."""
    if not Path(run, SWEEP).is_file():
        return [run]
    jobs = sorted((path.parent for path in Path(run).glob(f"*/{JOB}")), key=lambda job: (len(job.name), job.name))
    if not jobs:
        raise ValueError(f"run={run} is a sweep in which no job has begun")
    return [str(job) for job in jobs]


def find_checkpoint(run: str, runs: Path, uri: str) -> Path:
    """Return the checkpoint of a run.

    Args:
        run: key of a stage or its first characters, folder of a stage or of a job, checkpoint file, or MLflow run id.
        runs: folder that contains the folders of the experiments.
        uri: of the MLflow tracking store, opened only for a run id.

    Raises:
        ValueError: no stage or more than one has that name; the message lists candidates.
        FileNotFoundError: the stage has no checkpoint.
    """
    path = Path(run)
    if path.is_file():
        return path
    if path.is_dir():
        return _in_folder(path)
    # Stages with the same key in two experiments are the same training, so either is right.
    trained = {path.parent.name: path for path in sorted(runs.glob(f"*/*/{BEST}"))}
    key = (MLFLOW_RUN.fullmatch(run) and _tracked_key(uri, run)) or run
    matching = {name: path for name, path in trained.items() if name.startswith(key)}
    if len(matching) > 1:
        candidates = _candidates(matching.values())
        raise ValueError(f"run={run} begins the keys of {len(matching)} stages, give one: {candidates}")
    if not matching:
        name = f"run={run}" if key == run else f"run={run} (stage {key})"
        if begun := [path for path in sorted(runs.glob(f"*/{glob.escape(key)}*")) if (path / CONFIG).is_file()]:
            raise FileNotFoundError(f"{name}: {begun[0]} has no {BEST}, it was deleted or not yet written")
        if not runs.is_dir():
            place = f"there is no folder {runs.absolute()}: add runs=DIR, or start in the folder that has runs/"
            raise FileNotFoundError(f"{name} names no file and no folder, and {place}")
        available = _candidates(trained.values())
        raise ValueError(
            f"{name} names no file, no folder and no trained stage in {runs.resolve()}; there are: {available}"
        )
    return matching.popitem()[1]


def _in_folder(folder: Path) -> Path:
    """Return the checkpoint in the folder of a stage, or that of the last stage of the job in the folder."""
    stage, job = folder, folder / JOB
    if job.is_file():
        record = read_json(job)
        if "key" not in record:
            raise ValueError(f"run={folder} is a job without a trained stage, its status is {record['status']}")
        stage = folder.resolve().parents[2] / record["key"]
    if not (stage / BEST).is_file():
        below = _candidates(sorted(folder.glob(f"**/{BEST}")))
        raise FileNotFoundError(
            f"run={folder}: no {BEST} in {stage}, it was deleted or not yet written; stages below it: {below}"
        )
    return stage / BEST


def _tracked_key(uri: str, run: str) -> str | None:
    """Return the stage key in the tags of an MLflow run, None if there is no such run.

    Raises:
        ValueError: `uri` is no address.
    """
    file = database(check_address(uri))
    if file and not file.is_file():  # the client would create an empty one
        return None
    from mlflow import MlflowClient  # noqa: PLC0415  (takes three seconds, needed only here)
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    try:
        return MlflowClient(address(uri)).get_run(run).data.tags.get("key")
    except MlflowException:
        return None


def _candidates(checkpoints: Iterable[Path]) -> str:
    folders = [str(path.parent) for path in checkpoints]
    more = f" and {len(folders) - LISTED} more" if len(folders) > LISTED else ""
    return (", ".join(folders[:LISTED]) or "none") + more
