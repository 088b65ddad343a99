"""Sections of a page, each from the store and its statistics; a store may lack masks, labels or groups."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dermoscopy.data.inspection import tables
from dermoscopy.data.inspection.markup import chart, figure, legend, paragraph, section, sheet, table
from dermoscopy.data.inspection.pictures import TURNS, histograms, outlined
from dermoscopy.data.store.label_counts import uncovered
from dermoscopy.data.store.reader import Store
from dermoscopy.machine.messages import nearest

WORST = 12  # pictures of misplaced masks
SHEET = 24  # pictures of pairs
ROWS = 200  # of a long table


@dataclass(frozen=True, eq=False)
class StoreStatistics:
    """Statistics of a store for its page: pixel counts and near-duplicates."""

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
        """Pairs in different groups, which a split may separate."""
        return self.pairs[self.pairs["group_a"] != self.pairs["group_b"]]

    @property
    def within(self) -> pd.DataFrame:
        """Pairs in the same group, as expected."""
        return self.pairs[self.pairs["group_a"] == self.pairs["group_b"]]


def findings(stats: StoreStatistics) -> list[tuple[str, str]]:
    """Return the findings to know before training: (anchor of the section, sentence)."""
    sentences = []
    if len(stats.across):
        text = f"pairs of images that look alike in different groups, which a split may separate: {len(stats.across)}"
        sentences.append(("duplicates", text))
    misplaced = len(tables.worst_outside(stats.store, stats.pixels))
    if misplaced:
        sentences.append(("outside", f"masks that lie mostly outside the {stats.lesion}: {misplaced}"))
    for oddity, count, names in tables.oddities(stats.store, stats.pixels, stats.lesion).itertuples(index=False):
        if count:
            sentences.append(("oddities", f"{oddity}: {count} ({names})"))
    for row in tables.label_balance(stats.store).itertuples():
        if row.yes == 0 or row.no == 0:
            sentences.append(("labels", f"label {row.label} is never {'no' if row.yes else 'yes'}: nothing to learn"))
    if exclusive := uncovered(stats.store.label):
        sentences.append(("labels", exclusive))
    return sentences


def facts_section(stats: StoreStatistics) -> str:
    """Return the section of the store's metadata."""
    return section("facts", "Store", table(tables.facts(stats.store)))


def sizes_section(stats: StoreStatistics) -> str:
    """Return the section of the original image sizes and of how the images were fitted into the store."""
    height, width = stats.store.frame[:, :2].T
    drawn = histograms({"longer side": np.maximum(height, width), "shorter side": np.minimum(height, width)}, "px")
    share = paragraph(f"Padding and cropping of the originals in the store (fit={stats.store.fit}), percent per image:")
    sizes = table(tables.original_sizes(stats.store), 2)
    return section(
        "sizes", "Original sizes", sizes, chart(drawn, "histograms of sizes"), share, table(tables.padding(stats.store))
    )


def masks_section(stats: StoreStatistics) -> str:
    """Return the section of the masks' frequencies and areas."""
    if not stats.store.mask_names:
        return section("masks", "Masks", paragraph("The store has no masks."))
    note = paragraph("Areas are percent of the image without padding, over the images in which the mask is present.")
    share = 100 * stats.pixels.share
    panels = {name: share[:, column] for column, name in enumerate(stats.store.mask_names)}
    areas = {name: values[~np.isnan(values)] for name, values in panels.items() if not np.isnan(values).all()}
    drawn = chart(histograms(areas, "% of the image"), "histograms of mask areas") if areas else ""
    return section("masks", "Masks", note, table(tables.mask_areas(stats.store, stats.pixels)), drawn)


def outside_section(stats: StoreStatistics) -> str:
    """Return the section of masks that extend beyond the lesion."""
    title = f"Masks outside the {stats.lesion}"
    if stats.lesion not in stats.store.mask_names:
        close = nearest(stats.lesion, stats.store.mask_names)
        return section("outside", title, paragraph(f"The store has no mask {stats.lesion} (inspection.lesion){close}"))
    worst = tables.worst_outside(stats.store, stats.pixels)
    own = stats.store.mask_names.index(stats.lesion)
    pictures = [
        figure([outlined(stats.store, row, (own, column))], image, f"{mask}, {pixels:,} px", f"{outside:.0f} % outside")
        for image, mask, pixels, outside, row, column in worst[:WORST].itertuples(index=False, name=None)
    ]
    long = worst.drop(columns=["row", "column"])
    note = paragraph("Counted in pixels of the store, over images whose lesion is annotated.")
    listed = _folded(f"All {len(worst)} masks that lie mostly outside", long)
    summary = table(tables.outside_lesion(stats.store, stats.pixels, stats.lesion))
    return section("outside", title, note, summary, legend(stats.store) if pictures else "", sheet(pictures), listed)


