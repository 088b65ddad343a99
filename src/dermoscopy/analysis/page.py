"""The page of an experiment: numbers, figure and sentences, written between two markers of its README.

All a person wrote outside the markers stays. The same input gives the same bytes: no date of writing, no random draw
without a seed.
"""

import re
from io import StringIO
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from dermoscopy.analysis.arms import AVAILABILITIES, arms_table, macro_metrics, pivot, results_table, summarise
from dermoscopy.analysis.boxes import boxes_section, draw_boxes, per_image
from dermoscopy.analysis.costs import costs, costs_section, draw_costs
from dermoscopy.analysis.figures import draw_figure, save_figure
from dermoscopy.analysis.findings import Findings, find
from dermoscopy.analysis.folds import TABLE, fold_table, folds_section, out_of_fold
from dermoscopy.analysis.markdown import cell
from dermoscopy.analysis.runs import Sweep, history
from dermoscopy.analysis.sections import answer, hours, report_block
from dermoscopy.analysis.segmented import all_kept_views, shown
from dermoscopy.analysis.tables import print_table
from dermoscopy.files import write_atomically

BEGIN, END = "<!-- report -->", "<!-- /report -->"
LARGEST = 300_000  # bytes of results.csv; above, values are rounded to 5 significant digits
INDEX = "# Experiments\n\nOne folder a question; numbers and figures are written by `report.py`.\n"
INDEX_HEAD = "| question | command | cost | answer |\n|---|---|---|---|\n"


def write_report(
    sweep: Sweep, experiments: Path, header_file: Path, reference: str | None = None, metric: str | None = None
) -> list[Path]:
    """Write results.csv, table.csv, table.svg, figure.png and README.md of an experiment and its row in the index.

    Segmenters get more pictures and, where the sweep has folds, a table of all images, out of fold.

    Args:
        experiments: folder of the pages; the page goes to `<experiments>/<name>/`.
        header_file: the experiment's configuration, whose first comments say question, command, cost and expected.
        reference: arm to compare with, see `findings.find`.
        metric: metric to compare, see `findings.find`.

    Returns:
        The files written.

    Raises:
        ValueError: no such arm or metric, or the markers in README.md are not a pair.
    """
    findings = find(sweep, reference, metric)
    folder = experiments / sweep.experiment
    header = read_header(header_file)
    files, sections = _segmenters(sweep, findings)
    block = report_block(sweep, findings, **sections)
    page = refreshed(_page(folder / "README.md", sweep, header), block, folder / "README.md")
    written = [
        write_atomically(folder / "results.csv", compact_csv(results_table(sweep))),
        write_atomically(folder / "table.csv", arms_table(sweep.jobs).to_csv(index=False)),
        write_atomically(folder / "table.svg", table_picture(sweep)),
    ]
    if findings is not None:
        written.append(save_figure(_figure(sweep, findings), folder / "figure.png"))
    for name, content in files.items():
        file = folder / name
        written.append(save_figure(content, file) if isinstance(content, Figure) else write_atomically(file, content))
    written.append(write_atomically(folder / "README.md", page))
    index = experiments / "README.md"
    content = index.read_text() if index.is_file() else INDEX
    row = index_row(sweep, header, findings)
    return [*written, write_atomically(index, with_row(content, f"]({sweep.experiment}/README.md)", row))]


def _segmenters(sweep: Sweep, findings: Findings | None) -> tuple[dict[str, Figure | str], dict[str, str]]:
    """What a page has beyond the findings: files by name, and sections."""
    cost = costs(sweep)
    files: dict[str, Figure | str] = {}
    sections = {"cost": costs_section(cost)}
    if findings is None or not findings.segmented:
        return files, sections
    if parts := out_of_fold(sweep):
        files[TABLE] = fold_table(parts).to_csv(index=False)
        sections["folds"] = folds_section(parts)
    images = per_image(sweep, "iou") if len(findings.table) > 1 else pd.DataFrame()
    if not images.empty:
        files["boxes.png"] = draw_boxes(images, f"IoU (views {all_kept_views(sweep)})")
        sections["boxes"] = boxes_section(images, "iou", "boxes.png")
    if cost["parameters"].nunique() > 1:
        score = summarise(findings.table)["mean"]
        files["cost.png"] = draw_costs(cost, score, findings.words())
        sections["cost"] += "\n\n![score over parameters and time](cost.png)"
    return files, sections


