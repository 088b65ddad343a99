"""Simulate sweeps whose true differences are known, and test them as a report does: python -m tests.bench.statistics

Every cell is a design; its rates are those of wrong and right sentences over many sweeps. With --write, the tables of
docs/statistics.md and the file beside it are written anew; cells that the file has are not simulated again.
"""

import argparse
import csv
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dermoscopy.metrics.repeats import FIXED_SPLIT, FOLDS, OWN_SPLITS, Design, one_family
from dermoscopy.metrics.statistics import Floats, Tested
from dermoscopy.metrics.weighted_classification import RANKING
from dermoscopy.report.results.comparisons import Basis, compare
from dermoscopy.report.results.label_predictions import trivial_predictors
from dermoscopy.report.results.test_images import OverImages, TestImages, over_images, over_trivial, score_once
from dermoscopy.report.results.verdicts import equivalent, established
from tests.bench.interval_coverage import coverage
from tests.bench.simulated_sweeps import Components, Tables, arms, design, from_components, from_learners
from tests.bench.statistics_tables import with_tables

ROOT = Path(__file__).parents[2]
MEANINGFUL, SWEEPS, SHUFFLED = 0.02, 2000, "shuffled scores"
DESIGNS = [(OWN_SPLITS, 3), (OWN_SPLITS, 5), (OWN_SPLITS, 10), (FOLDS, 5), (FOLDS, 10)]
DESIGNS += [(FIXED_SPLIT, 3), (FIXED_SPLIT, 5), (FIXED_SPLIT, 10)]
TEST_SETS: list[dict[str, Any]] = [
    {"auroc": 0.8, "other": 0.8, "most": 3},
    {"auroc": 0.65, "other": 0.65, "most": 1},
    {"auroc": 0.95, "other": 0.95, "most": 1},
    {"auroc": 0.8, "other": 0.86, "most": 1},
]


@dataclass(frozen=True)
class Cell:
    """A design and what is simulated in it.

    Attributes:
        what: the rate: `false alarm`, `power`, `equivalence` or `trivial`.
        source: what the sweeps are drawn from.
        kind: of `Design`.
        repeats, comparisons: number of repeats, and of arms beside the reference.
        true: true difference of each arm to the reference.
    """

    what: str
    source: str
    kind: str
    repeats: int
    comparisons: int
    true: float = 0.0


@dataclass(frozen=True)
class Rates:
    """Rates over sweeps: of the sentence in question, and of 95 % intervals that contain the true difference."""

    sweeps: int
    rate: float
    error: float
    coverage: float


def sources() -> dict[str, Callable[[np.random.Generator, Cell], Tables]]:
    """Return by name how the tables of a sweep are drawn."""
    learners = {"learners": False, "learners, own inputs": True}
    return {
        "components": partial(_components, parts=Components()),
        "components, strong training sets": partial(_components, parts=Components(training_set=0.1)),
        "components, other images": partial(_components, parts=Components(own=0.45)),
        "components, 3000 images": partial(
            _components, parts=Components(images=3000, own=0.05, training=0.03, training_set=0.0)
        ),
        "random ranking": partial(_components, parts=Components(training=0.0, training_set=0.0), auroc=0.5),
        **{name: partial(_learners, views=views) for name, views in learners.items()},
    }


def _components(rng: np.random.Generator, cell: Cell, parts: Components, auroc: float = 0.8) -> Tables:
    aurocs = [auroc, *[auroc + cell.true] * cell.comparisons]
    return from_components(rng, cell.kind, cell.repeats, aurocs, parts)


def _learners(rng: np.random.Generator, cell: Cell, views: bool) -> Tables:
    return from_learners(rng, cell.kind, cell.repeats, cell.comparisons + 1, views, 300)


def cells() -> list[Cell]:
    """Return all cells."""
    tens = [(kind, 10) for kind in (OWN_SPLITS, FOLDS, FIXED_SPLIT)]
    many = [*tens[:2], (FIXED_SPLIT, 3)]  # of many images, so that anything can be shown to be equivalent
    nulls = [("components", 1, DESIGNS), ("learners, own inputs", 1, DESIGNS), ("components", 4, DESIGNS)]
    nulls += [("learners", 1, tens), ("components, strong training sets", 1, tens)]
    return [
        *(Cell("false alarm", name, *own, number) for name, number, designs in nulls for own in designs),
        *(Cell("power", "components", *own, 1, 0.06) for own in DESIGNS),
        *(Cell("power", "components, other images", kind, 10, 1, 0.06) for kind in (OWN_SPLITS, FIXED_SPLIT)),
        *(Cell("trivial", "random ranking", kind, 3, 1) for kind in (OWN_SPLITS, FIXED_SPLIT)),
        *(Cell("equivalence", "components, 3000 images", *own, 1, true) for true in (MEANINGFUL, 0.0) for own in many),
    ]


