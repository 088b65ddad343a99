"""Tables of the numbers of a store: sizes, masks, labels, groups. Columns with names that end in % are percentages."""

import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dermoscopy.contracts import NOT_ANNOTATED
from dermoscopy.data.store.reader import Store

BLOCK = 256  # images whose masks are read at a time
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
LONGEST = 12  # rows of a table of sizes; one further row sums up the rest
MOSTLY = 0.5  # share of a mask that must lie outside the lesion to call it misplaced


class Pixels(NamedTuple):
    """Pixel counts per image and mask, (N, K): annotated, present, present outside the lesion (-1: lesion unknown)."""

    known: NDArray[np.int64]
    present: NDArray[np.int64]
    outside: NDArray[np.int64]

    @property
    def share(self) -> NDArray[np.float64]:
        """Area of a mask as a share of the image, NaN where nothing is annotated or present."""
        return _ratio(self.present, np.where(self.present > 0, self.known, 0))

    @property
    def outside_share(self) -> NDArray[np.float64]:
        """Share of a mask that lies outside the lesion, NaN where it is undefined."""
        return _ratio(self.outside, np.where(self.outside >= 0, self.present, 0))


def count_pixels(store: Store, lesion: str) -> Pixels:
    """Count the pixels of all masks in one pass.

    Args:
        store: an open store.
        lesion: name of the mask that should contain the others; the store need not have it.
    """
    mask = store.mask(mapped=True)
    known, present, outside = np.zeros((3, len(store), len(store.mask_names)), np.int64)
    outside -= 1
    for start in range(0, len(store), BLOCK):
        rows = slice(start, start + BLOCK)
        block = mask[rows]
        known[rows] = (block != NOT_ANNOTATED).sum((1, 2))
        present[rows] = (block == 1).sum((1, 2))
        if lesion in store.mask_names:
            own = block[..., [store.mask_names.index(lesion)]]
            counts = ((block == 1) & (own == 0)).sum((1, 2))
            outside[rows] = np.where((own != NOT_ANNOTATED).any((1, 2)), counts, -1)
    return Pixels(known, present, outside)


def facts(store: Store) -> pd.DataFrame:
    """Return the store's metadata."""
    settings = json.loads(store.source) if store.source.startswith("{") else {}
    rows = {
        "file": str(store.path),
        "raw files": settings.get("root", store.source or "unknown"),
        "images": f"{len(store):,}",
        "groups": f"{len(np.unique(store.groups)):,}",
        "height × width": f"{store.size[0]} × {store.size[1]} px",
        "fit": store.fit,
        "masks": ", ".join(store.mask_names) or "none",
        "labels": ", ".join(store.label_names) or "none",
        "size in memory": f"{store.nbytes / 1e6:,.1f} MB",
        "fingerprint": store.fingerprint,
    }
    return pd.DataFrame({"": list(rows), "store": list(rows.values())})


