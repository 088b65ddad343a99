"""The sections of a page as one text, for tests of what a page says."""

from collections.abc import Iterator

from dermoscopy.report.page.extra_files import extra_files
from dermoscopy.report.page.section import Section
from dermoscopy.report.page.sections import page_sections
from dermoscopy.report.results.conditions import with_validation_masks
from dermoscopy.report.results.findings import find
from dermoscopy.runs.tables import SweepResults


def page_text(sweep: SweepResults, metric: str | None = None, meaningful: float | None = None) -> str:
    """Return all sections of the page of a sweep: `### title`, `| a | b |` for rows, `name: sentence` for items."""
    sweep = with_validation_masks(sweep)
    findings = find(sweep, metric=metric, meaningful=meaningful)
    _, more = extra_files(sweep, findings)
    return "\n".join(line for section in page_sections(sweep, findings, more) for line in _lines(section))


def _lines(section: Section) -> Iterator[str]:
    yield f"### {section.title}"
    for row in [section.head, *section.rows]:
        yield f"| {' | '.join(row)} |"
    yield section.text
    yield from (f"{name}: {text}" for name, text in section.items)
