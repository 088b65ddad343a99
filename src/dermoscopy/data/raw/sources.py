"""Sources of raw images, masks and labels in folders, and the problems of their layout."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from dermoscopy.data.raw.containers import container_of
from dermoscopy.data.raw.groups import image_groups, same_notes
from dermoscopy.data.raw.labels import Asked, LabelTable, read_labels
from dermoscopy.data.raw.left_out import instead, notes
from dermoscopy.data.raw.listing import Item, Listing, class_notes, image_faults, labels_of, without_table
from dermoscopy.data.raw.mask_files import MaskFiles
from dermoscopy.data.raw.official import Known, check_official, official_column, official_subsets
from dermoscopy.data.raw.patterns import Matches
from dermoscopy.data.raw.problems import Problem
from dermoscopy.data.tables import is_missing

# Arguments that earlier versions did not have: where they have these values, a store keeps its recipe.
LATER: dict[str, object] = {"metadata": {}, "official": None, "where": [], "unlisted": "stop"}
OFFICIAL = "official subset"  # name of the column of the official split among the metadata


@dataclass(frozen=True)
class FolderSource:
    """Images, masks and labels in folders, matched by patterns.

    Patterns are relative to `root`, see `dermoscopy.data.raw.patterns`. `{class}` in `images` is a folder named after
    the class: each class becomes a label, and ids are class/id.

    Args:
        root: the folder of the data set; None: unknown, as where only its store is at hand.
        images: pattern of the image files.
        masks: name of a mask to the pattern of its files, or to a mapping, see `dermoscopy.data.raw.mask_files`; in
            the order of the store's mask planes.
        csv: table of labels, relative to `root` or absolute, or a list of several files, see
            `dermoscopy.data.raw.label_files`; None for no table: then nothing that names a column counts.
        id_column: its column of image ids.
        group_column: its column of groups that a split must keep whole (a lesion, a patient), or several, of which
            any joins images; None: one group per image.
        columns: name of a label to `column` (0, 1, empty for unknown) or `column=value` or `column=value|value`.
        from_masks: masks that also define a label: 1 where any pixel of the original mask is present.
        missing_masks: `stop` reports an image without one of its masks, `allow` stores it as not annotated.
        grey_masks: `stop` reports a mask that is not binary, `allow` reads grey as the covered part of a pixel.
        same: lists of ids of images of the same lesion, regardless of the table: their groups are merged. Ids without
            an image are ignored, so that a part of a data set can be prepared.
        metadata: name to column of what the store keeps beside the labels, such as age and sex.
        where: rules of the table, as in "image_type=dermoscopic": images that do not meet all of them are left out.
        unlisted: of an image without a row in the table, `stop` reports it and `skip` leaves it out.
        official: how the data set states its official split, see `dermoscopy.data.raw.official`.
    """

    root: str | Path | None
    images: str = "images/{id}.jpg"
    masks: Mapping[str, str | Mapping[str, Any]] = field(default_factory=dict)
    csv: str | Path | Mapping[str, Any] | Sequence[str | Mapping[str, Any]] | None = None
    id_column: str = "image_id"
    group_column: str | Sequence[str] | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    from_masks: Sequence[str] = ()
    missing_masks: str = "stop"
    grey_masks: str = "stop"
    same: Sequence[Sequence[str]] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    official: Mapping[str, Any] | None = None
    where: Sequence[str] = ()
    unlisted: str = "stop"

    def __post_init__(self) -> None:
        for name in ("masks", "columns", "metadata"):
            if isinstance(entries := getattr(self, name), Mapping):
                object.__setattr__(self, name, {_key(name, key): entries[key] for key in entries})
        for name in ("missing_masks", "grey_masks"):
            if (choice := getattr(self, name)) not in ("stop", "allow"):
                raise ValueError(f"{name} must be stop or allow, got {choice}")
        patterns = {"images": self.images}
        patterns |= {f"masks.{name}": files.pattern for name, files in self.mask_files.items()}
        for name, pattern in patterns.items():
            if not isinstance(pattern, str) or "{id}" not in pattern:
                raise ValueError(f"{name} must hold {{id}}, as in images/{{id}}.jpg, got {pattern}")
            if Path(pattern).is_absolute():
                raise ValueError(f"{name} must be relative to the folder of the raw files (data.raw), got {pattern}")
            if (first := next(key for key in patterns if patterns[key] == pattern)) not in (name, "images"):
                raise ValueError(f"data.source.{name} has the same files as {first}, {pattern}: correct one of them")
        if unknown := [name for name in self.from_masks if name not in self.masks]:
            raise ValueError(
                f"from_masks names {', '.join(unknown)}, but the masks are {', '.join(self.masks) or 'none'}"
            )
        if twice := [name for name in self.from_masks if name in self.used_columns]:
            raise ValueError(f"labels {', '.join(twice)} are in columns and in from_masks: name each only once")
        for ids in self.same:
            if isinstance(ids, str) or len(set(ids)) < 2:
                raise ValueError(f"same must hold lists of two ids or more, as in [[a, b]], got {_plain(ids)}")
        if self.unlisted not in ("stop", "skip"):
            raise ValueError(f"unlisted must be stop or skip, got {self.unlisted}")
        if self.official is not None:
            check_official(self.official)

    @cached_property
    def mask_files(self) -> Mapping[str, MaskFiles]:
        """The files of each mask."""
        own = {"missing": self.missing_masks, "grey": self.grey_masks}
        return {name: MaskFiles.parse(name, entry, **own) for name, entry in self.masks.items()}

    @property
    def group_columns(self) -> list[str]:
        """The columns of groups."""
        columns = self.group_column
        return [] if columns is None else [columns] if isinstance(columns, str) else [*map(str, columns)]

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
        """Return all arguments as JSON; those that earlier versions did not have, only where they are given."""
        given = {name: _plain(value) for name, value in asdict(self).items()}
        return json.dumps({name: value for name, value in given.items() if LATER.get(name) != value})

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
        found = Matches(root, self.images)
        masks = {name: Matches(root, files.pattern) for name, files in self.mask_files.items()}
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
        labels = self._labels(root, list(images))
        images = {id: paths for id, paths in images.items() if id not in labels.left_out}
        if not images:
            raise ValueError(f"the table leaves out every image: {'; '.join(labels.notes)}")
        groups = image_groups(images, labels, self.same)
        subsets, official = self._official(root, images, labels)
        items, problems = [], []
        for id, paths in images.items():
            files = [own.of(masks[name], id) for name, own in self.mask_files.items()]
            faults = [*image_faults(id, paths), *labels.row(id).faults]
            for (name, own), several in zip(self.mask_files.items(), files, strict=True):
                faults += own.faults(name, id, several)
            problems += [Problem(str(paths[0].relative_to(root)), *fault) for fault in faults]
            if not faults:
                row = labels.row(id)
                known = labels_of(id, row, len(self.from_masks), classes)
                metadata = row.metadata[: len(self.metadata_names(labels))]
                items.append(Item(id, groups[id], paths[0], tuple(files), known, metadata, subsets.get(id, "")))
        names = (*self.used_columns, *self.from_masks, *classes)
        if twice := [name for name in classes if names.count(name) > 1]:
            raise ValueError(f"labels {', '.join(twice)} are folders of classes and also in columns or from_masks")
        lines = notes(root, found, masks, images, self.mask_files)
        lines += without_table(self.columns, self.group_columns, self.metadata) if self.csv is None else []
        lines += [*labels.notes, *official, *same_notes(images, self.same), *class_notes(folders, images)]
        every = mask_paths.union(*images.values())
        files_used = sorted({container_of(path) or path for path in every})
        return Listing(items, problems, names, files_used, lines, self.metadata_names(labels))

    def metadata_names(self, labels: LabelTable) -> tuple[str, ...]:
        """Return the names of the metadata that the table has."""
        return tuple(name for name in labels.metadata if name != OFFICIAL)

    def _labels(self, root: Path, images: Sequence[str]) -> LabelTable:
        column = official_column(self.official or {})
        metadata = {**self.metadata, **({OFFICIAL: column} if column else {})}
        columns = self.used_columns
        try:
            asked = Asked(self.id_column, self.group_columns, columns, metadata, self.where, self.unlisted == "skip")
            return read_labels(root, self.csv, asked, images)
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{error}, or leave the table out: data.source.csv=null") from error

    def _official(
        self, root: Path, images: Mapping[str, Sequence[Path]], labels: LabelTable
    ) -> tuple[Mapping[str, str], list[str]]:
        """Return the official subset of each image, none without an official split, and a note."""
        if self.official is None:
            return {}, []
        column = {}
        if official_column(self.official):
            if OFFICIAL not in labels.metadata:
                raise ValueError(
                    f"the table has no column {official_column(self.official)}: correct data.source.official"
                )
            column = {id: (labels.row(id).metadata or ("",))[-1] for id in images}
        known = Known(root, {id: paths[0] for id, paths in images.items()}, column, labels.row_ids)
        return official_subsets(self.official, known)


def _key(setting: str, key: object) -> str:
    """Return the name of a label or mask as a text: YAML and Hydra read some words as numbers, or as true and false."""
    if isinstance(key, bool) or not isinstance(key, str | int):
        raise ValueError(f"{setting} has the name {key}, which is no text: rename it, or write it in quotes in a file")
    return str(key)


def _plain(value: object) -> object:
    """Return the value of a setting as a JSON type."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
