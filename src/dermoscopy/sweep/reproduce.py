"""A finished run to be trained again: what its record says, and where it is trained anew."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from dermoscopy.data.store.reader import open_store
from dermoscopy.machine.files import read_json, shown_path
from dermoscopy.runs.files import BEST
from dermoscopy.runs.records import JOB, read_sweep
from dermoscopy.runs.stage import finished

RECORD = "reproduction.json"
Row = dict[str, Any]


@dataclass(frozen=True)
class Recorded:
    """A finished stage: folder, resolved configuration, result, and the record of the job that trained it."""

    folder: Path
    config: Row
    result: Row
    job: Row


def read_run(checkpoint: Path) -> list[Recorded]:
    """Return the stages of the run that ends with the stage of this checkpoint, in order.

    Raises:
        ValueError: no job of the experiment names the stage; a stage is not finished.
        FileNotFoundError: a stage has no configuration.
    """
    last = checkpoint.absolute().parent
    jobs = {path.parent: read_json(path) for path in sorted(last.parent.glob(f"sweeps/*/*/{JOB}"))}
    for job in jobs.values():
        keys = [stage["key"] for stage in job.get("stages", ())]
        if last.name in keys:
            return [_recorded(last.parent / key, jobs) for key in keys[: keys.index(last.name) + 1]]
    raise ValueError(
        f"no job in {shown_path(last.parent / 'sweeps')} names the stage {last.name}: the record of its run "
        f"(sweeps/*/*/{JOB} beside the stage) says what came before it, and is needed"
    )


def _recorded(folder: Path, jobs: Mapping[Path, Row]) -> Recorded:
    """Read a stage; of the jobs that name it, the latest that trained it says on what and with how many threads."""
    naming = [(place, stage) for place, job in jobs.items() for stage in job.get("stages", ())]
    naming = [(place, stage) for place, stage in naming if stage["key"] == folder.name]
    place, _ = max(naming, key=lambda pair: (not pair[1].get("reused", True), jobs[pair[0]]["started"]))
    result, config = finished(folder), folder / "config.yaml"
    if result is None or not (folder / BEST).is_file():
        command = read_sweep(place.parent)["command"]
        raise ValueError(f"the stage {shown_path(folder)} is not finished; to finish it: {command}")
    if not config.is_file():
        raise FileNotFoundError(f"{shown_path(folder)} has no config.yaml: copy the whole folder of the stage")
    return Recorded(folder, yaml.safe_load(config.read_text()), result, jobs[place])


def check_store(stage: Recorded, path: Path) -> None:
    """Refuse a store that is not the one the stage was trained on.

    Raises:
        FileNotFoundError: there is none.
        ValueError: its content is another one.
    """
    data, then = stage.config["data"], stage.job["data"]["fingerprint"]
    height, width = data["size"]
    make = f"python prepare.py data={data['name']} data.raw={data['raw'] or 'DIR'}"
    advice = f"name it with store=FILE, or make it: {make} data.size=[{height},{width}] data.fit={data['fit']}"
    if not path.is_file():
        raise FileNotFoundError(f"no store {path}: {advice}")
    if (now := open_store(path).fingerprint) != then:
        raise ValueError(f"{path} has the fingerprint {now[:12]}, but the run learnt from {then[:12]}: {advice}")


def choose_folder(root: Path, plan: Mapping[str, Any], out: Path | None = None) -> Path:
    """Return the folder of a reproduction: the latest of this plan that is not over, else a new one named by the time.

    Args:
        root: of the reproductions of this run.
        plan: part of their record that says what is trained, and how.
        out: the folder that the user wants; new, empty, or of the same plan.

    Raises:
        ValueError: ``out`` holds something else.
    """
    if out is not None:
        found = out / RECORD
        if not found.is_file() and (out.is_file() or (out.is_dir() and any(out.iterdir()))):
            raise ValueError(f"out={out} is not an empty folder and holds no reproduction: give another one")
        if found.is_file() and not plan.items() <= read_json(found).items():
            raise ValueError(f"out={out} holds a reproduction of another run or with other threads: give another one")
        return out
    for found in sorted(root.glob(f"*/{RECORD}"), reverse=True):
        record = read_json(found)
        if record["ended"] is None and plan.items() <= record.items():
            return found.parent
    return root / datetime.now(UTC).astimezone().strftime("%Y-%m-%d_%H-%M-%S")
