"""The page of an experiment: numbers, figure and sentences, written between two markers of its README.

All a person wrote outside the markers stays. The same input gives the same bytes: no date of writing, no random draw
without a seed.
"""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from dermoscopy.machine.files import write_atomically
from dermoscopy.plots.style import save_figure
from dermoscopy.report.page.extra_files import attachments, main_figure, table_picture
from dermoscopy.report.page.index import INDEX, index_row, with_row
from dermoscopy.report.page.sections import report_block
from dermoscopy.report.results.arms import arms_table, results_table
from dermoscopy.report.results.findings import find
from dermoscopy.report.results.validation_masks import with_own_masks
from dermoscopy.runs.tables import Sweep

BEGIN, END = "<!-- report -->", "<!-- /report -->"
LARGEST = 300_000  # bytes of results.csv; above, values are rounded to 5 significant digits


def write_report(
    sweep: Sweep, experiments: Path, header_file: Path, reference: str | None = None, metric: str | None = None
) -> list[Path]:
    """Write results.csv, table.csv, table.svg, figure.png and README.md of an experiment and its row in the index.

    More tables and pictures where the sweep has folds, or was tested with more or less of the masks; see `attachments`.

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
    sweep = with_own_masks(sweep)
    findings = find(sweep, reference, metric)
    folder = experiments / sweep.experiment
    header = read_header(header_file)
    files, sections = attachments(sweep, findings)
    block = report_block(sweep, findings, **sections)
    page = refreshed(_page(folder / "README.md", sweep, header), block, folder / "README.md")
    written = [
        write_atomically(folder / "results.csv", compact_csv(results_table(sweep))),
        write_atomically(folder / "table.csv", arms_table(sweep.jobs).to_csv(index=False)),
        write_atomically(folder / "table.svg", table_picture(sweep)),
    ]
    if findings is not None:
        written.append(save_figure(main_figure(sweep, findings), folder / "figure.png"))
    for name, content in files.items():
        file = folder / name
        written.append(save_figure(content, file) if isinstance(content, Figure) else write_atomically(file, content))
    written.append(write_atomically(folder / "README.md", page))
    index = experiments / "README.md"
    content = index.read_text() if index.is_file() else INDEX
    row = index_row(sweep, {"question": _question(page, sweep.experiment)} | header, findings)
    return [*written, write_atomically(index, with_row(content, f"]({sweep.experiment}/README.md)", row))]


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


def _question(page: str, otherwise: str) -> str:
    """The first line under Question, which a person may have written where no configuration asks."""
    lines = page.partition("\n## Question\n")[2].strip().splitlines()
    return lines[0] if lines else otherwise


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
