"""The page of an experiment and the files beside it: made from a sweep, or again from the files of an earlier page.

The same input gives the same bytes: there is no date of writing and no random draw without a seed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from dermoscopy.machine.files import write_atomically
from dermoscopy.plots.style import figure_bytes
from dermoscopy.report.page.extra_files import extra_files, main_figure
from dermoscopy.report.page.facts import leakage_warning
from dermoscopy.report.page.html import GALLERY, html_page
from dermoscopy.report.page.readme import PAGE, current_page, readme_block, refreshed
from dermoscopy.report.page.sections import page_sections
from dermoscopy.report.published.pack import pack
from dermoscopy.report.published.record import (
    HISTORY,
    IMAGES,
    JOBS,
    RECORD,
    VERSION,
    Choice,
    Record,
    unpack,
)
from dermoscopy.report.results.answer import Answer, answer
from dermoscopy.report.results.arms import arms_table
from dermoscopy.report.results.conditions import with_validation_masks
from dermoscopy.report.results.findings import Findings, find
from dermoscopy.report.results.metadata import METADATA
from dermoscopy.runs.tables import SweepResults

README, TABLE, FIGURE = "README.md", "table.csv", "figure.png"
DATA = (JOBS, HISTORY, IMAGES, METADATA)
SEAL = "sha256"  # entry of the record
Files = dict[str, str | bytes]


@dataclass(frozen=True)
class Page:
    """A page that is not written yet.

    Attributes:
        sweep: that the page is about, as its files hold it.
        findings: of the sweep, None while no job has a test metric.
        answer: of the sweep.
        block: the computed part of the README.
        files: contents of all files but the README, by name; the data from which they are made come first.
        images_left_out: why the page cannot be made again from its files alone, "" if it can.
    """

    sweep: SweepResults
    findings: Findings | None
    answer: Answer
    block: str
    files: Files
    images_left_out: str


def make_page(sweep: SweepResults, choice: Choice, command: str = "") -> Page:
    """Make the page of a sweep.

    Args:
        sweep: whose files lie in the folder of its runs.
        choice: the reference arm, the metric and the smallest difference that matters.
        command: that was typed; "": the shortest one that writes the page of this experiment.

    Raises:
        ValueError: no such arm or metric.
    """
    command = command or f"python report.py experiment={sweep.experiment}"
    data, left_out = pack(sweep, choice, command)
    return _page(sweep if left_out else unpack(data)[0], choice, command, data, left_out)


def read_page(folder: Path, chosen: Mapping[str, Any], command: str) -> Page:
    """Make a page again from the files of an earlier one.

    Args:
        folder: of the earlier page.
        chosen: the entries of `Choice` that differ from those of the earlier page.
        command: that was typed, shown where an entry differs.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file was changed or is damaged; no such arm or metric.
    """
    data, record = read_data(folder)
    sweep, _ = unpack(data)
    page = record["page"]
    choice = Choice(**{name: page[name] for name in asdict(Choice())} | dict(chosen))
    command = command if chosen else page["command"]
    data[RECORD] = _as_text({**record, "page": {**page, **asdict(choice), "command": command}})
    return _page(sweep, choice, command, data, page["images_left_out"])


def read_data(folder: Path) -> tuple[dict[str, str], Record]:
    """Return the contents of the data files of a page by name, and its record.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file was changed or is damaged.
    """
    if not (folder / RECORD).is_file():
        raise FileNotFoundError(f"{folder / RECORD} is missing: no page was written to this folder by this version")
    text = (folder / RECORD).read_text()
    try:
        record: Record = json.loads(text)
        version, whole = record["version"], record == _sealed(record)
        listed = record["files"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder / RECORD} is damaged ({error!r}): publish the page again") from error
    if version == VERSION and not whole:  # another version is refused by `unpack`
        raise ValueError(f"{folder / RECORD} was changed after the page was written: publish the page again")
    data = {RECORD: text}
    for name in (name for name in DATA if name in listed):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder / name} is missing, from which the page was made: publish it again")
        data[name] = (folder / name).read_bytes().decode()
        if _digest(data[name]) != listed[name]:
            raise ValueError(f"{folder / name} is not the one from which the page was made: publish it again")
    return data, record


def _page(sweep: SweepResults, choice: Choice, command: str, data: Mapping[str, str], left_out: str) -> Page:
    sweep = with_validation_masks(sweep)
    findings = find(sweep, choice.reference, choice.metric, choice.meaningful)
    more, sections = extra_files(sweep, findings)
    files: Files = {name: data[name] for name in DATA if data.get(name)}
    files[TABLE] = arms_table(sweep.table).to_csv(index=False)
    drawn = {} if findings is None else {FIGURE: main_figure(sweep, findings)}
    for name, content in (drawn | more).items():
        files[name] = figure_bytes(content, name) if isinstance(content, Figure) else content
    said = answer(sweep, findings)
    alerts = [text for text in (leakage_warning(sweep), *sweep.remarks) if text]
    folded = page_sections(sweep, findings, sections)
    files[PAGE] = html_page(sweep, findings, said, folded, command, [*files, RECORD], alerts)
    block = readme_block(sweep, findings, said, [*files, RECORD], command)
    known = {name: _digest(content) for name, content in files.items()}
    record = json.loads(data[RECORD]) | {"files": known}
    return Page(sweep, findings, said, block, {**files, RECORD: _as_text(_sealed(record))}, left_out)


def _digest(content: str | bytes) -> str:
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def _sealed(record: Record) -> Record:
    """Return a record with the SHA-256 of all its other entries."""
    others = {name: value for name, value in record.items() if name != SEAL}
    return others | {SEAL: _digest(json.dumps(others, sort_keys=True))}


def _as_text(record: Record) -> str:
    return json.dumps(record, indent=1) + "\n"


def write_page(page: Page, folder: Path) -> list[Path]:
    """Write a page to a folder; text of its README outside the markers, written by hand, is kept.

    Each file is replaced as a whole, those that refer to others after them. Files of an earlier page that this one does
    not have are removed, and so is its gallery unless both pages are made from the same data.

    Returns:
        The files written.

    Raises:
        ValueError: the markers in README.md are not a pair.
    """
    readme = folder / README
    text = refreshed(current_page(readme, page.sweep, _sweep_of(folder)), page.block, readme)
    files = {name: content for name, content in page.files.items() if name != RECORD}
    earlier, now = _listed(folder), _digests(str(page.files[RECORD]))
    outdated = {*earlier} - {*page.files}
    if any(earlier.get(name) != now.get(name) for name in DATA):
        outdated.add(GALLERY)
    written = [write_atomically(folder / name, content) for name, content in files.items()]
    written.append(write_atomically(readme, text))
    for name in sorted(outdated):
        (folder / name).unlink(missing_ok=True)
    return [*written, write_atomically(folder / RECORD, page.files[RECORD])]


def _sweep_of(folder: Path) -> SweepResults | None:
    """Return the sweep of an earlier page in a folder; None if there is none that can be read."""
    try:
        return unpack(read_data(folder)[0])[0]
    except (OSError, ValueError):
        return None


def _listed(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of the files of an earlier page in a folder by name, without its record and README."""
    try:
        return _digests((folder / RECORD).read_text())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # none, or a damaged one, which is replaced
        return {}


def _digests(record: str) -> dict[str, str]:
    return {Path(name).name: str(digest) for name, digest in json.loads(record)["files"].items()}


def report_folder(runs: Path, name: str) -> Path:
    """Return the folder of a report that is not published."""
    return runs / name / "report"
