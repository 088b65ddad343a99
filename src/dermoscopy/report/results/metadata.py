"""What is known of the test images of a sweep beside their labels, such as age and sex: from its stores or its page."""

from io import StringIO
from pathlib import Path

import pandas as pd

from dermoscopy.data.store.metadata import typed_column
from dermoscopy.data.store.reader import open_store
from dermoscopy.metrics.subgroups import bands
from dermoscopy.runs.tables import SweepResults

METADATA = "metadata.csv"


def image_metadata(sweep: SweepResults) -> tuple[pd.DataFrame, str]:
    """Return the metadata of the images that a sweep has tested, and why some are missing.

    Returns:
        Texts by id of the image, one column each, "" where unknown; no column where the data have no metadata.
    """
    known, lacking = sweep.metadata
    parts = [] if known is None else [known]
    tested: dict[tuple[Path, str], set[str]] = {}
    for job in sweep.done:
        table = job.last.predictions
        if table is None or job.last.split is None:  # a job of an earlier page, whose metadata are known
            continue
        tested.setdefault((job.last.store_file, job.record["data"]["fingerprint"]), set()).update(
            table["id"].astype(str)
        )
    for (file, fingerprint), ids in tested.items():
        try:
            opened = open_store(file)
        except (OSError, ValueError):
            lacking = f"no store {file.name}"
            continue
        if opened.fingerprint != fingerprint:
            lacking = f"{file.name} is no longer the store of this sweep"
            continue
        if opened.metadata:
            texts = {name: _texts(values.tolist()) for name, values in opened.metadata.items()}
            own = pd.DataFrame(texts, index=opened.ids.astype(object))
            parts.append(own[own.index.isin(ids)])
    whole = pd.concat(parts) if parts else pd.DataFrame()
    return whole[~whole.index.duplicated()].fillna("").sort_index(), lacking


def _texts(values: list[float] | list[str]) -> list[str]:
    return [("" if value != value else f"{value:g}") if isinstance(value, float) else str(value) for value in values]


def pack_metadata(metadata: pd.DataFrame) -> str:
    """Return the metadata of test images as CSV, "" if there are none."""
    return metadata.to_csv(index_label="id") if len(metadata.columns) else ""


def unpack_metadata(text: str) -> pd.DataFrame:
    """Return what `pack_metadata` has packed."""
    return pd.read_csv(StringIO(text), dtype=str, keep_default_na=False).set_index("id")


def subgroups_of(metadata: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Return of each column the subgroup of each image by id; columns with a single known value have none."""
    columns = {}
    for name in metadata:
        names = bands(str(name), typed_column(metadata[name].tolist()))
        if len({*names} - {""}) > 1:
            columns[str(name)] = dict(zip(metadata.index.astype(str), names, strict=True))
    return columns
