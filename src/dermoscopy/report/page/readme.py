"""The README of an experiment and its row in the index; text written by hand is kept."""

from collections.abc import Sequence
from pathlib import Path

from dermoscopy.machine.messages import PURPOSE
from dermoscopy.report.page.facts import commits, data_used, job_counts, leakage_warning
from dermoscopy.report.page.markdown import cell, code, plain, section_table
from dermoscopy.report.page.section import Section
from dermoscopy.report.results.answer import Answer
from dermoscopy.report.results.arms import mean_and_sd, summarise
from dermoscopy.report.results.facts import duration, hours
from dermoscopy.report.results.findings import Findings
from dermoscopy.report.results.numbers import interval, number
from dermoscopy.runs.tables import SweepResults

BEGIN, END = "<!-- report -->", "<!-- /report -->"
INDEX = f"# Experiments\n\nOne folder per question; numbers and figures are written by `report.py`. {PURPOSE}\n"
INDEX_HEAD = "| question | answer | cost | command |\n|---|---|---|---|\n"
FIGURE, PAGE = "figure.png", "index.html"


def current_page(file: Path, sweep: SweepResults, earlier: SweepResults | None) -> str:
    """Return the text of the README, or of a new one.

    Args:
        file: the README.
        sweep: of the page.
        earlier: whose page it was so far, None if unknown: what that page said by itself of its question, command and
            cost is said of `sweep` now.
    """
    new = _sections(sweep)
    if not file.is_file():
        texts = [f"## {name}\n\n{text}\n" for name, text in new.items()]
        return f"# {plain(sweep.experiment)}\n\n" + "\n".join(texts)
    page = file.read_text()
    for name, text in _sections(earlier).items() if earlier else ():
        page = page.replace(f"## {name}\n\n{text}\n", f"## {name}\n\n{new[name]}\n")
    return page


def _sections(sweep: SweepResults) -> dict[str, str]:
    """Return the text below each heading of a new README."""
    about = sweep.about
    expected = f"\n\nExpected: {about['expectation']}" if about else ""
    own = about and {job.record["experiment"] for job in sweep.jobs} == {sweep.experiment}
    source = f"{code(f'conf/experiment/{sweep.experiment}.yaml')}, run" if own else "Run"
    return {
        "Question": about.get("question", plain(sweep.experiment)) + expected,
        "Protocol": f"{source} by {code(about.get('command', sweep.command))}.",
        "Hardware": f"Expected cost: {about['cost']}." if about else "As recorded under Results.",
        "Results": f"{BEGIN}\n{END}",
        "Reading": "The sentences under Results are generated; write their interpretation here.",
    }


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


def readme_block(
    sweep: SweepResults, findings: Findings | None, answer: Answer, files: Sequence[str], command: str = ""
) -> str:
    """Write the computed part of a README: answer, figure, one table, links, and a line on where the numbers are from.

    Args:
        sweep: the sweep to report.
        findings: of the sweep, None while no job has a test metric.
        answer: of the sweep.
        files: names of the files beside the README, which are linked; `FIGURE` and `PAGE` where they exist.
        command: that writes the page; "": the shortest one.
    """
    leakage = leakage_warning(sweep)
    parts = [f"**{plain(answer.text)}**", f"> {plain(leakage)}" if leakage else ""]
    parts += [f"> {plain(remark)}" for remark in sweep.remarks]
    if len(sweep.done) < len(sweep.jobs):
        parts.append(f"> Unfinished: jobs {job_counts(sweep)}. Only those that are done are in these numbers.")
    if findings is not None:
        if FIGURE in files:
            name = f"{plain(sweep.experiment)}: test and validation {findings.words()} of each arm"
            parts.append(f"![{name}]({FIGURE})")
        parts.append(section_table(short_table(findings, answer)))
    tables = ", ".join(f"[{name}]({name})" for name in files if name.endswith(".csv"))
    page = f"The whole page, with charts, all tables and what they rest on: [{PAGE}]({PAGE}). " if PAGE in files else ""
    parts.append(f"{page}Tables: {tables}." if tables else page)
    return "\n\n".join(part for part in [*parts, provenance(sweep, command)] if part)


def short_table(findings: Findings, answer: Answer) -> Section:
    """Return the one table of a README: each arm with its mean, its difference to the reference, and its standing."""
    counts, means = summarise(findings.table)["n"], mean_and_sd(findings.table)
    several, compared = len(findings.table) > 1, findings.compared.T
    rows = []
    for arm, name in findings.names.items():
        row = [f"{name} (best)" if several and arm == answer.best else name, str(counts[arm]), means[arm]]
        if several:
            own = compared.get(arm)
            row += ["-", "-"] if own is None else [number(own["difference"], "+.3f"), interval(own["low"], own["high"])]
            row.append(str(answer.standings[arm]))
        rows.append(row)
    head = ["arm", findings.repeats, f"{findings.words()}, mean ± sd"]
    head += [f"difference to {findings.names[findings.reference]}", "95 % interval", "standing"] if several else []
    return Section("Arms", head, rows)


def provenance(sweep: SweepResults, command: str = "") -> str:
    """Write in one line where the numbers are from."""
    parts = [
        f"Numbers of sweep {sweep.folder.name}, jobs {job_counts(sweep)}",
        f"run by {code(sweep.command)}",
        f"{duration(3600 * hours(sweep))}",
        f"commit {commits(sweep) or 'not recorded'}",
        f"written by {code(command or f'python report.py experiment={sweep.experiment}')}",
        f"data: {plain(data_used(sweep)) or 'not recorded'}",
    ]
    return f"{'; '.join(parts)}. {PURPOSE}"


def refreshed_index(index: str, sweep: SweepResults, page: str, answer: Answer) -> str:
    """Return the index with a new or updated row of the experiment, in the columns that its table has.

    Args:
        index: current text, "" without a file.
        page: the README; its question is used where the experiment states none.
    """
    head = next((line for line in index.splitlines() if line.startswith("|")), INDEX_HEAD.splitlines()[0])
    measured, link = duration(3600 * hours(sweep)), f"]({sweep.experiment}/README.md)"
    cells = {
        "question": f"[{sweep.about.get('question', _question(page, sweep.experiment))}{link}",
        "answer": plain(answer.text),
        "cost": f"{measured} (expected: {sweep.about['cost']})" if sweep.about else measured,
        "command": code(sweep.about.get("command", sweep.command)),
    }
    row = " | ".join(cell(cells.get(name.strip(), "")) for name in head.strip().strip("|").split("|"))
    return with_row(index or INDEX, link, f"| {row} |")


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
