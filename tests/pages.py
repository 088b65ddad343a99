"""Pages of sweeps for tests, and a reader of their structure."""

from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

from dermoscopy.report.page.html import html_page
from dermoscopy.report.results.answer import answer
from dermoscopy.report.results.conditions import with_validation_masks
from dermoscopy.report.results.findings import find
from dermoscopy.runs.tables import load_sweep

VOID = ("meta", "link", "br", "hr", "img", "input")


def page_of(folder: Path, meaningful: float | None = 0.02, **parts: object) -> str:
    """Return the HTML page of a sweep on disk."""
    sweep = with_validation_masks(load_sweep(folder))
    findings = find(sweep, meaningful=meaningful)
    return html_page(sweep, findings, answer(sweep, findings), **parts)  # type: ignore[arg-type]


class Structure(HTMLParser):
    """Tags with their attributes and texts; fails where tags are not closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, Mapping[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.append((self.open[-1], data))

    def all(self, tag: str) -> list[Mapping[str, str | None]]:
        """Return the attributes of all tags of a kind."""
        return [attributes for name, attributes in self.tags if name == tag]

    def said(self, tag: str) -> list[str]:
        """Return the texts of all tags of a kind."""
        return [text for name, text in self.texts if name == tag]
