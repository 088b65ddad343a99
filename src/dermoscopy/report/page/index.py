"""The index of all experiments: one row a page."""

from dermoscopy.report.page.facts import hours
from dermoscopy.report.page.markdown import cell
from dermoscopy.report.page.sections import answer
from dermoscopy.report.results.findings import Findings
from dermoscopy.runs.tables import Sweep

INDEX = "# Experiments\n\nOne folder a question; numbers and figures are written by `report.py`.\n"
INDEX_HEAD = "| question | command | cost | answer |\n|---|---|---|---|\n"


def index_row(sweep: Sweep, header: dict[str, str], findings: Findings | None) -> str:
    """The experiment's row of the index: question | command | cost | answer."""
    question = cell(header["question"])
    cost = f"{header['cost']} (measured: {hours(sweep):.2f} h)" if "cost" in header else f"{hours(sweep):.2f} h"
    command = cell(header.get("command", sweep.command))
    link = f"[{question}]({sweep.experiment}/README.md)"
    return f"| {link} | `{command}` | {cell(cost)} | {cell(answer(findings))} |"


def with_row(index: str, link: str, row: str) -> str:
    """The index with a row in place of the one that holds the link, else after the last row, else in a new table."""
    lines = index.rstrip().splitlines()
    own = [number for number, line in enumerate(lines) if line.startswith("|") and link in line]
    rows = [number for number, line in enumerate(lines) if line.startswith("|")]
    if own:
        lines[own[0]] = row
    elif rows:
        lines.insert(rows[-1] + 1, row)
    else:
        lines += ["", *INDEX_HEAD.splitlines(), row]
    return "\n".join(lines) + "\n"
