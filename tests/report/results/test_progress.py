"""Progress of a sweep and its time left, compared with cases computed by hand."""

import json
from collections.abc import Callable
from pathlib import Path

from dermoscopy.report.results.progress import JobProgress, StageProgress, read_progress, run_seconds_left, seconds_left
from dermoscopy.runs.tables import load_sweep

MakeRuns = Callable[..., Path]
MakeSweep = Callable[..., Path]
AXES = {"zeroing": ["everything", "nothing"], "seed": ["0", "1"]}
BASE, MASKS = (StageProgress(name, "missing", epochs=20) for name in ("base", "masks"))  # of jobs that have not begun


def job(number: int, arm: str, seed: int, status: str, *stages: StageProgress) -> JobProgress:
    return JobProgress(number, arm, (seed,), status, stages)


def over(name: str, key: str, seconds: float, state: str = "done") -> StageProgress:
    return StageProgress(name, state, key, 10, 10, seconds=seconds)


def begun(name: str, key: str, epoch: int, pace: float | None, state: str = "running") -> StageProgress:
    return StageProgress(name, state, key, 10, epoch, pace=pace)


def test_a_missing_stage_takes_the_mean_time_of_the_stages_with_its_name() -> None:
    jobs = [
        job(0, "a", 0, "done", over("base", "b0", 30), over("masks", "a0", 100)),
        job(1, "a", 1, "done", over("base", "b1", 50), over("masks", "a1", 140)),
        job(2, "b", 0, "missing", BASE, MASKS),
    ]
    assert seconds_left(jobs) == 40 + 120
    assert seconds_left(jobs[:2]) == 0


def test_a_stage_that_arms_share_counts_once_per_seed() -> None:
    first = job(0, "a", 0, "done", over("base", "b0", 30), over("masks", "a0", 100))
    second = job(1, "b", 0, "done", over("base", "b0", 30, "reused"), over("masks", "c0", 100))
    third = job(2, "c", 0, "missing", BASE, MASKS)  # seed 0 has its base
    assert seconds_left([first, second, third]) == 100
    others = [job(3, "a", 1, "missing", BASE, MASKS), job(4, "b", 1, "missing", BASE, MASKS)]  # seed 1 needs one base
    assert seconds_left([first, second, third, *others]) == 100 + 30 + 2 * 100
    assert seconds_left([first, third]) == 30 + 100  # not known to be shared yet


def test_a_running_stage_continues_at_its_pace_and_parallel_jobs_share_the_work() -> None:
    done = job(0, "a", 0, "done", over("base", "b0", 30), over("masks", "a0", 100))
    running = job(1, "a", 1, "running", over("base", "b1", 30), begun("masks", "a1", 4, 20))
    missing = job(2, "a", 2, "missing", BASE, MASKS)
    assert seconds_left([done, running]) == 6 * 20
    assert seconds_left([done, running, missing]) == 6 * 20 + 130
    just = job(3, "a", 3, "running", begun("base", "b3", 0, None), MASKS)  # no epoch yet: the mean of its stage
    assert seconds_left([done, running, missing, just]) == (6 * 20 + 130 + 130) / 2


def test_jobs_that_wait_for_the_same_stage_count_it_once() -> None:
    done = job(0, "a", 0, "done", over("base", "b0", 30), over("masks", "a0", 100))
    two = [job(n, arm, 1, "running", begun("base", "b1", 5, 4), MASKS) for n, arm in ((1, "a"), (2, "b"))]
    assert seconds_left([done, *two]) == 5 * 4 + 100  # of each, at the same time
    more = [job(n, "c", n, "missing", BASE, MASKS) for n in (3, 4)]
    assert seconds_left([done, *two, *more]) == (5 * 4 + 2 * 100 + 2 * 130) / 2


def test_failed_jobs_count_only_while_no_job_runs() -> None:
    done = job(0, "a", 0, "done", over("masks", "a0", 100))
    failed = job(1, "a", 1, "failed", begun("masks", "a1", 4, 10, "failed"))
    running = job(2, "a", 2, "running", begun("masks", "a2", 4, 20))
    assert seconds_left([done, failed]) == 6 * 10
    assert seconds_left([done, failed, running]) == 6 * 20


def test_times_of_stages_trained_in_this_sweep_come_before_those_of_reused_stages() -> None:
    missing = job(2, "a", 2, "missing", MASKS)
    reused = job(0, "a", 0, "done", over("masks", "a0", 500, "reused"))
    assert seconds_left([reused, missing]) == 500
    assert seconds_left([reused, job(1, "a", 1, "done", over("masks", "a1", 100)), missing]) == 100


