"""Content of a data set: its images with their masks, labels and groups, and what is wrong with the others."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from dermoscopy.data.raw.label_rules import UNKNOWN
from dermoscopy.data.raw.labels import LabelRow
from dermoscopy.data.raw.mask_files import Files
from dermoscopy.data.raw.patterns import distinguished
from dermoscopy.data.raw.problems import Problem
from dermoscopy.data.raw.table_notes import alike
from dermoscopy.data.tables import few, is_missing


class Item(NamedTuple):
    """One image of a source.

    Attributes:
        id: its name.
        group: images of one group stay in one subset.
        image: its file.
        masks: files of each mask; None where it is not annotated.
        labels: 0, 1, or -1 for unknown.
        metadata: texts, "" where unknown.
        official: its subset in the official split, "" for none.
    """

    id: str
    group: str
    image: Path
    masks: tuple[Files, ...]
    labels: tuple[int, ...]
    metadata: tuple[str, ...] = ()
    official: str = ""


class Listing(NamedTuple):
    """Content of a source.

    Attributes:
        items: usable images, in order of their ids.
        problems: of the others.
        label_names: names of the labels.
        files: every file used.
        notes: what is left out although nothing is wrong with it, counted and named, a line each.
        metadata: names of the metadata.
    """

    items: list[Item]
    problems: list[Problem]
    label_names: tuple[str, ...]
    files: list[Path]
    notes: list[str]
    metadata: tuple[str, ...] = ()


def image_faults(id: str, images: Sequence[Path]) -> list[tuple[str, str]]:
    """Return what is wrong with the files of an id, with remedies."""
    faults = []
    if len(images) > 1:
        problem = f"{len(images)} images have the id {id} ({distinguished(images)})"
        faults.append((problem, "rename or remove all but one"))
    if not _is_text(id):
        faults.append(("its name is not in UTF-8", "rename it"))
    return faults


def labels_of(id: str, row: LabelRow, from_masks: int, classes: Sequence[str]) -> tuple[int, ...]:
    """Return the labels of an image: of the table, of masks (unknown until they are read), and of its folder."""
    folder = id.split("/")[0]
    one_hot = (UNKNOWN if is_missing(folder) else int(folder == name) for name in classes)
    return (*row.labels, *[UNKNOWN] * from_masks, *one_hot)


def class_notes(folders: Collection[str], ids: Collection[str]) -> Iterator[str]:
    """Yield how many images have a class called unknown, none, NA and the like, and classes that look alike."""
    if twins := alike(folder for folder in sorted(folders) if not is_missing(folder)):
        yield f"classes that look alike are labels of their own, rename the folders if they are one: {few(twins)}"
    for folder in sorted(filter(is_missing, folders)):
        count = sum(id.startswith(f"{folder}/") for id in ids)
        yield f"{folder}: {count} of {len(ids)} images, whose class is unknown; rename the folder to make it a class"


def without_table(columns: Mapping[str, str], groups: Sequence[str], metadata: Mapping[str, str]) -> list[str]:
    """Return what does not count as there is no table, in one line or none."""
    named = {"columns": columns, "group_column": groups, "metadata": metadata}
    lost = [f"data.source.{key} ({', '.join(names)})" for key, names in named.items() if names]
    return [f"no table (data.source.csv=null), so there is no effect of {' and '.join(lost)}"] if lost else []


def _is_text(name: str) -> bool:
    """Return whether a name can be stored; on Linux names of files are any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
