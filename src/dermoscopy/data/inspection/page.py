"""The page about a store: one HTML file with its pictures inside, and a CSV of the near-duplicates."""

import re
from html import escape
from pathlib import Path
from typing import NamedTuple

from dermoscopy.data.inspection import sections
from dermoscopy.data.inspection.duplicates import near_duplicates
from dermoscopy.data.inspection.sections import Measured, findings
from dermoscopy.data.inspection.tables import count_pixels
from dermoscopy.data.store.reader import open_store
from dermoscopy.machine.files import write_atomically

STYLE = Path(__file__).with_name("page.css")


class Inspection(NamedTuple):
    """What an inspection leaves: its page, the CSV of near-duplicates, and what a person should know, in sentences."""

    page: Path
    csv: Path
    findings: list[str]


def inspect_store(
    store: str | Path, out: str | Path | None, lesion: str, distance: int, similarity: float, sample: int, seed: int
) -> Inspection:
    """Measures a store and writes a page about it.

    Args:
        store: the HDF5 file.
        out: the page; None: `<store>-inspection.html` beside the store. `<page>-near_duplicates.csv` goes beside it.
        lesion: the mask that the others should lie in; a store without it lacks that section's numbers.
        distance: bits of 64 in which the hashes of near-duplicates may differ.
        similarity: what the correlation of their details must reach.
        sample: how many random images to show.
        seed: of the random images.

    Raises:
        ValueError: an argument is out of its range, or the store is none.
        OSError: the store is not there or the page cannot be written.
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
    it = Measured(opened, lesion, pixels, pairs, candidates, compared, distance, similarity, csv.name)
    write_atomically(csv, pairs.to_csv(index=False, float_format="%.3f"))
    write_atomically(page, _html(it, sample, seed))
    return Inspection(page, csv, [sentence for _, sentence in findings(it)])


def _check(distance: int, similarity: float, sample: int) -> None:
    if not 0 <= distance <= 64:
        raise ValueError(f"inspection.distance must lie in [0, 64], got {distance}")
    if not 0 <= similarity <= 1:
        raise ValueError(f"inspection.similarity must lie in [0, 1], got {similarity}")
    if sample < 0:
        raise ValueError(f"inspection.sample must be at least 0, got {sample}")


def _html(it: Measured, sample: int, seed: int) -> str:
    body = "\n".join(
        [
            sections.facts_section(it),
            sections.sample_section(it, sample, seed),
            sections.sizes_section(it),
            sections.masks_section(it),
            sections.outside_section(it),
            sections.labels_section(it),
            sections.groups_section(it),
            sections.duplicates_section(it),
            sections.oddities_section(it),
        ]
    )
    name = escape(it.store.path.stem)
    links = "".join(
        f'<a href="#{anchor}">{title}</a>' for anchor, title in re.findall(r'<h2 id="(\w+)">(.*?)</h2>', body)
    )
    lead = f"{len(it.store):,} images of {it.store.size[1]} × {it.store.size[0]} px, before training."
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{name}</title>\n'
        f'<meta name="viewport" content="width=device-width">\n<style>\n{STYLE.read_text()}</style></head>\n'
        f'<body><h1>{name}</h1>\n<p class="lead">{lead}</p>\n<nav>{links}</nav>\n{_found(it)}\n{body}\n</body></html>\n'
    )


def _found(it: Measured) -> str:
    lines = [f'<li><a href="#{anchor}">{escape(sentence)}</a>' for anchor, sentence in findings(it)]
    return f'<ul class="findings">{"".join(lines)}</ul>' if lines else "<p>Nothing was found that needs a look.</p>"