def test_the_time_left_is_unknown_before_the_first_batches_and_then_follows_the_pace_of_the_first_epoch() -> None:
    assert seconds_left([job(0, "a", 0, "missing", MASKS)]) is None
    assert seconds_left([job(0, "a", 0, "running", begun("base", "b0", 0, None), MASKS)]) is None
    assert seconds_left([job(0, "a", 0, "running", begun("base", "b0", 0, 5), MASKS)]) == 10 * 5 + 20 * 5
    assert seconds_left([job(0, "a", 0, "running", begun("base", "b0", 3, 5), MASKS)]) == 7 * 5 + 20 * 5


def test_jobs_that_will_run_at_a_time_share_the_work_but_none_takes_less_than_its_own_stages() -> None:
    done = job(0, "a", 0, "done", over("base", "b0", 30), over("masks", "a0", 100))
    left = [job(n, "a", n, "missing", BASE, MASKS) for n in (1, 2, 3)]
    assert seconds_left([done, *left]) == 3 * 130
    assert seconds_left([done, *left], processes=2) == 3 * 130 / 2
    assert seconds_left([done, *left], processes=64) == 130


def test_the_time_left_of_a_run_is_that_of_its_own_stages() -> None:
    done = job(0, "a", 0, "done", over("base", "b0", 30), over("masks", "a0", 100))
    running = job(1, "a", 1, "running", begun("base", "b1", 4, 5), MASKS)
    missing = job(2, "a", 2, "missing", BASE, MASKS)
    assert [run_seconds_left([done, running, missing], number) for number in range(3)] == [0, 6 * 5 + 100, 130]
    assert run_seconds_left([missing], 2) is None


def test_a_stage_never_finished_is_estimated_from_running_ones_or_else_from_the_epochs_of_others() -> None:
    base, missing = over("base", "b0", 30), job(1, "a", 1, "missing", BASE, MASKS)
    assert seconds_left([job(0, "a", 0, "running", base, begun("masks", "a0", 0, None))]) == 10 * 3
    waiting = [job(0, "a", 0, "interrupted", base, MASKS), missing]
    assert seconds_left(waiting) == 20 * 3 + 30 + 20 * 3  # 20 epochs, and base took 3 s per epoch
    running = [job(0, "a", 0, "running", base, begun("masks", "a0", 4, 7)), missing]
    assert seconds_left(running) == 6 * 7 + 30 + 10 * 7


def test_the_stages_of_a_sweep_are_read_in_every_state(make_sweep: MakeSweep) -> None:
    jobs = read_progress(load_sweep(make_sweep(AXES, ["reused", "running", "killed", "missing"])))
    assert [(progress.arm, progress.repeat, progress.status) for progress in jobs] == [
        ("zeroing=everything", (0,), "done"),
        ("zeroing=everything", (1,), "running"),
        ("zeroing=nothing", (0,), "interrupted"),
        ("zeroing=nothing", (1,), "missing"),
    ]
    states = [[stage.state for stage in progress.stages] for progress in jobs]
    assert states == [["reused", "reused"], ["done", "running"], ["done", "interrupted"], ["missing", "missing"]]
    masks = jobs[1].stages[1]
    assert (masks.name, masks.epoch, masks.epochs, masks.pace) == ("masks", 3, 10, 10.0)
    # the rest of masks twice, all of masks of the last job; base of seed 1 is done: 70 + 70 + 110, one job running
    assert seconds_left(jobs) == 250


def test_repeats_hold_only_what_is_swept(make_sweep: MakeSweep) -> None:
    axes = {"seed": ["3"], "split.fold": ["0", "1"]}
    assert [progress.repeat for progress in read_progress(load_sweep(make_sweep(axes, ["done", "missing"])))] == [
        (3, 0),
        (3, 1),
    ]
    alone = read_progress(load_sweep(make_sweep({"zeroing": ["everything", "nothing"]}, ["done", "missing"], "arms")))
    assert [progress.repeat for progress in alone] == [(), ()]


def test_a_failure_before_or_after_the_stages_of_a_job_is_marked(make_sweep: MakeSweep) -> None:
    folder = make_sweep(AXES, ["done", "done", "failed", "failed"])
    early, late = (folder / str(number) / "job.json" for number in (2, 3))
    early.write_text(json.dumps({k: v for k, v in json.loads(early.read_text()).items() if k != "stages"}))
    last = json.loads(late.read_text())["stages"][1]["key"]
    (folder.parents[1] / last / "result.json").write_text(json.dumps({"seconds": 1.0, "epochs": 10, "metrics": {}}))
    jobs = read_progress(load_sweep(folder))
    states = [[stage.state for stage in progress.stages] for progress in jobs[2:]]
    assert states == [["failed", "missing"], ["done", "failed"]]
    assert jobs[3].stages[1].epoch == 10
    assert seconds_left(jobs) == 110  # masks of job 2 alone
