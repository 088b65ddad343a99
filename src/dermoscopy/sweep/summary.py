"""What the run of a sweep says in MLflow: the question, the answer, and the numbers behind it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from dermoscopy.report.page.markdown import code, markdown_table, plain
from dermoscopy.report.results.arms import headlines, summarise
from dermoscopy.report.results.numbers import interval, number
from dermoscopy.runs.tables import COLUMNS, SweepResults
from dermoscopy.tracking.sweep_run import SweepSummary

if TYPE_CHECKING:  # they take half a second, and are needed at the end of a sweep only
    from dermoscopy.report.results.answer import Answer
    from dermoscopy.report.results.findings import Findings

COMPARED = ("difference", "low", "high", "p", "p_holm")
HEAD = ["arm", "n", "mean", "sd", "difference", "95 % interval", "p (corrected)", "verdict"]


def first_summary(about: Mapping[str, str], command: str, monitor: str, lower: bool) -> SweepSummary:
    """Return what is known before the first job is done.

    Args:
        about: question and primary metric of the experiment, empty without one.
        command: of the sweep.
        monitor: metric that chooses the best epoch.
        lower: whether the smallest value of it is the best.
    """
    best = f"best/{monitor}"
    columns = list(dict.fromkeys([best, about.get("primary_metric", best)]))
    return SweepSummary(_note(about, command, ""), columns=columns, order=best, lower=lower)


def sweep_summary(
    sweep: SweepResults, findings: "Findings | None", answer: "Answer", names: Mapping[str, str], first: SweepSummary
) -> SweepSummary:
    """Return what the jobs say that are done.

    Args:
        sweep, findings, answer: of the sweep.
        names: display name of each arm by its full name.
        first: see `first_summary`.
    """
    arms = {str(arm): _arm_metrics(jobs) for arm, jobs in sweep.table[sweep.table["status"] == "done"].groupby("arm")}
    if findings is None:
        note = _note(sweep.about, sweep.command, answer.text)
        return SweepSummary(note, arm_metrics=arms, columns=first.columns, order=first.order, lower=first.lower)
    rows = _rows(findings, answer)
    metrics = {
        f"{quantity}/{names[str(arm)]}": float(value)
        for arm, row in rows.iterrows()
        for quantity, value in row.items()
        if quantity in ("mean", "sd", *COMPARED) and arm in names
    }
    table = f"{plain(findings.words())}, against {plain(findings.names[findings.reference])}:\n\n{_table(rows, names)}"
    # Jobs do not have the metric of `validation_masks`, which a report derives.
    shown = [name for name in dict.fromkeys([findings.metric, *headlines(sweep)]) if name in sweep.table.columns][:2]
    return SweepSummary(
        _note(sweep.about, sweep.command, answer.text, table),
        metrics,
        {str(arm): _arm_note(findings, row) for arm, row in rows.iterrows() if arm in names},
        arms,
        list(dict.fromkeys([*first.columns[:1], *shown])),
        shown[0] if shown else "",
        findings.lower_is_better,
    )


def _note(about: Mapping[str, str], command: str, answer: str, *parts: str) -> str:
    said = [f"**{plain(about['question'])}**"] if "question" in about else []
    return "\n\n".join([*said, *([plain(answer)] if answer else []), code(command), *parts])


def _rows(findings: "Findings", answer: "Answer") -> pd.DataFrame:
    """Return one row per arm: n, mean, sd, difference, low, high, p, p_holm and its standing."""
    rows = summarise(findings.table).join(findings.compared[list(COMPARED)])
    return rows.assign(standing=[str(answer.standings.get(str(arm), "")) for arm in rows.index])


def _table(rows: pd.DataFrame, names: Mapping[str, str]) -> str:
    cells = [
        [
            *(plain(names.get(str(arm), arm)), f"{row['n']:.0f}", number(row["mean"]), number(row["sd"])),
            *(number(row["difference"], "+.3f"), interval(row["low"], row["high"]), number(row["p_holm"], ".2g")),
            row["standing"],
        ]
        for arm, row in rows.iterrows()
    ]
    return markdown_table(HEAD, cells)


def _arm_note(findings: "Findings", row: pd.Series) -> str:
    return (
        f"{plain(findings.words())}: mean {number(row['mean'])}, standard deviation {number(row['sd'])}, "
        f"{row['n']:.0f} {findings.repeats}; {row['standing']}"
    )


def _arm_metrics(jobs: pd.DataFrame) -> dict[str, float]:
    """Return the mean of each metric over the jobs of an arm, and the sd of those that are means over labels."""
    values = jobs.drop(columns=list(COLUMNS)).apply(pd.to_numeric, errors="coerce")
    sds = values[[name for name in values if name.count("/") == 2]].std(ddof=1)
    means = values.mean().dropna().items()
    deviations = {f"sd/{name}": float(value) for name, value in sds.dropna().items()}
    return {str(name): float(value) for name, value in means} | deviations | {"n": float(len(jobs))}
