"""A published page, made and written in one call."""

from pathlib import Path

from dermoscopy.report.page.page import make_page
from dermoscopy.report.page.publish import publish
from dermoscopy.report.published.record import Choice
from dermoscopy.runs.tables import SweepResults


def write_report(
    sweep: SweepResults,
    experiments: Path,
    reference: str | float | None = None,
    metric: str | None = None,
    command: str = "",
    force: bool = False,
    meaningful: float | None = None,
) -> list[Path]:
    """Make the page of a sweep and publish it to `<experiments>/<name>/`; return the files written."""
    return publish(make_page(sweep, Choice(reference, metric, meaningful), command), experiments, force)
