"""The page of an experiment: numbers, figure and sentences, written between two markers of its README.

Text outside the markers, written by hand, is kept. The same input gives the same bytes: there is no date of writing
and no random draw without a seed.
"""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from dermoscopy.machine.files import write_atomically
from dermoscopy.plots.style import save_figure
from dermoscopy.report.page.extra_files import extra_files, main_figure, table_picture
from dermoscopy.report.page.facts import check_data, check_results
from dermoscopy.report.page.readme import current_page, readme_block, refreshed, refreshed_index
from dermoscopy.report.results.answer import answer
from dermoscopy.report.results.arms import arms_table, results_table
from dermoscopy.report.results.conditions import with_validation_masks
from dermoscopy.report.results.findings import find
from dermoscopy.runs.tables import SweepResults

LARGEST = 300_000  # bytes of results.csv, above which values are rounded to 5 significant digits


def write_report(
    sweep: SweepResults,
    experiments: Path,
    reference: str | float | None = None,
    metric: str | None = None,
    command: str = "",
    force: bool = False,
    meaningful: float | None = None,
) -> list[Path]:
    """Write results.csv, table.csv, table.svg, figure.png and README.md of an experiment and its row in the index.

    A sweep with folds or with more mask conditions gets further tables and figures, see `extra_files`.

    Args:
        sweep: the sweep to report.
        experiments: folder of the pages; the page is written to `<experiments>/<name>/`.
        reference: arm to compare with, see `findings.find`.
        metric: metric to compare, see `findings.find`.
        command: that was typed; "": the shortest one that writes the page of this experiment.
        force: whether to replace a page of other data.
        meaningful: size of the smallest difference that matters; None: none is known.

    Returns:
        The files written.

    Raises:
        ValueError: no such arm or metric, the page is one of other data, or the markers in README.md are not a pair.
    """
    sweep = with_validation_masks(sweep)
    findings = find(sweep, reference, metric, meaningful)
    folder = experiments / sweep.experiment
    readme, index = folder / "README.md", experiments / "README.md"
    more, _ = extra_files(sweep, findings)
    said = answer(sweep, findings)
    current = current_page(readme, sweep)
    if not force:
        check_results(current, sweep, readme)
        check_data(current, sweep, readme)
    files: dict[str, Figure | str] = {
        "results.csv": compact_csv(results_table(sweep)),
        "table.csv": arms_table(sweep.table).to_csv(index=False),
        "table.svg": table_picture(sweep),
    }
    if findings is not None:
        files["figure.png"] = main_figure(sweep, findings)
    files |= more
    page = refreshed(current, readme_block(sweep, findings, said, list(files), command), readme)
    written = [_write(folder / name, content) for name, content in (files | {"README.md": page}).items()]
    rows = refreshed_index(index.read_text() if index.is_file() else "", sweep, page, said)
    return [*written, write_atomically(index, rows)]


def _write(file: Path, content: Figure | str) -> Path:
    return save_figure(content, file) if isinstance(content, Figure) else write_atomically(file, content)


def compact_csv(table: pd.DataFrame, largest: int = LARGEST) -> str:
    """Return a table as CSV, rounded to 5 significant digits if it has more than `largest` characters."""
    whole = table.to_csv(index=False)
    return whole if len(whole) <= largest else table.to_csv(index=False, float_format="%.5g")
