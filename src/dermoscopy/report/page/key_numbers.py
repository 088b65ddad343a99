"""Key numbers of a page: those below the answer, the table of arms, and the heat maps of two swept axes."""

from typing import Any

import numpy as np
import pandas as pd

from dermoscopy.metrics.repeats import share_interval
from dermoscopy.report.figures.vector import printable, shown_names
from dermoscopy.report.page.charts import best_first
from dermoscopy.report.results.answer import Answer, Standing
from dermoscopy.report.results.arms import summarise
from dermoscopy.report.results.facts import duration, hours, states, stores
from dermoscopy.report.results.findings import Findings
from dermoscopy.report.results.interactions import Interaction
from dermoscopy.report.results.numbers import interval, number
from dermoscopy.runs.tables import SweepResults

GLYPHS = {
    Standing.BETTER: "▲",
    Standing.WORSE: "▼",
    Standing.EQUIVALENT: "◆",
    Standing.UNKNOWN: "○",
    Standing.REFERENCE: "■",
}
STRONGEST = 55  # percent of the colour in the cell with the best value of a heat map; more would hide the number


def key_numbers(sweep: SweepResults, findings: Findings | None, answer: Answer) -> list[dict[str, str]]:
    """Return the numbers below the answer, each with its name and perhaps a few more words."""
    counts, facts = states(sweep), []
    if findings is not None and answer.best is not None:
        several, mean = len(findings.table) > 1, summarise(findings.table)["mean"][answer.best]
        name = shown_names(list(findings.table.index))[answer.best]
        score = f"best mean {findings.words()}" if several else f"mean {findings.words()}"
        facts.append(_fact(score, number(mean), name if several else ""))
        if answer.best in findings.compared.index:
            row = findings.compared.T[answer.best]
            ends = "" if pd.isna(row["low"]) else interval(row["low"], row["high"])
            facts.append(_fact("its difference to the reference", number(row["difference"], "+.3f"), ends))
        kind = findings.basis.design.kind
        facts.append(
            _fact(findings.repeats, f"{findings.table.notna().any().sum()}", kind if kind != findings.repeats else "")
        )
    stored = stores(sweep)
    if tests := [store.images["test"] for store in stored if store.images["test"]]:
        low, high = min(low for low, _ in tests), max(high for _, high in tests)
        names = ", ".join(dict.fromkeys(printable(store.name) for store in stored))
        facts.append(_fact("test images", f"{low}" if low == high else f"{low} to {high}", f"of {names}"))
    left = len(sweep.jobs) - counts["done"]
    not_in = f"{left} {'is' if left == 1 else 'are'} not in the numbers" if left else ""
    facts.append(_fact("jobs done", f"{counts['done']} of {len(sweep.jobs)}", not_in))
    return [*facts, _fact("of training", duration(3600 * hours(sweep)), "")]


def _fact(name: str, value: str, more: str) -> dict[str, str]:
    return {"name": name, "value": value, "more": more}


def arm_rows(findings: Findings, answer: Answer) -> list[dict[str, Any]]:
    """Return the rows of the table of arms: text and, for sorting, value of each cell; None where it is undefined."""
    names, order = shown_names(list(findings.table.index)), list(Standing)
    ratio, summary = findings.basis.design.test_per_train, summarise(findings.table)
    rows = []
    for arm in best_first(summary, "mean", findings).index:
        values = findings.table.loc[arm]
        standing, own = answer.standings.get(str(arm), Standing.UNKNOWN), summary.T[arm]
        row = findings.compared.reindex([arm]).iloc[0]
        low, high = share_interval(values.dropna().to_numpy(float), ratio)
        cells = [
            _cell(own["n"], ".0f"),
            _cell(own["mean"]),
            _cell(own["sd"]),
            {"text": interval(low, high, ".3f"), "value": None},
        ]
        if len(findings.compared):
            ends = {"text": interval(row["low"], row["high"]), "value": None}
            cells += [_cell(row["difference"], "+.3f"), ends, _cell(row["p_holm"])]
        rows.append({"name": names[str(arm)], "best": arm == answer.best and len(names) > 1, "cells": cells,
                     "standing": str(standing), "kind": standing.name.lower(), "shape": GLYPHS[standing],
                     "rank": order.index(standing)})  # fmt: skip
    return rows


def _cell(value: float, form: str = ".3f") -> dict[str, Any]:
    return {"text": number(value, form), "value": None if pd.isna(value) else float(value)}


def heat_cells(pair: Interaction, findings: Findings) -> dict[str, Any]:
    """Return a table of cells with the share of the colour that stands for their place between lowest and highest."""
    low, high = float(np.nanmin(pair.means)), float(np.nanmax(pair.means))
    best, span = (low if findings.lower_is_better else high), (high - low) or 1.0
    cells = [
        {
            "name": printable(name),
            "cells": [
                {
                    "text": number(value),
                    "share": 0 if np.isnan(value) else round(STRONGEST * (1 - abs(best - value) / span)),
                    "best": value == best,
                }
                for value in row
            ],
        }
        for name, row in zip(pair.means.index, pair.means.to_numpy(float), strict=True)
    ]
    several = int(pair.counts.to_numpy().max())
    text = f"mean {findings.words()}" + (f", over up to {several} arms" if several > 1 else "")
    return {"rows": printable(pair.rows), "columns": printable(pair.columns), "text": text,
            "names": [printable(name) for name in pair.means.columns], "cells": cells}  # fmt: skip
