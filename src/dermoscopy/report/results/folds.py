"""Out-of-fold predictions: the test images of all folds of an arm and seed, each tested by the network of its fold."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dermoscopy.report.results.arms import short_names
from dermoscopy.runs.tables import JobResults, SweepResults

AXIS = "split.fold"
TITLE = "Out of fold: the test images of all folds together"


@dataclass(frozen=True)
class Folds:
    """Predictions of the folds of an arm and seed on their test images.

    Attributes:
        images: rows of predictions.csv of all folds, with column fold.
        folders: folder of the last stage of each fold that is done.
        missing: the other folds.
        job: one of the jobs that are done.
    """

    arm: str
    seed: int
    images: pd.DataFrame
    folders: dict[int, Path]
    missing: tuple[int, ...]
    job: JobResults


def joined_folds(sweep: SweepResults, once: Sequence[str]) -> list[Folds]:
    """Join the folds of each arm and seed of a sweep; return none if it has no folds.

    Args:
        sweep: to read the predictions of.
        once: columns of predictions.csv that identify a row, so that no two folds share one.

    Raises:
        ValueError: an image was tested in two folds.
    """
    if AXIS not in sweep.axes:
        return []
    folds: dict[tuple[str, int], dict[int, JobResults]] = {}  # by arm and seed
    for job in sweep.done:
        seed, fold = job.record["seed"], job.record["fold"]
        if seed is not None and fold is not None:
            folds.setdefault((job.arm, seed), {})[fold] = job
    return [part for (arm, seed), jobs in folds.items() for part in _join(sweep, arm, seed, jobs, list(once))]


def _join(sweep: SweepResults, arm: str, seed: int, jobs: dict[int, JobResults], once: list[str]) -> Iterator[Folds]:
    """Yield the joined predictions of the done folds of one arm and seed; nothing if no fold left any."""
    tables = {fold: jobs[fold].last.predictions for fold in sorted(jobs)}
    parts = [table.assign(fold=fold) for fold, table in tables.items() if table is not None and {*once} <= {*table}]
    if not parts:
        return
    images = pd.concat(parts, ignore_index=True)
    twice = images[images.duplicated(once)]
    if len(twice):
        raise ValueError(f"image {twice['id'].iloc[0]} was tested in two folds of {arm}, seed {seed}: train them anew")
    tested = [int(fold) for fold in images["fold"].unique()]
    first = next(iter(jobs.values()))
    planned = {*range(first.last.configuration.folds), *(int(fold) for fold in sweep.table["fold"].dropna())}
    missing = tuple(sorted(planned - set(tested)))
    yield Folds(arm, seed, images, {fold: jobs[fold].last.folder for fold in tested}, missing, first)


def folds_lacking(parts: Sequence[Folds], arms: Sequence[str]) -> str:
    """Write in one sentence which folds are missing.

    Args:
        parts: the joined folds.
        arms: all planned arms.
    """
    names, seeds = short_names(list(arms)), sorted({part.seed for part in parts})
    lacking = {(part.arm, part.seed): part.missing for part in parts}
    missing = []
    for arm, seed in itertools.product(names, seeds):
        folds = lacking.get((arm, seed))
        if folds is None:
            missing.append(f"{names[arm]}, seed {seed}: all folds")
        elif folds:
            missing.append(f"{names[arm]}, seed {seed}: fold{'s' * (len(folds) > 1)} {', '.join(map(str, folds))}")
    return f"Missing, with all their images: {'; '.join(missing)}." if missing else "No fold is missing."