def simulate(cell: Cell, sweeps: int) -> Rates:
    """Return the rates of a cell; each sweep has a seed of its own, and its p values are one family."""
    draw, own = sources()[cell.source], design(cell.kind)
    differences: dict[tuple[int, str], Floats] = {}
    images: dict[tuple[int, str], OverImages] = {}
    for seed in range(sweeps):
        tables = draw(np.random.default_rng([seed, cell.repeats, cell.comparisons]), cell)
        values, over = _against_shuffled(tables) if cell.what == "trivial" else _against_first(tables, own)
        differences |= {(seed, arm): value for arm, value in values.items()}
        images |= {(seed, arm): value for arm, value in over.items()}
    names = {str(key): key for key in differences}  # one call for all sweeps: a row is an arm of one of them
    rows = pd.DataFrame.from_dict({name: differences[key] for name, key in names.items()}, orient="index")
    table = compare(rows, own, {name: images[key] for name, key in names.items() if key in images})
    families = table.groupby([names[name][0] for name in table.index], sort=False)
    said = [any(_said(row, cell) for _, row in one_family([part])[0].iterrows()) for _, part in families]
    rate = float(np.mean(said))
    return Rates(sweeps, rate, float(np.sqrt(rate * (1 - rate) / sweeps)), float(_covered(table, cell.true).mean()))


def _against_first(tables: Tables, own: Design) -> tuple[dict[str, Floats], dict[str, OverImages]]:
    """Return the differences in AUROC to the first arm over repeats, (n,) each, and over test images if they count."""
    scores, first = _scores(tables, "auroc"), arms(1)[0]
    over = over_images(TestImages(tables, tuple(RANKING), "", {}), first, "auroc")[0] if own.fixed else {}
    return {arm: values - scores[first] for arm, values in scores.items() if arm != first}, over


def _against_shuffled(tables: Tables) -> tuple[dict[str, Floats], dict[str, OverImages]]:
    """Return the differences in average precision of all arms to shuffled scores, as `_against_first`."""
    trivial, score = {job: trivial_predictors(table) for job, table in tables.items()}, "average_precision"
    over = over_trivial(TestImages(tables, tuple(RANKING), "", trivial), SHUFFLED, score, score)
    chance = _scores({job: predictors[SHUFFLED] for job, predictors in trivial.items()}, score)
    return {arm: values - chance[arm] for arm, values in _scores(tables, score).items()}, over


def _scores(tables: Mapping[tuple[str, str], Tested], score: str) -> dict[str, Floats]:
    """Return a score over the repeats of each arm, (n,)."""
    return {
        arm: np.array([score_once(table, score) for (other, _), table in tables.items() if other == arm])
        for arm in dict.fromkeys(arm for arm, _ in tables)
    }


def _said(row: pd.Series, cell: Cell) -> bool:
    if cell.what == "equivalence":
        return equivalent(row, Basis(design(cell.kind), "seeds", 1, MEANINGFUL))
    return established(row) and (cell.what == "false alarm" or bool(row["difference"] > 0))


def _covered(table: pd.DataFrame, true: float) -> pd.Series:
    """Return whether each interval over repeats, or that over test images of a fixed split, contains the difference."""
    over_repeats = (table["low"] <= true) & (true <= table["high"])
    over_test_images = (table["image_low"] <= true) & (true <= table["image_high"])
    return over_repeats | over_test_images


def main() -> None:
    """Simulate what the files lack, and write the tables if asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.statistics", description=__doc__)
    parser.add_argument("--sweeps", type=int, default=SWEEPS, help="simulated sweeps per cell, twice the test sets")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs", help="of the files, which are continued")
    parser.add_argument("--write", action="store_true", help="write the tables into statistics.md of that folder")
    arguments = parser.parse_args()
    sweeps, intervals = (arguments.folder / f"statistics-{name}.csv" for name in ("sweeps", "intervals"))
    done = _rows(sweeps)
    for cell in cells():
        if not any(_same(row, asdict(cell)) for row in done):
            _append(sweeps, [asdict(cell) | asdict(simulate(cell, arguments.sweeps))])
    done = _rows(intervals)
    for seed, test_sets in enumerate(TEST_SETS):
        if not any(_same(row, test_sets) for row in done):
            _append(intervals, list(coverage(**test_sets, sets=arguments.sweeps // 2, seed=seed)))
    if arguments.write:
        page = arguments.folder / "statistics.md"
        page.write_text(with_tables(page.read_text(), pd.read_csv(sweeps), pd.read_csv(intervals)))


def _rows(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text().splitlines())) if file.is_file() else []


def _same(row: dict[str, str], cell: dict[str, object]) -> bool:
    return all(row[name] == str(value) for name, value in cell.items())


def _append(file: Path, rows: list[dict[str, object]]) -> None:
    pd.DataFrame(rows).round(5).to_csv(file, mode="a", index=False, header=not file.is_file())
    print(*(", ".join(str(value) for value in row.values()) for row in rows), sep="\n", flush=True)


if __name__ == "__main__":
    main()
