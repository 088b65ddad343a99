"""Groups of images that a split keeps whole: those of the table, merged where two are known to be one lesion."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from dermoscopy.data.raw.labels import LabelTable
from dermoscopy.data.tables import few


def image_groups(ids: Collection[str], labels: LabelTable, same: Sequence[Sequence[object]]) -> dict[str, str]:
    """Return the group of each image: that of the table, else its own id, merged according to `same`.

    Of several columns of groups, images that share a value in any of them are in one group, and so are images that are
    joined by way of others.
    """
    groups = _of_table(ids, labels)
    joined = _joined(groups, ([str(id) for id in ids if str(id) in groups] for ids in same))
    return {id: joined.get(group, group) for id, group in groups.items()}


def _of_table(ids: Collection[str], labels: LabelTable) -> dict[str, str]:
    if len(labels.group_columns) < 2:
        return {id: next(iter(labels.row(id).groups), "") or id for id in ids}
    parents: dict[str, str] = {}

    def root(name: str) -> str:
        while (above := parents.setdefault(name, name)) != name:
            parents[name] = name = parents[above]  # shortens the way for the next time
        return name

    def join(values: Sequence[str]) -> str:
        """Join what a row names; a value is one of its column: lesion 7 and patient 7 have nothing in common."""
        named = [f"{column} {value}" for column, value in zip(labels.group_columns, values, strict=False) if value]
        for other in named[1:]:
            one, two = sorted((root(named[0]), root(other)))
            parents[two] = one
        return named[0] if named else ""

    for values in labels.links:
        join(values)
    first = {id: join(labels.row(id).groups) or id for id in ids}
    return {id: root(name) for id, name in first.items()}


def same_notes(ids: Collection[str], same: Sequence[Sequence[object]]) -> Iterator[str]:
    """Yield how many of the ids in `same` have no image."""
    named = {str(id) for ids in same for id in ids}
    if absent := sorted(named.difference(ids)):
        yield f"data.source.same: {len(absent)} of {len(named)} ids have no image ({few(absent)})"


def _joined(groups: Mapping[str, str], same: Iterable[Iterable[str]]) -> dict[str, str]:
    """Return the new name of every merged group: the alphabetically first of the old ones."""
    lesions: list[set[str]] = []
    for ids in same:
        own = {groups[id] for id in ids}
        touched = [lesion for lesion in lesions if lesion & own]
        lesions = [lesion for lesion in lesions if not lesion & own] + [own.union(*touched)]
    return {group: min(lesion) for lesion in lesions for group in lesion}