def original_sizes(store: Store) -> pd.DataFrame:
    """Return the number of images per original size, the most frequent first, the rare ones summed up."""
    sizes, counts = np.unique(store.frame[:, :2], axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    rows = [(f"{sizes[i, 1]} × {sizes[i, 0]}", sizes[i, 1] / sizes[i, 0], counts[i]) for i in order[:LONGEST]]
    if len(order) > LONGEST:
        rows.append((f"{len(order) - LONGEST} other sizes", np.nan, counts[order[LONGEST:]].sum()))
    table = pd.DataFrame(rows, columns=["width × height", "aspect", "images"])
    return table.assign(**{"of images %": 100 * table["images"] / len(store)})


def padding_and_crop(store: Store) -> pd.DataFrame:
    """Return, per image, the percentage of the stored image that is padding and of the original that is cut off."""
    height, width, top, left, rows, columns = store.frame.astype(np.int64).T
    visible_rows = np.minimum(top + rows, height) - np.maximum(top, 0)
    visible = visible_rows * (np.minimum(left + columns, width) - np.maximum(left, 0))
    whole = {"padding %": rows * columns, "cut off %": height * width}
    return pd.DataFrame({name: 100 - 100 * visible / area for name, area in whole.items()})


def padding(store: Store) -> pd.DataFrame:
    """Return mean and quantiles of `padding_and_crop` over all images."""
    values = padding_and_crop(store)
    table = values.quantile([0, *QUANTILES, 1]).T
    table.columns = pd.Index(["least", *_quantile_names(), "most"])
    return table.assign(mean=values.mean()).rename_axis("per image").reset_index()


def mask_areas(store: Store, pixels: Pixels) -> pd.DataFrame:
    """Return, per mask, in how many images it is annotated, present, empty or full, and its area where present."""
    annotated, present = (pixels.known > 0).sum(0), (pixels.present > 0).sum(0)
    table = pd.DataFrame({"mask": store.mask_names, "annotated": annotated, "present": present})
    table["present %"] = 100 * _ratio(present, annotated)
    table["empty"] = annotated - present
    table["full"] = full_masks(pixels).sum(0)
    areas = pd.DataFrame(100 * pixels.share).quantile(list(QUANTILES))
    for name, (_, row) in zip(_quantile_names(), areas.iterrows(), strict=True):
        table[f"area {name} %"] = row.to_numpy()
    return table


def full_masks(pixels: Pixels) -> NDArray[np.bool_]:
    """Return which masks cover every pixel of their image, (N, K)."""
    return (pixels.present == pixels.known) & (pixels.known > 0)


def label_balance(store: Store) -> pd.DataFrame:
    """Return, per label, the number of yes, no and unknown, and the percentage of yes among the known."""
    counts = [(store.label == value).sum(0) for value in (1, 0, -1)]
    table = pd.DataFrame(dict(zip(("yes", "no", "unknown"), counts, strict=True)))
    table.insert(0, "label", store.label_names)
    return table.assign(**{"yes of known %": 100 * _ratio(table["yes"], table["yes"] + table["no"])})


def co_occurrence(store: Store) -> pd.DataFrame:
    """Return the number of images in which two labels are both yes; on the diagonal, one label."""
    yes = (store.label == 1).astype(np.int64)
    table = pd.DataFrame(yes.T @ yes, columns=pd.Index(store.label_names))
    table.insert(0, "", store.label_names)
    return table


def label_patterns(store: Store) -> pd.DataFrame:
    """Return the most frequent sets of labels of an image; "a, b?" has a, and whether it has b is unknown."""
    patterns, counts = np.unique(store.label, axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:LONGEST]
    marked = (zip(store.label_names, row, strict=True) for row in patterns[order].tolist())
    sets = [", ".join(name + "?" * (code < 0) for name, code in row if code) or "none" for row in marked]
    return pd.DataFrame({"labels": sets, "images": counts[order], "of images %": 100 * counts[order] / len(store)})


def outside_lesion(store: Store, pixels: Pixels, lesion: str) -> pd.DataFrame:
    """Return, per other mask, the number of images with some, most or all of it outside the lesion."""
    rows = []
    for column, name in enumerate(store.mask_names):
        share = pixels.outside_share[:, column]
        share = share[~np.isnan(share)]
        area = pixels.outside[:, column] >= 0
        pooled = _ratio(pixels.outside[area, column].sum(), pixels.present[area, column].sum())
        counts = (len(share), (share > 0).sum(), (share > MOSTLY).sum(), (share == 1).sum())
        rows.append((name, *counts, 100 * pooled))
    columns = ["mask", "images with it", "some outside", "more than half", "all outside", "of its pixels %"]
    table = pd.DataFrame(rows, columns=columns)
    return table[table["mask"] != lesion].reset_index(drop=True)


def worst_outside(store: Store, pixels: Pixels) -> pd.DataFrame:
    """Return the masks mostly outside their lesion, the worst first; `row` and `column` locate them in the store."""
    share = pixels.outside_share
    row, column = np.nonzero(share > MOSTLY)
    table = pd.DataFrame(
        {
            "image": store.ids[row],
            "mask": np.array(store.mask_names, dtype=str)[column],
            "pixels": pixels.present[row, column],
            "outside %": 100 * share[row, column],
            "row": row,
            "column": column,
        }
    )
    return table.sort_values(["outside %", "pixels"], ascending=False, kind="stable").reset_index(drop=True)


def group_sizes(store: Store) -> pd.DataFrame:
    """Return the number of groups per number of images, and the first groups of that size."""
    names, sizes = np.unique(store.groups, return_counts=True)
    rows = [(size, (sizes == size).sum(), first(names[sizes == size])) for size in np.unique(sizes)]
    table = pd.DataFrame(rows, columns=["images in a group", "groups", "for example"])
    table.insert(2, "images", table["images in a group"] * table["groups"])
    return table


def oddities(store: Store, pixels: Pixels, lesion: str) -> pd.DataFrame:
    """Return the counts of images to check: no label known, nothing annotated, an empty lesion, a full mask."""
    rows = {}
    if store.label_names:
        rows["no label known"] = (store.label == -1).all(1)
    if store.mask_names:
        rows["no mask annotated"] = (pixels.known == 0).all(1)
    if lesion in store.mask_names:
        own = store.mask_names.index(lesion)
        rows[f"{lesion} annotated but empty"] = (pixels.known[:, own] > 0) & (pixels.present[:, own] == 0)
    full = full_masks(pixels)
    rows |= {f"{name} covers all of the image": full[:, column] for column, name in enumerate(store.mask_names)}
    values = [(name, int(match.sum()), first(store.ids[match])) for name, match in rows.items()]
    return pd.DataFrame(values, columns=["what", "images", "for example"])


def first(names: Sequence[str] | NDArray[np.str_], count: int = 4) -> str:
    """Return the first few of many names in one line."""
    return ", ".join(names[:count]) + (", …" if len(names) > count else "")


def _quantile_names() -> list[str]:
    return ["median" if q == 0.5 else f"{round(100 * q)}th" for q in QUANTILES]


def _ratio(part: object, whole: object) -> NDArray[np.float64]:
    part, whole = np.asarray(part, float), np.asarray(whole, float)
    return np.divide(part, whole, out=np.full(np.broadcast(part, whole).shape, np.nan), where=whole > 0)
