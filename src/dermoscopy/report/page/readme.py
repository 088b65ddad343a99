"""The README of an experiment and its row in the index; text written by hand is kept."""

from pathlib import Path

from dermoscopy.machine.messages import PURPOSE
from dermoscopy.report.page.markdown import cell
from dermoscopy.report.page.sections import answer
from dermoscopy.report.results.facts import hours
from dermoscopy.report.results.findings import Findings
from dermoscopy.runs.tables import SweepResults

BEGIN, END = "<!-- report -->", "<!-- /report -->"
INDEX = f"# Experiments\n\nOne folder per question; numbers and figures are written by `report.py`. {PURPOSE}\n"
INDEX_HEAD = "| question | command | cost | answer |\n|---|---|---|---|\n"


def current_page(file: Path, sweep: SweepResults) -> str:
    """Return the text of the README, or of a new one."""
    if file.is_file():
        return file.read_text()
    about = sweep.about
    expected = f"\n\nExpected: {about['expectation']}" if about else ""
    source = f"`conf/experiment/{sweep.experiment}.yaml`, run" if about else "Run"
    sections = {
        "Question": about.get("question", sweep.experiment) + expected,
        "Protocol": f"{source} by `{about.get('command', sweep.command)}`.",
        "Hardware": f"Expected cost: {about['cost']}." if about else "As recorded under Results.",
        "Results": f"{BEGIN}\n{END}",
        "Reading": "The sentences under Results are generated; write their interpretation here.",
    }
    return f"# {sweep.experiment}\n\n" + "\n\n".join(f"## {name}\n\n{text}" for name, text in sections.items()) + "\n"


def refreshed(page: str, block: str, file: Path) -> str:
    """Return the page with the block between its markers, or appended under a heading if it has none.

    Raises:
        ValueError: the page does not hold each marker once and in order.
    """
    if BEGIN not in page and END not in page:
        return f"{page.rstrip()}\n\n## Results\n\n{BEGIN}\n{block}\n{END}\n"
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise ValueError(f"{file} must hold {BEGIN} once and {END} once after it; put them right or delete both")
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{block}\n{END}{rest.split(END)[1]}"


def refreshed_index(index: str, sweep: SweepResults, page: str, findings: Findings | None) -> str:
    """Return the index with a new or updated row of the experiment: question | command | cost | answer.

    Args:
        index: current text, "" without a file.
        page: the README; its question is used where the experiment states none.
    """
    question = cell(sweep.about.get("question", _question(page, sweep.experiment)))
    measured = f"{hours(sweep):.2f} h"
    cost = f"{sweep.about['cost']} (measured: {measured})" if sweep.about else measured
    command = cell(sweep.about.get("command", sweep.command))
    link = f"]({sweep.experiment}/README.md)"
    row = f"| [{question}{link} | `{command}` | {cell(cost)} | {cell(answer(findings))} |"
    return with_row(index or INDEX, link, row)


def with_row(index: str, link: str, row: str) -> str:
    """Return the index with the row in place of the one with this link, after the last row, or in a new table."""
    lines = index.rstrip().splitlines()
    rows = [number for number, line in enumerate(lines) if line.startswith("|")]
    own = [number for number in rows if link in lines[number]]
    if own:
        lines[own[0]] = row
    elif rows:
        lines.insert(rows[-1] + 1, row)
    else:
        lines += ["", *INDEX_HEAD.splitlines(), row]
    return "\n".join(lines) + "\n"


def _question(page: str, otherwise: str) -> str:
    """Return the first line under the heading Question, or `otherwise` if there is none."""
    lines = page.partition("\n## Question\n")[2].strip().splitlines()
    return lines[0] if lines else otherwise
