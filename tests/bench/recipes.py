"""Tables of docs/recipes.md, from the published results of the two sweeps over recipes: python -m tests.bench.recipes

A recipe is chosen by validation images alone, so the tables give the difference to the plain training there first, then
that on the holdout, which no choice has used.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from dermoscopy.metrics.repeats import FIXED_SPLIT, Design, paired
from dermoscopy.report.page.markdown import markdown_table
from dermoscopy.report.results.numbers import interval, number
from tests.bench.statistics_tables import between_markers

ROOT = Path(__file__).parents[2]
PAGE = "docs/recipes.md"
PLAIN = "plain"
SWEEPS = {"recipes_segmentation": ("dice", "Dice"), "recipes_melanoma": ("auroc", "AUROC")}


def best_validation(history: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the highest validation score over the epochs of each run, arms x seeds.

    Args:
        history: results.csv of a sweep.
        metric: name of the score.
    """
    rows = history[history["mode"] == "val"]
    return rows.pivot_table(metric, "arm", "seed", "max", sort=False)


def tested(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the scores of the test, arms x seeds.

    Args:
        table: table.csv of a sweep.
        metric: name of the score.
    """
    rows = table[table["metric"] == f"test/none/{metric}"].set_index("arm")
    return rows[[name for name in rows if re.fullmatch(r"seed \d+", name)]]


def sweep_table(folder: Path, metric: str, words: str) -> str:
    """Return the table of a sweep: one row per recipe.

    Args:
        folder: of the published results.
        metric, words: name of the score in files and in the table.
    """
    history, table = pd.read_csv(folder / "results.csv"), pd.read_csv(folder / "table.csv")
    validation, test = best_validation(history, metric), tested(table, metric)
    plain = next(arm for arm in validation.index if _recipe(arm) == PLAIN)
    differences = validation - validation.loc[plain]
    chosen = paired(differences, Design(FIXED_SPLIT))  # `split=tuning` is the same for all seeds
    held_out = (test - test.loc[plain]).mean(axis=1)
    rows = []
    for arm in validation.index:
        own = [_recipe(arm), number(validation.loc[arm].mean())]
        if arm == plain:
            rows.append([*own, "", "", number(test.loc[arm].mean()), ""])
            continue
        row = chosen.loc[arm]
        better = f"{(differences.loc[arm] > 0).sum()} of {differences.loc[arm].count()}"
        difference = f"{row['difference']:+.3f} ({interval(row['low'], row['high'])})"
        rows.append([*own, difference, better, number(test.loc[arm].mean()), f"{held_out[arm]:+.3f}"])
    head = ["recipe", f"{words}, validation", "difference (95 %)", "seeds in which it is better"]
    return markdown_table([*head, f"{words}, holdout", "difference"], rows)


def _recipe(arm: str) -> str:
    return arm.split("=", 1)[-1]


def tables(experiments: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the table of each sweep that is published."""
    for name, (metric, words) in SWEEPS.items():
        if (experiments / name).is_dir():
            yield name, sweep_table(experiments / name, metric, words)


def with_tables(page: str, experiments: Path) -> str:
    """Return the page with the current tables, each between the two markers that have the name of its sweep."""
    for name, table in tables(experiments):
        page = between_markers(page, name, table)
    return page


if __name__ == "__main__":
    file = ROOT / PAGE
    file.write_text(with_tables(file.read_text(), ROOT / "experiments"))
