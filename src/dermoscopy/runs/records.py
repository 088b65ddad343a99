"""Records of sweeps, jobs and stages; which sweep a command continues, and whether it is complete."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NotRequired, TypedDict, cast

from dermoscopy.machine.files import new_folder, read_json, remove_parts, write_json
from dermoscopy.machine.leases import held
from dermoscopy.runs.files import JOB, RESULT, STOP, SWEEP
from dermoscopy.runs.input_records import InitialWeightsRecord, PredictedMasksRecord


class SweepRecord(TypedDict):
    """Content of `sweep.json`.

    Attributes:
        id: name of the sweep's folder.
        identity: hash that is equal for the same command on the same data, see `dermoscopy.sweep.plan.identity`.
        axes: keys that are swept.
        plan: values of the axes for each job, in the order of the jobs' numbers; also of those with one value that
            tell the arm, see `dermoscopy.config.axes.arm_axes`.
        jobs: number of jobs.
        started, resumed, ended: first start, latest start and latest end (ISO 8601, UTC).
        status: running, done, failed or interrupted.
        about: question, command, cost, expectation and primary_metric of the experiment; empty without one.
        parent_run: id of the sweep's own run in MLflow, if it is tracked.
        arm_runs: ids of the runs of its arms there.
        threads: CPU threads of a job, decided when the sweep began; None: torch decides.
        processes: number of jobs at a time since the latest start; None: the launcher knows.
    """

    id: str
    identity: str
    experiment: str
    command: str
    launcher: str
    axes: list[str]
    plan: list[dict[str, str]]
    jobs: int
    started: str
    resumed: str
    ended: str | None
    status: str
    parent_run: str | None
    arm_runs: NotRequired[dict[str, str | None]]
    about: NotRequired[dict[str, str]]
    threads: NotRequired[int | None]
    processes: NotRequired[int | None]


class StageRecord(TypedDict):
    """A stage in the record of its job; the optional entries are added when the job is done.

    Attributes:
        folder: of the stage, relative to the folder in which the training was started.
        epochs: planned number of epochs, after the training the actual number.
        precision: of the training steps; absent from records of older versions.
        reused: whether an earlier job had trained it.
        seconds: duration of its training, also if it was reused.
    """

    name: str
    key: str
    folder: str
    epochs: int
    precision: NotRequired[str]
    reused: NotRequired[bool]
    best_epoch: NotRequired[int]
    seconds: NotRequired[float]


class DataRecord(TypedDict):
    """The data of a job: its store and, once it is done, the number of images per subset and the label leakage.

    Attributes:
        size: height and width of the store's images.
        label_leakage: labels that follow from whether a mask is empty, each with the mask.
    """

    name: str
    fingerprint: str
    size: list[int]
    train: NotRequired[int]
    val: NotRequired[int]
    test: NotRequired[int]
    label_leakage: NotRequired[dict[str, str]]


class JobRecord(TypedDict):
    """Content of `job.json`.

    Attributes:
        arm, axes, seed, fold: what the job trains; the seed is None only for a job that has not begun.
        status: running, done, failed or interrupted; of a job read from disk also missing or unreadable.
        error: message in one line.
        stages, key: stages of the run, and the key of the last one.
        reused: whether every stage had been trained before.
        metrics: `best/...` and `test/...`; None is undefined.
        seconds: duration of the job.
        predicted_masks: what is known of them; None if the job has none.
        initial_weights: of each part of the network.
        warnings: warnings and remarks of its stages, each once; absent if a stage has not recorded its own.
    """

    experiment: str
    arm: str
    axes: dict[str, str]
    seed: int | None
    fold: int | None
    status: str
    error: str | None
    commit: NotRequired[str | None]
    dirty: NotRequired[bool]
    pid: NotRequired[int]
    host: NotRequired[str]
    started: NotRequired[str]
    ended: NotRequired[str | None]
    data: NotRequired[DataRecord]
    hardware: NotRequired[str]
    threads: NotRequired[int]
    key: NotRequired[str]
    stages: NotRequired[list[StageRecord]]
    reused: NotRequired[bool]
    metrics: NotRequired[dict[str, float | None]]
    seconds: NotRequired[float]
    predicted_masks: NotRequired[PredictedMasksRecord | None]
    initial_weights: NotRequired[list[InitialWeightsRecord]]
    warnings: NotRequired[list[str]]


class StageResult(TypedDict):
    """Content of a stage's `result.json`.

    Attributes:
        metrics: `best/...` and, of a stage that was tested, `test/...`; NaN, which is null in the file, is undefined.
        tested: mask conditions or TTA of the test; None: it was not tested.
        images: number of images per subset.
        parameters, trainable: numbers of parameters of the task in this stage.
        sha256: of the best checkpoint.
        lr: result of the learning-rate finder, if it was used.
        warnings: warnings and remarks of its training and test, each once.
    """

    key: str
    stage: str
    epochs: int
    best_epoch: int
    metrics: dict[str, float]
    tested: list[str] | None
    images: dict[str, int]
    label_leakage: dict[str, str]
    parameters: int
    trainable: int
    seconds: float
    sha256: str
    code: dict[str, str | bool | None]
    lr: NotRequired[float]
    warnings: NotRequired[list[str]]


def now() -> str:
    """Return the present time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def find_or_make(root: Path, identity: str, rerun: bool = False) -> Path:
    """Return the folder of the latest sweep with this identity, else a new folder named by the time.

    Args:
        root: `runs/<experiment>/sweeps`.
        identity: of the sweep, see `SweepRecord`.
        rerun: whether a sweep that is done is begun anew instead of continued.
    """
    for record in sorted(root.glob(f"*/{SWEEP}"), reverse=True):
        latest = read_json(record)
        if latest.get("identity") == identity:
            if rerun and latest["status"] == "done":
                break
            return record.parent
    return new_folder(root)


