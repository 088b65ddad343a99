"""Pieces of HTML, with every text from a store escaped."""

import math
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dermoscopy.data.inspection.pictures import colour
from dermoscopy.data.store.reader import Store


def table(values: pd.DataFrame, digits: int = 1, shade: NDArray[np.floating] | None = None) -> str:
    """Return a table with right-aligned numbers.

    Args:
        values: the table to show.
        digits: decimals of numbers that are not whole.
        shade: strength of the background colour of each cell beyond the first column, in [0, 1].
    """
    right = [pd.api.types.is_numeric_dtype(kind) for kind in values.dtypes]
    head = "".join(f"<th{_side(number)}>{_breakable(str(name))}" for name, number in zip(values, right, strict=True))
    lines = []
    for index, row in enumerate(values.itertuples(index=False, name=None)):
        tints = ["", *("" if shade is None else _tint(value) for value in _shades(shade, index, len(row) - 1))]
        cells = zip(row, right, tints, strict=True)
        lines.append("<tr>" + "".join(f"<td{_side(n)}{tint}>{_cell(value, digits)}" for value, n, tint in cells))
    body = "\n".join(lines)
    return f'<div class="scroll"><table><thead><tr>{head}</thead><tbody>\n{body}\n</tbody></table></div>'


def _breakable(name: str) -> str:
    return escape(name).replace("_", "_<wbr>")


def _shades(shade: NDArray[np.floating] | None, index: int, count: int) -> Iterable[float]:
    return [0.0] * count if shade is None else shade[index].tolist()


def _side(number: bool) -> str:
    return ' class="n"' if number else ""


def _tint(strength: float) -> str:
    return f' style="background:rgba(74,144,194,{0.6 * strength:.2f})"' if strength > 0 else ""


def _cell(value: object, digits: int) -> str:
    if isinstance(value, float | np.floating):
        return "–" if math.isnan(value) else f"{value:,.{digits}f}"
    return f"{value:,}" if isinstance(value, int | np.integer) else escape(str(value))


def section(anchor: str, title: str, *parts: str) -> str:
    """Return a section with an anchor for links; empty parts are left out."""
    inner = "\n".join(part for part in parts if part)
    return f'<section><h2 id="{anchor}">{escape(title)}</h2>\n{inner}\n</section>'


def paragraph(text: str) -> str:
    """Return a paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def figure(pictures: Sequence[str], title: str, *lines: str) -> str:
    """Return pictures (data URIs) side by side over a caption."""
    images = "".join(f'<img src="{uri}" alt="{escape(title)}">' for uri in pictures)
    caption = "<br>".join([f"<b>{escape(title)}</b>", *(escape(line) for line in lines if line)])
    return f"<figure><div>{images}</div><figcaption>{caption}</figcaption></figure>"


def sheet(figures: Iterable[str], kind: str = "") -> str:
    """Return figures in a grid."""
    inner = "\n".join(figures)
    return f'<div class="sheet {kind}">\n{inner}\n</div>' if inner else ""


def legend(store: Store) -> str:
    """Return the legend of the masks' outline colours."""
    keys = (
        f'<span class="swatch" style="background:{colour(plane)}"></span>{escape(name)}'
        for plane, name in enumerate(store.mask_names)
    )
    return f'<p class="note">Outlines: {"".join(keys)}</p>' if store.mask_names else ""


def chart(uri: str, description: str) -> str:
    """Return a chart without a caption; `description` is its alternative text."""
    return f'<img src="{uri}" alt="{escape(description)}">'
