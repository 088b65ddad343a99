"""Tables of docs/statistics.md, from the files that `python -m tests.bench.statistics` writes beside it."""

from collections.abc import Iterator, Sequence

import pandas as pd

DESIGN = ["kind", "repeats"]
CLAIMS = {  # sources of the second table, and what they are called there
    "learners": "real learners, all arms with the same inputs",
    "components, strong training sets": "components, training images matter twice as much",
    "components, other images": "components, each arm errs on other images, in all of its trainings",
}


def with_tables(page: str, sweeps: pd.DataFrame, intervals: pd.DataFrame) -> str:
    """Return a page with the current tables between its two markers.

    Args:
        page: content of docs/statistics.md.
        sweeps: one row per cell of simulated sweeps.
        intervals: one row per score, labels, quantity, method and kind of test set.
    """
    tables = "\n\n".join(table for table in (*sweep_tables(sweeps), interval_table(intervals)))
    return between_markers(page, "simulations", tables)


def between_markers(page: str, name: str, text: str) -> str:
    """Return a page with a text in place of what lies between `<!-- name -->` and `<!-- /name -->`.

    Raises:
        ValueError: the page does not hold each marker once, in this order.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if page.count(begin) != 1 or page.count(end) != 1 or page.index(begin) > page.index(end):
        raise ValueError(f"the page must hold {begin} once and {end} once after it")
    return f"{page[: page.index(begin)]}{begin}\n{text}\n{page[page.index(end) :]}"


def sweep_tables(sweeps: pd.DataFrame) -> Iterator[str]:
    """Yield the table of false alarms, coverage and power by design, and that of all other claims."""
    nulls, power = (sweeps[sweeps["what"] == what] for what in ("false alarm", "power"))
    columns = {
        "false alarms": _of(nulls, "components", 1),
        "4 comparisons": _of(nulls, "components", 4),
        "real learners": _of(nulls, "learners, own inputs", 1),
    }
    shown = nulls[nulls["source"].isin(["components", "learners, own inputs"])]
    lowest, seen = shown.groupby(DESIGN, sort=False)["coverage"].min(), _of(power, "components", 1)
    rows = []
    for own in columns["false alarms"].index:
        rates = [_rate(column.loc[own]) if own in column.index else "" for column in (*columns.values(), seen)]
        rows.append([*own, *rates[:-1], f"{lowest[own]:.3f}", rates[-1]])
    yield _markdown(["design", "repeats", *columns, "lowest coverage", "power, +.06 AUROC"], rows)
    others = sweeps[sweeps["what"].isin(["equivalence", "trivial"]) | sweeps["source"].isin(CLAIMS)]
    claims = [
        [_claim(row), row["kind"], row["repeats"], _rate(row), f"{row['coverage']:.3f}"] for _, row in others.iterrows()
    ]
    yield _markdown(["claim", "design", "repeats", "share of sweeps", "coverage"], claims)


def interval_table(intervals: pd.DataFrame) -> str:
    """Return the lowest and highest coverage over scores and labels of each method, by kind of test set."""
    rows = []
    for (auroc, other, most), part in intervals.groupby(["auroc", "other", "most"]):
        cells = [
            _range(part[(part["method"] == method) & (part["quantity"] == quantity)]["coverage"])
            for method in ("jackknife", "percentile")
            for quantity in ("single", "difference")
        ]
        rows.append([f"{auroc:.2f}, {other:.2f}", "1" if most == 1 else f"1 to {most}", *cells])
    names = [
        f"{method}, {quantity}" for method in ("jackknife t", "percentile") for quantity in ("one score", "difference")
    ]
    return _markdown(["AUROC of the two predictors", "images per group", *names], rows)


def _of(nulls: pd.DataFrame, source: str, comparisons: int) -> pd.DataFrame:
    return nulls[(nulls["source"] == source) & (nulls["comparisons"] == comparisons)].set_index(DESIGN)


def _claim(row: pd.Series) -> str:
    if row["what"] == "trivial":
        return "a random ranking is better than shuffled scores (average precision, 2 arms)"
    if row["what"] == "equivalence":
        return f"equivalent within .02, where the true difference is {row['true']:.2g}"
    what = "power, +.06 AUROC" if row["what"] == "power" else "false alarm"
    return f"{what}: {CLAIMS[row['source']]}"


def _rate(row: pd.Series) -> str:
    return f"{row['rate']:.3f} ± {row['error']:.3f}"


def _range(values: pd.Series) -> str:
    return f"{values.min():.3f} to {values.max():.3f}"


def _markdown(names: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)