def start_sweep(folder: Path, facts: Mapping[str, object]) -> tuple[str | None, SweepRecord]:
    """Write the record of a sweep that begins or continues; the time of its first start and its parent run are kept.

    Args:
        folder: of the sweep.
        facts: entries of the record.

    Returns:
        The earlier status, None if the sweep begins, and the record.
    """
    (folder / STOP).unlink(missing_ok=True)
    remove_parts(folder)
    earlier = read_sweep(folder) if (folder / SWEEP).is_file() else None
    record: Mapping[str, object] = earlier or {"started": now(), "parent_run": None}
    record = {**record, "id": folder.name, **facts, "resumed": now(), "ended": None, "status": "running"}
    write_json(folder / SWEEP, record)
    return earlier and earlier["status"], cast(SweepRecord, record)


def end_sweep(folder: Path, record: SweepRecord) -> None:
    """Write the record of a sweep that has ended; its status is done, failed or interrupted."""
    record["ended"] = now()
    write_json(folder / SWEEP, record)


def read_sweep(folder: Path) -> SweepRecord:
    """Return the record of the sweep in this folder."""
    return cast(SweepRecord, read_json(folder / SWEEP))


def read_jobs(folder: Path) -> dict[int, JobRecord]:
    """Return the records of the jobs that have begun, by number."""
    return {int(path.parent.name): read_job(path.parent) for path in folder.glob(f"*/{JOB}")}


def read_job(folder: Path) -> JobRecord:
    """Return the record of the job in this folder; a job whose process was killed counts as interrupted."""
    record = cast(JobRecord, read_json(folder / JOB))
    if record["status"] == "running" and not held(folder):
        record["status"] = "interrupted"
    return record


def jobs_left(folder: Path) -> int:
    """Return the number of jobs of the sweep in this folder that are not done, or whose stages no longer exist."""
    runs = folder.parent.parent
    done = [
        job["status"] == "done" and all((runs / stage["key"] / RESULT).is_file() for stage in job["stages"])
        for job in read_jobs(folder).values()
    ]
    return read_sweep(folder)["jobs"] - sum(done)


def stop(folder: Path) -> None:
    """Prevent further jobs of a sweep from beginning, unless its disk has no room even for an empty file."""
    with suppress(OSError):
        (folder / STOP).touch()


def stopped(folder: Path) -> bool:
    """Tell whether `stop` was called for this sweep."""
    return (folder / STOP).exists()
