"""Metadata of a store: what is known of each image beside its labels, such as age, sex and site.

A column whose known values are all numbers is float32, unknown NaN; any other is text, unknown "".
"""

from collections.abc import Mapping, Sequence

import h5py
import numpy as np
from numpy.typing import NDArray

from dermoscopy.data.tables import number

GROUP = "metadata"
Column = NDArray[np.float32] | NDArray[np.str_]  # (N,)
Metadata = Mapping[str, Column]


def typed_column(texts: Sequence[str]) -> Column:
    """Return the values of a column, numbers if all that are known are numbers.

    Args:
        texts: of each image, "" where unknown.
    """
    known = [number(text) for text in texts if text]
    if not known or None in known:
        return np.array(texts, np.str_)
    values = [np.nan if not text else number(text) for text in texts]
    return np.array(values, np.float32)


def write_metadata(file: h5py.File, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write the metadata of all images to an open store; without names nothing.

    Args:
        file: the store.
        names: of the columns, in order.
        rows: texts of each image, in the same order.
    """
    if not names:
        return
    group = file.create_group(GROUP)
    group.attrs.create("names", list(names), dtype=h5py.string_dtype())  # a name may hold "/", which HDF5 would split
    for place, texts in enumerate(zip(*rows, strict=True) if rows else [()] * len(names)):
        values = typed_column(texts)
        text = values.dtype.kind == "U"
        group.create_dataset(
            str(place), data=values.tolist() if text else values, dtype=h5py.string_dtype() if text else np.float32
        )


def read_metadata(file: h5py.File) -> Metadata:
    """Return the metadata of an open store, none if it was made without."""
    if GROUP not in file:
        return {}
    group = file[GROUP]
    columns: dict[str, Column] = {}
    for place, name in enumerate(group.attrs["names"]):
        dataset = group[str(place)]
        numeric = dataset.dtype == np.float32
        columns[str(name)] = dataset[:] if numeric else dataset.asstr()[:].astype(np.str_)
    return columns


def describe_metadata(metadata: Metadata) -> str:
    """Return the columns with the number of known values and their range or most frequent texts, in one line."""
    return "; ".join(f"{name} ({_described(values)})" for name, values in metadata.items())


def _described(values: Column) -> str:
    if values.dtype.kind == "U":
        texts, counts = np.unique(values[values != ""], return_counts=True)
        order = np.argsort(-counts, kind="stable")[:3]
        shown = ", ".join(f"{texts[k]} {counts[k]}" for k in order)
        return f"{int(counts.sum())} known: {shown}" + (f" and {len(texts) - 3} more" if len(texts) > 3 else "")
    known = values[~np.isnan(values)]
    return f"{len(known)} known: {known.min():g} to {known.max():g}"