def labels_section(stats: StoreStatistics) -> str:
    """Return the section of the labels' balance and co-occurrence."""
    if not stats.store.label_names:
        return section("labels", "Labels", paragraph("The store has no labels."))
    both = tables.co_occurrence(stats.store)
    counts = both.drop(columns="").to_numpy(float)
    shade = counts / np.maximum(counts.diagonal(), 1)[:, None]
    text = "Images in which both labels are yes; the stronger the colour, the larger the share of the row's diagonal."
    balance = table(tables.label_balance(stats.store))
    parts = [balance, "<h3>Co-occurrence</h3>", paragraph(text), table(both, shade=shade)]
    parts += ["<h3>Most frequent sets</h3>", table(tables.label_patterns(stats.store))]
    return section("labels", "Labels", *parts)


def groups_section(stats: StoreStatistics) -> str:
    """Return the section of the sizes of the groups, which a split keeps whole."""
    note = paragraph("Images of one group (the same lesion or patient) stay in one subset of a split.")
    return section("groups", "Groups", note, table(tables.group_sizes(stats.store)))


def duplicates_section(stats: StoreStatistics) -> str:
    """Return the section of near-duplicate images, across and within groups."""
    text = (
        f"Images whose perceptual hashes (64 bit) differ by at most {stats.distance} bits in any of eight orientations "
        f"are candidates: {stats.candidates:,} pairs. Where the fine details of the two correlate with at least "
        f"{stats.similarity:g}, they are listed: {len(stats.pairs):,} pairs. Look at them: those near the limit may be "
        "different lesions, and pairs below it the same one."
    )
    if stats.compared < stats.candidates:
        text += f" Only the closest {stats.compared:,} candidates were compared: lower inspection.distance."
    across = _pictures(stats, stats.across)
    warning = "None: no split can separate two images of these pairs."
    if across:
        extent = f"The {len(across)} most similar are shown, all" if len(across) < len(stats.across) else "All"
        warning = (
            "Give the two images the same group (data.source.group_column) if they show the same thing. "
            f"{extent} are in {stats.csv}."
        )
    parts = [paragraph(text), f"<h3>In different groups: {len(stats.across)}</h3>", paragraph(warning)]
    parts += [sheet(across, "pairs"), _folded("All pairs in different groups", stats.across, 2)]
    parts += [f"<h3>In the same group, as expected: {len(stats.within)}</h3>", _folded("All pairs", stats.within, 2)]
    return section("duplicates", "Near-duplicates", *parts)


def _pictures(stats: StoreStatistics, pairs: pd.DataFrame) -> list[str]:
    rows = {name: row for row, name in enumerate(stats.store.ids.tolist())}
    figures = []
    for a, _, b, _, bits, score, turn, labels in pairs[:SHEET].itertuples(index=False, name=None):
        second = outlined(stats.store, rows[b], turn=TURNS.index(turn))
        lines = [f"similarity {score:.2f}, {bits} bits" + (f", the second {turn}" if turn != TURNS[0] else "")]
        lines += [f"labels differ: {labels}"] if labels else []
        figures.append(figure([outlined(stats.store, rows[a]), second], f"{a} – {b}", *lines))
    return figures


def _folded(title: str, values: pd.DataFrame, digits: int = 1) -> str:
    if values.empty:
        return ""
    rest = f", the first {ROWS}" if len(values) > ROWS else ""
    return f"<details><summary>{title}{rest}</summary>{table(values[:ROWS], digits)}</details>"


def oddities_section(stats: StoreStatistics) -> str:
    """Return the section of images without labels or masks and of empty and full masks."""
    values = tables.oddities(stats.store, stats.pixels, stats.lesion)
    body = table(values) if len(values) else paragraph("Without masks and labels there is nothing to check.")
    return section("oddities", "Empty and full", body)


def sample_section(stats: StoreStatistics, sample: int, seed: int) -> str:
    """Return the section of random images with the outlines of all their masks."""
    count = min(sample, len(stats.store))
    rows = np.sort(np.random.default_rng(seed).choice(len(stats.store), count, replace=False)).tolist()
    label = stats.store.label
    names = [", ".join(np.array(stats.store.label_names, dtype=str)[label[row] == 1]) for row in rows]
    every = range(len(stats.store.mask_names))
    figures = [
        figure([outlined(stats.store, row, every)], str(stats.store.ids[row]), text)
        for row, text in zip(rows, names, strict=True)
    ]
    note = paragraph(f"{count} images drawn at random (inspection.seed={seed}), with the labels that are yes.")
    return section("sample", "Sample", note, legend(stats.store), sheet(figures))
