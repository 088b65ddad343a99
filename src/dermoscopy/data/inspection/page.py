"""The page about a store: one HTML file with embedded pictures, and a CSV of the near-duplicates."""

import re
from html import escape
from pathlib import Path
from typing import NamedTuple

from dermoscopy.data.inspection import sections
from dermoscopy.data.inspection.duplicates import near_duplicates
from dermoscopy.data.inspection.sections import StoreStatistics, findings
from dermoscopy.data.inspection.tables import count_pixels
from dermoscopy.data.store.reader import open_store
from dermoscopy.machine.files import write_atomically
from dermoscopy.machine.messages import PURPOSE

STYLE = Path(__file__).with_name("page.css")


class Inspection(NamedTuple):
    """Results of an inspection: its page, the CSV of near-duplicates, and the findings as sentences."""

    page: Path
    csv: Path
    findings: list[str]


def inspect_store(
    store: str | Path, out: str | Path | None, lesion: str, distance: int, similarity: float, sample: int, seed: int
) -> Inspection:
    """Measure a store and write a page about it.

    Args:
        store: the HDF5 file.
        out: the page; None: `<store>-inspection.html` beside the store. `<page>-near_duplicates.csv` goes beside it.
        lesion: name of the mask that should contain the others; without it that section has no numbers.
        distance: maximum number of bits, of 64, by which the hashes of near-duplicates differ.
        similarity: minimum correlation of their details.
        sample: number of random images to show.
        seed: seed of the random images.

    Raises:
        ValueError: an argument is out of its range, or the file is not a store.
        OSError: the store does not exist or the page cannot be written.
    """
    _check(distance, similarity, sample)
    path = Path(store)
    page = path.with_name(f"{path.stem}-inspection.html") if out is None else Path(out)
    if page.is_dir():
        raise ValueError(f"out={page} is a folder: name the page itself, for example out={page / 'inspection.html'}")
    csv = page.with_name(f"{page.stem}-near_duplicates.csv")
    opened = open_store(path)
    pairs, candidates, compared = near_duplicates(opened, distance, similarity)
    pixels = count_pixels(opened, lesion)
    stats = StoreStatistics(opened, lesion, pixels, pairs, candidates, compared, distance, similarity, csv.name)
    write_atomically(csv, pairs.to_csv(index=False, float_format="%.3f"))
    write_atomically(page, _html(stats, sample, seed))
    return Inspection(page, csv, [sentence for _, sentence in findings(stats)])


def _check(distance: int, similarity: float, sample: int) -> None:
    if not 0 <= distance <= 64:
        raise ValueError(f"inspection.distance must lie in [0, 64], got {distance}")
    if not 0 <= similarity <= 1:
        raise ValueError(f"inspection.similarity must lie in [0, 1], got {similarity}")
    if sample < 0:
        raise ValueError(f"inspection.sample must be at least 0, got {sample}")


def _html(stats: StoreStatistics, sample: int, seed: int) -> str:
    body = "\n".join(
        [
            sections.facts_section(stats),
            sections.sample_section(stats, sample, seed),
            sections.sizes_section(stats),
            sections.masks_section(stats),
            sections.outside_section(stats),
            sections.labels_section(stats),
            sections.groups_section(stats),
            sections.duplicates_section(stats),
            sections.oddities_section(stats),
        ]
    )
    name = escape(stats.store.path.stem)
    links = "".join(
        f'<a href="#{anchor}">{title}</a>' for anchor, title in re.findall(r'<h2 id="(\w+)">(.*?)</h2>', body)
    )
    lead = f"{len(stats.store):,} images of {stats.store.size[1]} × {stats.store.size[0]} px, before training."
    lines = _finding_list(stats)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{name}</title>\n'
        f'<meta name="viewport" content="width=device-width">\n<style>\n{STYLE.read_text()}</style></head>\n'
        f'<body><h1>{name}</h1>\n<p class="lead">{lead}</p>\n<nav>{links}</nav>\n{lines}\n{body}\n'
        f"<footer>{PURPOSE}</footer>\n</body></html>\n"
    )


def _finding_list(stats: StoreStatistics) -> str:
    lines = [f'<li><a href="#{anchor}">{escape(sentence)}</a>' for anchor, sentence in findings(stats)]
    return f'<ul class="findings">{"".join(lines)}</ul>' if lines else "<p>No findings.</p>"
