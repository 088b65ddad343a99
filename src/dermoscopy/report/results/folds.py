"""The test images of all folds of an arm and seed joined: each was tested once, by a network that has not seen it."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dermoscopy.report.results.arms import short_names
from dermoscopy.runs.tables import Sweep, configuration, last_stage, predictions

AXIS = "split.fold"
TABLE = "out_of_fold.csv"
TITLE = "### Out of fold: all test images together"


@dataclass(frozen=True)
class Folds:
    """What the folds of an arm and seed left of their test images.

    Attributes:
        images: rows of predictions.csv of all folds, with column fold.
        folders: of the last stage of each fold that is done.
        missing: the other folds.
        job: number of one of the jobs that are done.
    """

    arm: str
    seed: int
    images: pd.DataFrame
    folders: dict[int, Path]
    missing: tuple[int, ...]
    job: int


def joined_folds(sweep: Sweep, once: Sequence[str]) -> list[Folds]:
    """Join the folds of each arm and seed of a sweep that has folds.

    Args:
        once: columns of predictions.csv whose values together no two rows may share.

    Raises:
        ValueError: an image was tested in two folds.
    """
    if AXIS not in sweep.axes:
        return []
    done = sweep.jobs[(sweep.jobs["status"] == "done") & sweep.jobs["fold"].notna()]
    return [part for _, jobs in done.groupby(["arm", "seed"], sort=False) for part in _join(sweep, jobs, list(once))]


def _join(sweep: Sweep, jobs: pd.DataFrame, once: list[str]) -> Iterator[Folds]:
    """What these jobs, the done folds of one arm and seed, say together; nothing if they left no such predictions."""
    arm, seed = str(jobs["arm"].iloc[0]), int(jobs["seed"].iloc[0])
    found = {int(fold): job for job, fold in zip(jobs["job"], jobs["fold"], strict=True)}
    tables = {fold: predictions(sweep, job) for fold, job in sorted(found.items())}
    parts = [table.assign(fold=fold) for fold, table in tables.items() if table is not None and {*once} <= {*table}]
    if not parts:
        return
    images = pd.concat(parts, ignore_index=True)
    twice = images[images.duplicated(once)]
    if len(twice):
        raise ValueError(f"image {twice['id'].iloc[0]} was tested in two folds of {arm}, seed {seed}: train them anew")
    folders = {fold: folder for fold in images["fold"].unique() if (folder := last_stage(sweep, found[fold]))}
    job = next(iter(found.values()))
    split = configuration(sweep, job).get("split") or {}
    wanted = {*range(split.get("k", 0)), *sweep.jobs["fold"].dropna()}
    missing = tuple(sorted(int(fold) for fold in wanted - set(images["fold"])))
    yield Folds(arm, seed, images, folders, missing, job)


def folds_lacking(parts: Sequence[Folds], arms: Sequence[str]) -> str:
    """Which folds are missing, in a sentence.

    Args:
        parts: the folds that are there.
        arms: all that were planned.
    """
    names, seeds = short_names(list(arms)), sorted({part.seed for part in parts})
    there = {(part.arm, part.seed): part.missing for part in parts}
    missing = []
    for arm, seed in itertools.product(names, seeds):
        folds = there.get((arm, seed))
        if folds is None:
            missing.append(f"{names[arm]}, seed {seed}: all folds")
        elif folds:
            missing.append(f"{names[arm]}, seed {seed}: fold{'s' * (len(folds) > 1)} {', '.join(map(str, folds))}")
    return f"Missing, with all their images: {'; '.join(missing)}." if missing else "No fold is missing."
