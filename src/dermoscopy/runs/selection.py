"""Single runs, or whole sweeps by their folders, chosen for one report by what the user names."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dermoscopy.machine.files import read_json, shown_path
from dermoscopy.runs.files import CONFIG, JOB, SWEEP
from dermoscopy.runs.tables import SweepResults, job_table, load_sweep

LISTED = 8  # most candidates listed in an error
Runs = dict[str, list[tuple[Path, int]]]  # by the key of the last stage: folder of the sweep, number of the job


def load_runs(named: Sequence[str], runs: Path) -> list[SweepResults]:
    """Return the sweeps of the named runs, each with the named jobs only.

    Args:
        named: each the key of a run's last stage or its first characters, or the folder of that stage, of a job or of a
            whole sweep. Of jobs with the same key, those of the latest sweep count.
        runs: folder that contains the folders of the experiments.

    Raises:
        ValueError: no run is named, or one is unknown or ambiguous; the message lists candidates.
    """
    if not named:
        raise ValueError("run=[] names no run: give run=KEY, run=[KEY,KEY] or the folder of a sweep")
    chosen: dict[Path, set[int] | None] = {}
    known = recorded_runs(runs)
    for name in named:
        sweep, number = _find(name, known, runs)
        numbers = chosen.setdefault(sweep.absolute(), set())
        if number is None:
            chosen[sweep.absolute()] = None
        elif numbers is not None:
            numbers.add(number)
    return [_part(load_sweep(folder), numbers) for folder, numbers in chosen.items()]


def recorded_runs(runs: Path, experiment: str = "*") -> Runs:
    """Return the jobs that have begun, by the key of their last stage; of several the one of the latest sweep last.

    Args:
        runs: folder that contains the folders of the experiments.
        experiment: the only one; `*`: all.
    """
    known: Runs = {}
    files = (file for file in runs.glob(f"{experiment}/sweeps/*/*/{JOB}") if file.parent.name.isdecimal())
    for file in sorted(files, key=lambda file: (file.parts[-3], file)):
        try:
            key = read_json(file).get("key")
        except ValueError:  # damaged: a report on its sweep says so
            continue
        if key:
            known.setdefault(str(key), []).append((file.parents[1], int(file.parent.name)))
    return known


def _find(name: str, known: Runs, runs: Path) -> tuple[Path, int | None]:
    """Return the folder of the sweep and the number of the job, None for all its jobs."""
    folder = Path(name)
    if (folder / SWEEP).is_file():
        return folder, None
    if (folder / JOB).is_file() and folder.absolute().name.isdecimal():
        return folder.absolute().parent, int(folder.absolute().name)
    key = name
    if (folder / CONFIG).is_file():
        key, runs = folder.absolute().name, folder.absolute().parents[1]
        of_stage = {own: jobs for own, jobs in recorded_runs(runs, folder.absolute().parent.name).items() if own == key}
        known = of_stage or known
    matching = [own for own in known if own.startswith(key)]
    if len(matching) == 1:
        return known[matching[0]][-1]
    listed = ", ".join(f"{own} ({known[own][-1][0].parents[1].name})" for own in sorted(matching or known)[:LISTED])
    more = len(matching or known) - LISTED
    listed += f" and {more} more" if more > 0 else ""
    if matching:
        raise ValueError(f"run={name} begins the keys of {len(matching)} runs, give one: {listed}")
    raise ValueError(f"run={name} is no run of a job in {shown_path(runs)}; there are: {listed or 'none'}")


def _part(sweep: SweepResults, numbers: set[int] | None) -> SweepResults:
    """Return a sweep with the jobs of these numbers only; None: all."""
    if numbers is None or numbers == {job.number for job in sweep.jobs}:
        return sweep
    jobs = tuple(job for job in sweep.jobs if job.number in numbers)
    return replace(sweep, jobs=jobs, table=job_table(jobs))