def table_picture(sweep: Sweep) -> str:
    """Return the table that a sweep prints in the terminal as an SVG that names no other file."""
    console = Console(record=True, width=80, file=StringIO())
    print_table(sweep, console)
    plain = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)  # fonts from the network
    return console.export_svg(title=sweep.command, code_format=plain.replace("Fira Code", "monospace"))


def read_header(file: Path) -> dict[str, str]:
    """Entries `# key: text` of the first comments of a file; a comment without a key continues the one before."""
    entries: dict[str, str] = {}
    key = None
    for line in file.read_text().splitlines() if file.is_file() else []:
        if line.strip() and not line.startswith("#"):
            break
        text = line.lstrip("#").strip()
        word, colon, rest = text.partition(":")
        if colon and word in ("question", "command", "cost", "expected"):
            key, entries[word] = word, rest.strip()
        elif key and text and not text.startswith("@"):
            entries[key] += f" {text}"
        else:
            key = None
    return entries


def compact_csv(table: pd.DataFrame, largest: int = LARGEST) -> str:
    """A table as CSV, rounded to 5 significant digits if it would be larger than that; never with fewer rows."""
    whole = table.to_csv(index=False)
    return whole if len(whole) <= largest else table.to_csv(index=False, float_format="%.5g")


def _page(file: Path, sweep: Sweep, header: dict[str, str]) -> str:
    """The README as it stands, or a new one."""
    if file.is_file():
        return file.read_text()
    expected = f"\n\nExpected: {header['expected']}" if "expected" in header else ""
    sections = {
        "Question": header.get("question", sweep.experiment) + expected,
        "Protocol": f"`conf/experiment/{sweep.experiment}.yaml`, run by `{header.get('command', sweep.command)}`.",
        "Hardware": f"Expected cost: {header['cost']}." if "cost" in header else "As recorded under Results.",
        "Results": f"{BEGIN}\n{END}",
        "Reading": "The sentences under Results are computed; what they mean for the question is for a person to say.",
    }
    return f"# {sweep.experiment}\n\n" + "\n\n".join(f"## {name}\n\n{text}" for name, text in sections.items()) + "\n"


def refreshed(page: str, block: str, file: Path) -> str:
    """The page with the block between its markers, appended with a heading if it has none.

    Raises:
        ValueError: the page does not hold each marker once and in order.
    """
    if BEGIN not in page and END not in page:
        return f"{page.rstrip()}\n\n## Results\n\n{BEGIN}\n{block}\n{END}\n"
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise ValueError(f"{file} must hold {BEGIN} once and {END} once after it; put them right or delete both")
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{block}\n{END}{rest.split(END)[1]}"


def _figure(sweep: Sweep, findings: Findings) -> Figure:
    """The compared metric in both mask availabilities, or of segmenters in all views, beside its validation curve."""
    compared, score = findings.metric.split("/", 2)[1:]
    if findings.segmented:
        others = dict.fromkeys(name.split("/")[1] for name in macro_metrics(sweep.jobs) if name.endswith(f"/{score}"))
        places = dict.fromkeys([compared, *(name for name in others if shown(name)[1] == shown(compared)[1])])
        labels = {f"views {name.replace('_original', ', original size')}": name for name in places}
    else:
        labels = {f"masks {name}": name for name in dict.fromkeys([*AVAILABILITIES, compared])}
    wanted = {label: f"test/{name}/{score}" for label, name in labels.items()}
    tables = {label: pivot(sweep.jobs, metric) for label, metric in wanted.items() if metric in sweep.jobs}
    done = sweep.jobs.loc[sweep.jobs["status"] == "done", "job"]
    curves = history(sweep)
    return draw_figure(tables, curves[curves["job"].isin(done)], score, findings.best_trivial, findings.test_per_train)


def index_row(sweep: Sweep, header: dict[str, str], findings: Findings | None) -> str:
    """The experiment's row of the index: question | command | cost | answer."""
    question = cell(header.get("question", sweep.experiment))
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
