"""Publishing a page: it is copied to the folder of pages, unless it would replace one of other or of more data."""

import re
from dataclasses import dataclass
from pathlib import Path

from dermoscopy.machine.files import shown_path, write_atomically
from dermoscopy.report.page.facts import STORE
from dermoscopy.report.page.markdown import plain
from dermoscopy.report.page.page import README, Page, read_data, write_page
from dermoscopy.report.page.readme import refreshed_index
from dermoscopy.report.published.record import RECORD, unpack
from dermoscopy.runs.tables import SweepResults

REMEDY = "leave out publish=true, which keeps it, or replace it by force=true"
OUTDATED = ("table.svg", "out_of_fold.csv")  # of earlier versions


@dataclass(frozen=True)
class Published:
    """What matters of a page when another one is to replace it.

    Attributes:
        sweep: its name.
        done: number of jobs that were done.
        stores: name, first 12 digits of the fingerprint and largest number of images of each store.
    """

    sweep: str
    done: int
    stores: tuple[tuple[str, str, int], ...]


def publish(page: Page, experiments: Path, force: bool = False) -> list[Path]:
    """Write a page to `<experiments>/<name>/`, and its row in the index of all pages.

    Args:
        page: the page.
        experiments: folder of the published pages.
        force: whether to replace a page of other data, of more images, or of more results.

    Returns:
        The files written.

    Raises:
        ValueError: it would replace such a page; the page cannot be made again from its files; see `write_page`.
    """
    folder, index = experiments / page.sweep.experiment, experiments / README
    if not force:
        _check(_of_folder(folder, page.sweep), _of_sweep(page.sweep), folder)
    written = write_page(page, folder)
    for name in OUTDATED:
        (folder / name).unlink(missing_ok=True)
    text = (folder / README).read_text()
    rows = refreshed_index(index.read_text() if index.is_file() else "", page.sweep, text, page.answer)
    return [*written, write_atomically(index, rows)]


def _of_sweep(sweep: SweepResults) -> Published:
    images: dict[tuple[str, str], int] = {}
    for data in (job.record["data"] for job in sweep.jobs if "data" in job.record):
        store = data["name"], data["fingerprint"][:12]
        images[store] = max(images.get(store, 0), data.get("train", 0) + data.get("val", 0) + data.get("test", 0))
    return Published(sweep.folder.name, len(sweep.done), tuple((*store, number) for store, number in images.items()))


def _of_folder(folder: Path, sweep: SweepResults) -> Published | None:
    """Return what is published in a folder, None if nothing is; pages of earlier versions have only their README."""
    if (folder / RECORD).is_file():
        try:
            return _of_sweep(unpack(read_data(folder)[0])[0])
        except (ValueError, FileNotFoundError) as error:
            raise ValueError(
                f"what {shown_path(folder)} holds cannot be read, so whether it may be replaced is unknown: {error}; "
                "force=true replaces it"
            ) from error
    return _of_readme((folder / README).read_text()) if (folder / README).is_file() else None


def _of_readme(text: str) -> Published | None:
    """Return what the README of an earlier version says in its table of facts, None if it has none."""
    sweep = re.search(r"^\| sweep \| ([\w-]+),", text, re.MULTILINE)
    done = re.search(r"^\| jobs \| \d+: (\d+) done", text, re.MULTILINE)
    rows = [line for line in text.splitlines() if line.startswith("| data |")]
    known = tuple((name, digits, _images(counts)) for row in rows for name, counts, digits in STORE.findall(row))
    if not sweep and not known:
        return None
    return Published(sweep[1] if sweep else "unknown", int(done[1]) if done else 0, known)


def _images(counts: str) -> int:
    """Return the largest number of images that the text of a store allows."""
    return sum(int(number.split()[-1]) for number in re.findall(r"(\d+(?: to \d+)?) (?:train|val|test)", counts))


def _check(before: Published | None, now: Published, folder: Path) -> None:
    """Refuse to replace a page by one with fewer results, of another data set, or of fewer images of the same.

    Raises:
        ValueError: it would; the message says what to type.
    """
    if before is None:
        return
    place = shown_path(folder)
    if before.done and not now.done:
        raise ValueError(
            f"{place} has the results of sweep {before.sweep}, jobs done: {before.done}; no job of sweep {now.sweep} "
            f"is done: {REMEDY}"
        )
    if {digits for _, digits, _ in before.stores} & {digits for _, digits, _ in now.stores}:
        if now.done < before.done:
            raise ValueError(
                f"{place} has the results of {before.done} jobs (sweep {before.sweep}), sweep {now.sweep} has those of "
                f"{now.done}: {REMEDY}"
            )
        return
    if not before.stores or not now.stores:
        return
    fewer = max(images for *_, images in now.stores) < max(images for *_, images in before.stores)
    if {plain(name) for name, *_ in now.stores} & {plain(name) for name, *_ in before.stores} and not fewer:
        return
    then, new = (
        ", ".join(f"{name} ({images} images, fingerprint {digits})" for name, digits, images in known)
        for known in (before.stores, now.stores)
    )
    raise ValueError(f"{place} is the page of other data, {then}; this one is of {new}: {REMEDY}")
