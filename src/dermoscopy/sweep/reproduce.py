"""Reproduction of a finished run: its folder, store and threads, the training, and the comparison."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from dermoscopy.data.store.reader import open_store
from dermoscopy.machine import hardware
from dermoscopy.machine.files import new_folder, read_json, shown_path, write_json
from dermoscopy.machine.leases import lease
from dermoscopy.runs.files import COMPARISON, REPRODUCED, REPRODUCTION
from dermoscopy.runs.recorded import FinishedStage
from dermoscopy.runs.records import now
from dermoscopy.runs.stage import Stage
from dermoscopy.sweep.circumstances import print_circumstances
from dermoscopy.sweep.compare import compare_stage, print_parts, verdict, write_comparison
from dermoscopy.training.stages import Build, run_stages


class Retraining(NamedTuple):
    """The stages of a run, to be trained again.

    Attributes:
        stages: the stages, each in its own folder.
        build: builds the data, the task and the trainer of a stage.
        keys: key that each stage has with the present code and files.
    """

    stages: list[Stage]
    build: Build
    keys: list[str]


def threads_of(run: Sequence[FinishedStage], threads: object) -> list[int]:
    """Return the number of threads for each stage: that of the original training unless another number is given.

    Raises:
        ValueError: `threads` is not a positive integer.
    """
    if threads is None:
        return [stage.threads for stage in run]
    if not isinstance(threads, int) or threads < 1:
        raise ValueError(f"threads must be a whole number of at least 1, got {threads}")
    return [threads] * len(run)


def check_store(finished: FinishedStage, path: Path) -> None:
    """Check that a store is the one that the stage was trained on.

    Raises:
        FileNotFoundError: the store does not exist.
        ValueError: its content differs.
    """
    stage, then = finished.recorded, finished.recorded.fingerprint
    height, width = stage.stored_size
    make = f"python prepare.py data={stage.data.name} data.raw={stage.data.raw or 'DIR'}"
    advice = f"name it with store=FILE, or make it: {make} data.size=[{height},{width}] data.fit={stage.fit}"
    if not path.is_file():
        raise FileNotFoundError(f"no store {path}: {advice}")
    if (now := open_store(path).fingerprint) != then:
        raise ValueError(f"{path} has the fingerprint {now[:12]}, but the run was trained on {then[:12]}: {advice}")


def facts_of(run: Sequence[FinishedStage], threads: Sequence[int]) -> dict[str, object]:
    """Return the entries of a reproduction's record that identify it: the run and the numbers of threads."""
    return {"run": run[-1].key, "threads": list(threads)}


def choose_folder(root: Path, facts: Mapping[str, object], out: Path | None = None) -> Path:
    """Return the folder of a reproduction: the latest unfinished one with these facts, else a new one.

    Args:
        root: folder of the reproductions of this run; a new folder in it is named by the time.
        facts: see `facts_of`.
        out: folder requested by the user: new, empty, or with a reproduction of the same facts.

    Raises:
        ValueError: `out` has other content.
    """
    if out is not None:
        record = out / REPRODUCTION
        if not record.is_file() and (out.is_file() or (out.is_dir() and any(out.iterdir()))):
            raise ValueError(f"out={out} is not an empty folder and holds no reproduction: give another one")
        if record.is_file() and not facts.items() <= read_json(record).items():
            raise ValueError(f"out={out} holds a reproduction of another run or with other threads: give another one")
        return out
    for record in sorted(root.glob(f"*/{REPRODUCTION}"), reverse=True):
        content = read_json(record)
        if content["ended"] is None and facts.items() <= content.items():
            return record.parent
    return new_folder(root)


def reproductions_of(last: FinishedStage) -> Path:
    """Return the folder of all reproductions of the run that ends with this stage."""
    return last.recorded.folder.parent / REPRODUCED / last.key


def reproduce(run: Sequence[FinishedStage], again: Retraining, threads: Sequence[int], out: Path) -> bool:
    """Train a run again, compare every number, print and write the verdict.

    Args:
        run: the original stages.
        again: the same stages, to be trained in `out`.
        threads: number of threads of each stage.
        out: folder of the reproduction.

    Returns:
        Whether all values agree to the last digit.

    Raises:
        ValueError: another process is reproducing the run in this folder.
    """

    def refuse() -> None:
        raise ValueError(f"this run is being reproduced already, in {shown_path(out)}")

    last, facts = run[-1], facts_of(run, threads)
    with lease(out, refuse):
        machine = hardware.claim(threads[-1], last.recorded.accelerator)["hardware"]
        print(f"training {shown_path(last.recorded.folder)} again, in {shown_path(out)}", flush=True)
        print_circumstances(run, machine, threads, again.keys)
        write_json(out / REPRODUCTION, facts | {"ended": None})
        run_stages(again.stages, again.build, [])
        parts = [
            part
            for first, second in zip(run, again.stages, strict=True)
            for part in compare_stage(first.recorded, second.folder, tested=first is last and last.tested is not None)
        ]
        table = write_comparison(parts, out / COMPARISON)
        write_json(out / REPRODUCTION, facts | {"ended": now(), "verdict": verdict(parts)})
    print_parts(parts)
    print(f"{verdict(parts)}; every one: {shown_path(table)}")
    return not any(part.differing for part in parts)
