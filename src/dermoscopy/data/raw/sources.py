"""Sources of raw images, masks and labels in folders, and the problems of their layout."""

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

from dermoscopy.data.raw.groups import image_groups, same_notes
from dermoscopy.data.raw.label_rules import UNKNOWN
from dermoscopy.data.raw.labels import LabelTable, read_labels
from dermoscopy.data.raw.left_out import instead, notes
from dermoscopy.data.raw.patterns import Matches, bare, matched
from dermoscopy.data.raw.problems import Problem
from dermoscopy.data.raw.table_notes import alike
from dermoscopy.data.tables import few, is_missing, plain


class Item(NamedTuple):
    """One image of a source; `masks` holds None where one is missing, `labels` -1 where one is unknown."""

    id: str
    group: str
    image: Path
    masks: tuple[Path | None, ...]
    labels: tuple[int, ...]


class Listing(NamedTuple):
    """Content of a source: usable items by id, problems of the others, names of labels, and every file used.

    `notes` are lines for the user: what is left out although nothing is wrong with it, counted and named.
    """

    items: list[Item]
    problems: list[Problem]
    label_names: tuple[str, ...]
    files: list[Path]
    notes: list[str]


@dataclass(frozen=True)
class FolderSource:
    """Images, masks and labels in folders, matched by patterns.

    Patterns are relative to `root`, see `dermoscopy.data.raw.patterns`. `{class}` in `images` is a folder named after
    the class: each class becomes a label, and ids are class/id.

    Args:
        root: the folder of the data set; None: unknown, as where only its store is at hand.
        images: pattern of the image files.
        masks: name of a mask to the pattern of its files, in the order of the store's mask planes.
        csv: table of labels, relative to `root` or absolute; None for no table: then `columns` and `group_column` do
            not count.
        id_column: its column of image ids.
        group_column: its column of groups that a split must keep whole (a lesion, a patient); None: one per image.
        columns: name of a label to `column` (0, 1, empty for unknown) or `column=value` or `column=value|value`.
        from_masks: masks that also define a label: 1 where any pixel of the original mask is present.
        missing_masks: `stop` reports an image without one of its masks, `allow` stores it as not annotated.
        grey_masks: `stop` reports a mask that is not binary, `allow` reads grey as the covered part of a pixel.
        same: lists of ids of images of the same lesion, regardless of the table: their groups are merged. Ids without
            an image are ignored, so that a part of a data set can be prepared.
    """

    root: str | Path | None
    images: str = "images/{id}.jpg"
    masks: Mapping[str, str] = field(default_factory=dict)
    csv: str | Path | None = None
    id_column: str = "image_id"
    group_column: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    from_masks: Sequence[str] = ()
    missing_masks: str = "stop"
    grey_masks: str = "stop"
    same: Sequence[Sequence[str]] = ()

    def __post_init__(self) -> None:
        for name in ("masks", "columns"):
            if isinstance(entries := getattr(self, name), Mapping):
                object.__setattr__(self, name, {_key(name, key): entries[key] for key in entries})
        patterns = {"images": self.images} | {f"masks.{mask}": self.masks[mask] for mask in self.masks}
        for name, pattern in patterns.items():
            if not isinstance(pattern, str) or "{id}" not in pattern:
                raise ValueError(f"{name} must hold {{id}}, as in images/{{id}}.jpg, got {pattern}")
            if Path(pattern).is_absolute():
                raise ValueError(f"{name} must be relative to the folder of the raw files (data.raw), got {pattern}")
            if (first := next(key for key in patterns if patterns[key] == pattern)) not in (name, "images"):
                raise ValueError(f"data.source.{name} has the same files as {first}, {pattern}: correct one of them")
        for name in ("missing_masks", "grey_masks"):
            if (choice := getattr(self, name)) not in ("stop", "allow"):
                raise ValueError(f"{name} must be stop or allow, got {choice}")
        if unknown := [name for name in self.from_masks if name not in self.masks]:
            raise ValueError(
                f"from_masks names {', '.join(unknown)}, but the masks are {', '.join(self.masks) or 'none'}"
            )
        if twice := [name for name in self.from_masks if name in self.used_columns]:
            raise ValueError(f"labels {', '.join(twice)} are in columns and in from_masks: name each only once")
        for ids in self.same:
            if isinstance(ids, str) or len(set(ids)) < 2:
                raise ValueError(f"same must hold lists of two ids or more, as in [[a, b]], got {_plain(ids)}")

    @property
    def used_columns(self) -> Mapping[str, str]:
        """The labels of the table; none without a table."""
        return {} if self.csv is None else self.columns

    @property
    def mask_names(self) -> tuple[str, ...]:
        """Names of the masks, in the order of the store's planes."""
        return tuple(self.masks)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the labels: columns, then masks, then folders of classes."""
        return self.listing().label_names

    def settings(self) -> str:
        """Return all arguments as JSON."""
        return json.dumps({name: _plain(value) for name, value in asdict(self).items()})

    def listing(self) -> Listing:
        """Find every image with its masks and labels.

        Raises:
            ValueError: no image matches, or the table of labels lacks a column.
            FileNotFoundError: `root` or the table does not exist.
        """
        if self.root is None:
            raise ValueError("root is not set: give the folder of the raw files, data.raw=DIR")
        root = Path(self.root)
        if not root.is_dir():
            raise FileNotFoundError(
                f"{root.absolute()} is not a folder: give the folder of the raw files, data.raw=DIR"
            )
        found, masks = Matches(root, self.images), {name: Matches(root, self.masks[name]) for name in self.masks}
        mask_paths = {path for matches in masks.values() for paths in matches.files.values() for path in paths}
        images = {id: [path for path in paths if path not in mask_paths] for id, paths in found.files.items()}
        images = {id: paths for id, paths in sorted(images.items()) if paths}
        if not images:
            if found.files:
                raise ValueError(
                    f"data.source.masks take all files of data.source.images, {self.images}: correct one of them"
                )
            raise ValueError(f"no image matches {self.images} in {root.absolute()}, which holds {instead(root, found)}")
        folders = {id.split("/")[0] for id in images} if "{class}" in self.images else set()
        classes = sorted(name for name in folders if not is_missing(name))
        try:
            labels = read_labels(root, self.csv, self.id_column, self.group_column, self.used_columns, list(images))
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{error}, or leave the table out: data.source.csv=null") from error
        groups = image_groups(images, labels, self.same)
        items, problems = [], []
        for id, paths in images.items():
            files = [matched(masks[name].files, id) for name in masks]
            faults = [*self._faults(id, paths, files), *labels.row(id).faults]
            problems += [Problem(str(paths[0].relative_to(root)), *fault) for fault in faults]
            if not faults:
                items.append(self._item(id, groups[id], paths[0], files, labels, classes))
        names = (*self.used_columns, *self.from_masks, *classes)
        if twice := [name for name in classes if names.count(name) > 1]:
            raise ValueError(f"labels {', '.join(twice)} are folders of classes and also in columns or from_masks")
        lines = [*notes(root, found, masks, images, self.missing_masks == "allow"), *self._without_table()]
        lines += [*labels.notes, *same_notes(images, self.same), *_class_notes(folders, images)]
        return Listing(items, problems, names, sorted(mask_paths.union(*images.values())), lines)

    def _without_table(self) -> list[str]:
        """Return what does not count as there is no table, in one line or none."""
        columns = [f"data.source.columns ({', '.join(self.columns)})"] if self.columns else []
        group = [f"data.source.group_column ({self.group_column})"] if self.group_column else []
        if self.csv is not None or not (columns or group):
            return []
        return [f"no table (data.source.csv=null), so there is no effect of {' and '.join([*columns, *group])}"]

    def _item(
        self,
        id: str,
        group: str,
        image: Path,
        masks: Sequence[Sequence[Path]],
        labels: LabelTable,
        classes: Sequence[str],
    ) -> Item:
        folder = id.split("/")[0]
        one_hot = (UNKNOWN if is_missing(folder) else int(folder == name) for name in classes)
        paths = tuple(files[0] if files else None for files in masks)
        return Item(id, group, image, paths, (*labels.row(id).labels, *[UNKNOWN] * len(self.from_masks), *one_hot))

    def _faults(self, id: str, images: Sequence[Path], masks: Sequence[Sequence[Path]]) -> list[tuple[str, str]]:
        faults = []
        if len(images) > 1:
            faults.append(
                (f"{len(images)} images have the id {id} ({_distinguished(images)})", "rename or remove all but one")
            )
        if not _is_text(id):
            faults.append(("its name is not in UTF-8", "rename it"))
        for (name, pattern), files in zip(self.masks.items(), masks, strict=True):
            if not files and self.missing_masks == "stop":
                missing = pattern.replace("{id}", bare(id))
                faults.append((f"no mask {name}", f"add {missing}, or set data.source.missing_masks=allow"))
            if len(files) > 1:
                found = _distinguished(files)
                faults.append((f"{len(files)} files for mask {name} ({found})", f"keep one file for {pattern}"))
        return faults


def _is_text(name: str) -> bool:
    """Return whether a name can be stored; on Linux names of files are any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _key(setting: str, key: object) -> str:
    """Return the name of a label or mask as a text: YAML and Hydra read some words as numbers, or as true and false."""
    if isinstance(key, bool) or not isinstance(key, str | int):
        raise ValueError(f"{setting} has the name {key}, which is no text: rename it, or write it in quotes in a file")
    return str(key)


def _distinguished(paths: Sequence[Path]) -> str:
    """Return the names of files with their folders where those differ, and what makes equal names different."""
    if len({path.parent for path in paths}) > 1:
        top = Path(os.path.commonpath([path.parent for path in paths]))
        return ", ".join(path.relative_to(top).as_posix() for path in paths)
    doubled = len({plain(path.name) for path in paths}) < len(paths)
    return ", ".join(path.name for path in paths) + ("; in two Unicode forms" if doubled else "")


def _class_notes(folders: Collection[str], ids: Collection[str]) -> Iterator[str]:
    """Yield how many images have a class called unknown, none, NA and the like, and classes that look alike."""
    if twins := alike(folder for folder in sorted(folders) if not is_missing(folder)):
        yield f"classes that look alike are labels of their own, rename the folders if they are one: {few(twins)}"
    for folder in sorted(filter(is_missing, folders)):
        count = sum(id.startswith(f"{folder}/") for id in ids)
        yield f"{folder}: {count} of {len(ids)} images, whose class is unknown; rename the folder to make it a class"


def _plain(value: object) -> object:
    """Return the value of a setting as a JSON type."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
