"""The sections of a page, each from the store and what was measured of it; a store may lack masks, labels or groups."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dermoscopy.data.inspection import tables
from dermoscopy.data.inspection.markup import chart, figure, legend, paragraph, section, sheet, table
from dermoscopy.data.inspection.pictures import TURNS, histograms, outlined
from dermoscopy.data.store.reader import Store
from dermoscopy.machine.messages import nearest

WORST = 12  # pictures of misplaced masks
SHEET = 24  # pictures of pairs
ROWS = 200  # of a long table


@dataclass(frozen=True, eq=False)
class Measured:
    """What a page is about: a store, its pixel counts and its near-duplicates."""

    store: Store
    lesion: str
    pixels: tables.Pixels
    pairs: pd.DataFrame
    candidates: int
    compared: int
    distance: int
    similarity: float
    csv: str

    @property
    def across(self) -> pd.DataFrame:
        """Pairs in different groups: a split may part them."""
        return self.pairs[self.pairs["group_a"] != self.pairs["group_b"]]

    @property
    def within(self) -> pd.DataFrame:
        """Pairs in one group, as they should be."""
        return self.pairs[self.pairs["group_a"] == self.pairs["group_b"]]


def findings(it: Measured) -> list[tuple[str, str]]:
    """What a person should know before training: (anchor of the section, sentence)."""
    found = []
    if len(it.across):
        text = f"pairs of images that look alike in different groups, so that a split may part them: {len(it.across)}"
        found.append(("duplicates", text))
    misplaced = len(tables.worst_outside(it.store, it.pixels))
    if misplaced:
        found.append(("outside", f"masks that lie mostly outside the {it.lesion}: {misplaced}"))
    for what, count, names in tables.oddities(it.store, it.pixels, it.lesion).itertuples(index=False):
        if count:
            found.append(("oddities", f"{what}: {count} ({names})"))
    for row in tables.label_balance(it.store).itertuples():
        if row.yes == 0 or row.no == 0:
            found.append(("labels", f"label {row.label} is never {'no' if row.yes else 'yes'}: nothing to learn"))
    return found


def facts_section(it: Measured) -> str:
    """What the store says of itself."""
    return section("facts", "Store", table(tables.facts(it.store)))


def sizes_section(it: Measured) -> str:
    """Sizes of the original pictures, and how they were laid into the store."""
    height, width = it.store.frame[:, :2].T
    drawn = histograms({"longer side": np.maximum(height, width), "shorter side": np.minimum(height, width)}, "px")
    share = paragraph(f"How the originals lie in the store (fit={it.store.fit}), percent of an image:")
    sizes = table(tables.original_sizes(it.store), 2)
    return section(
        "sizes", "Original sizes", sizes, chart(drawn, "histograms of sizes"), share, table(tables.padding(it.store))
    )


def masks_section(it: Measured) -> str:
    """How often each mask is there, and how large."""
    if not it.store.mask_names:
        return section("masks", "Masks", paragraph("The store has no masks."))
    note = paragraph("Areas are percent of the image without padding, over the images in which the mask is present.")
    share = 100 * it.pixels.share
    panels = {name: share[:, column] for column, name in enumerate(it.store.mask_names)}
    shown = {name: values[~np.isnan(values)] for name, values in panels.items() if not np.isnan(values).all()}
    drawn = chart(histograms(shown, "% of the image"), "histograms of mask areas") if shown else ""
    return section("masks", "Masks", note, table(tables.mask_areas(it.store, it.pixels)), drawn)


def outside_section(it: Measured) -> str:
    """Masks that reach beyond the lesion."""
    title = f"Masks outside the {it.lesion}"
    if it.lesion not in it.store.mask_names:
        close = nearest(it.lesion, it.store.mask_names)
        return section("outside", title, paragraph(f"The store has no mask {it.lesion} (inspection.lesion){close}"))
    worst = tables.worst_outside(it.store, it.pixels)
    own = it.store.mask_names.index(it.lesion)
    pictures = [
        figure([outlined(it.store, row, (own, column))], image, f"{mask}, {pixels:,} px", f"{outside:.0f} % outside")
        for image, mask, pixels, outside, row, column in worst[:WORST].itertuples(index=False, name=None)
    ]
    long = worst.drop(columns=["row", "column"])
    note = paragraph("Counted in pixels of the store, over images whose lesion is annotated.")
    listed = _folded(f"All {len(worst)} masks that lie mostly outside", long)
    summary = table(tables.outside_lesion(it.store, it.pixels, it.lesion))
    return section("outside", title, note, summary, legend(it.store) if pictures else "", sheet(pictures), listed)


def labels_section(it: Measured) -> str:
    """Balance of the labels, and which come together."""
    if not it.store.label_names:
        return section("labels", "Labels", paragraph("The store has no labels."))
    both = tables.together(it.store)
    counts = both.drop(columns="").to_numpy(float)
    shade = counts / np.maximum(counts.diagonal(), 1)[:, None]
    text = "Images in which both are yes; the stronger the colour, the larger its share of the row's diagonal."
    parts = [table(tables.label_balance(it.store)), "<h3>Together</h3>", paragraph(text), table(both, shade=shade)]
    parts += ["<h3>Commonest sets</h3>", table(tables.label_patterns(it.store))]
    return section("labels", "Labels", *parts)


def groups_section(it: Measured) -> str:
    """Sizes of the groups that a split keeps whole."""
    note = paragraph("Images of one group (the same lesion or patient) stay on one side of a split.")
    return section("groups", "Groups", note, table(tables.group_sizes(it.store)))


def duplicates_section(it: Measured) -> str:
    """Images that show the same thing, across groups and within."""
    text = (
        f"Images whose perceptual hashes (64 bit) differ in at most {it.distance} bits in any of eight turns are "
        f"candidates: {it.candidates:,} pairs. Where the fine details of the two correlate with at least "
        f"{it.similarity:g}, they are listed: {len(it.pairs):,} pairs. Look at them: those near the limit may be "
        "different lesions, and pairs below it the same one."
    )
    if it.compared < it.candidates:
        text += f" Only the closest {it.compared:,} candidates were compared: lower inspection.distance."
    across = _pictures(it, it.across)
    warning = "None: no split can part two pictures of one thing that were found here."
    if across:
        shown = f"The {len(across)} most similar are shown, all" if len(across) < len(it.across) else "All"
        warning = (
            f"Give the two the same group (data.source.group_column) if they show one thing. {shown} are in {it.csv}."
        )
    parts = [paragraph(text), f"<h3>In different groups: {len(it.across)}</h3>", paragraph(warning)]
    parts += [sheet(across, "pairs"), _folded("All pairs in different groups", it.across, 2)]
    parts += [f"<h3>In the same group, as expected: {len(it.within)}</h3>", _folded("All pairs", it.within, 2)]
    return section("duplicates", "Near-duplicates", *parts)


def _pictures(it: Measured, pairs: pd.DataFrame) -> list[str]:
    rows = {name: row for row, name in enumerate(it.store.ids.tolist())}
    figures = []
    for a, _, b, _, bits, score, turn, labels in pairs[:SHEET].itertuples(index=False, name=None):
        second = outlined(it.store, rows[b], turn=TURNS.index(turn))
        lines = [f"similarity {score:.2f}, {bits} bits" + (f", the second {turn}" if turn != TURNS[0] else "")]
        lines += [f"labels differ: {labels}"] if labels else []
        figures.append(figure([outlined(it.store, rows[a]), second], f"{a} – {b}", *lines))
    return figures


def _folded(title: str, values: pd.DataFrame, digits: int = 1) -> str:
    if values.empty:
        return ""
    rest = f", the first {ROWS}" if len(values) > ROWS else ""
    return f"<details><summary>{title}{rest}</summary>{table(values[:ROWS], digits)}</details>"


def oddities_section(it: Measured) -> str:
    """Images without labels or masks, empty and full masks."""
    values = tables.oddities(it.store, it.pixels, it.lesion)
    body = table(values) if len(values) else paragraph("Without masks and labels there is nothing that could be odd.")
    return section("oddities", "Empty and full", body)


def sample_section(it: Measured, sample: int, seed: int) -> str:
    """Random images with the outlines of all their masks."""
    count = min(sample, len(it.store))
    rows = np.sort(np.random.default_rng(seed).choice(len(it.store), count, replace=False)).tolist()
    label = it.store.label
    names = [", ".join(np.array(it.store.label_names, dtype=str)[label[row] == 1]) for row in rows]
    every = range(len(it.store.mask_names))
    figures = [
        figure([outlined(it.store, row, every)], str(it.store.ids[row]), text)
        for row, text in zip(rows, names, strict=True)
    ]
    note = paragraph(f"{count} images drawn at random (inspection.seed={seed}), with the labels that are yes.")
    return section("sample", "Sample", note, legend(it.store), sheet(figures))
