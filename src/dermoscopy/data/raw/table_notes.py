"""What to know of a table of labels although nothing in it is wrong, a line each: rows and values that do not count."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import pandas as pd

from dermoscopy.data.raw.label_rules import UNKNOWN, LabelRule
from dermoscopy.data.tables import counted, few, folded, is_missing, number, plain

SUBSETS = 3  # of a split, none of which may be empty
CROWDED = 8  # images from which on a group that holds most of them is noted


def spare(ids: "pd.Series[str]", lines: Mapping[str, Sequence[int]]) -> list[str]:
    """Return the ids of the rows that have no image.

    Args:
        ids: the column of ids, by line.
        lines: the lines of each image.
    """
    used = {line for found in lines.values() for line in found}
    return [id for line, id in ids.items() if line not in used and not is_missing(id)]


def row_notes(
    name: str, ids: "pd.Series[str]", lines: Mapping[str, Sequence[int]], left_out: Collection[str] = ()
) -> Iterator[str]:
    """Yield the rows of a table that have no id or no image; `left_out` are ids of images with a line of their own."""
    used = {line for found in lines.values() for line in found}
    if unnamed := [line for line, id in ids.items() if line not in used and is_missing(id)]:
        yield f"{name}: {len(unnamed)} of {len(ids)} rows have no id (line {few(unnamed)})"
    if others := [id for id in spare(ids, lines) if id not in left_out]:
        yield f"{name}: {len(others)} of {len(ids)} rows have no image ({few(others)})"


def value_notes(used: pd.DataFrame, rules: Sequence[LabelRule]) -> Iterator[str]:
    """Yield the values of the images that are unknown, requested but absent, or lists of several values."""
    cells = {rule: Counter(used[rule.column]) for rule in rules}
    unknown = defaultdict(list)  # labels of the same unknown values share a line
    for rule, texts in cells.items():
        if missing := Counter({text: count for text, count in texts.items() if rule.value(text) == UNKNOWN}):
            unknown[f"{missing.total()} of {len(used)} unknown: {counted(missing)}"].append(rule.name)
    yield from (f"{', '.join(names)}: {line}" for line, names in unknown.items())
    same = defaultdict(list)
    for rule in rules:
        same[rule.column, frozenset(rule.accepted)].append(rule.name)
    yield from (
        f"{', '.join(names)}: the same rule, so that these labels are equal" for names in same.values() if names[1:]
    )
    for rule, texts in cells.items():
        if absent := [value for value in rule.accepted if value not in texts]:
            held = counted(Counter({text: count for text, count in texts.items() if not is_missing(text)}))
            never = ", so that it is never yes" if len(absent) == len(rule.accepted) else ""
            yield f"{rule.name}: no image has {rule.column} {' or '.join(absent)}{never}; it has {held}"
        if lists := [text for text in texts if rule.value(text) == 0 and _parts(text) & {*rule.accepted}]:
            several = Counter({text: texts[text] for text in lists})
            yield f"{rule.name}: {several.total()} of {len(used)} are no, but name it among others: {counted(several)}"


def _parts(text: str) -> set[str]:
    return {plain(part) for part in re.split(r"[|;,+]", text)}


def alike(texts: Iterable[str]) -> list[str]:
    """Return the texts that differ in case, blanks or the spelling of a number only, such as "P1 and p1"."""
    same = defaultdict(list)
    for text in texts:
        same[folded(text)].append(text if text == text.strip() else repr(text))
    return [" and ".join(spelled) for spelled in same.values() if len(spelled) > 1]


def _parted(texts: Iterable[str]) -> tuple[Counter[str], Counter[str]]:
    """Return the numbers of the known texts, and of those that mean unknown."""
    counts = Counter(texts)
    return counts, Counter({text: counts.pop(text) for text in list(counts) if is_missing(text)})


def group_notes(groups: "pd.Series[str]", alone: bool = True) -> Iterator[str]:
    """Yield the groups of the images that are unknown, look alike, or hold most of the images.

    Args:
        groups: texts of a column of groups.
        alone: whether there is no other column of groups.
    """
    counts, missing = _parted(groups)
    if missing:
        lone = ", each in a group of its own" if alone else ""
        yield f"{groups.name}: {missing.total()} of {len(groups)} unknown{lone}: {counted(missing)}"
    if twins := alike(counts):
        yield f"{groups.name}: groups that look alike may be separated by a split, write them the same: {few(twins)}"
    if alone and len(groups) >= SUBSETS > (found := len(counts) + missing.total()):
        yield f"{groups.name}: {len(groups)} images in {found} groups, which stay whole; a split needs {SUBSETS}"
    for text, count in counts.most_common(1):
        if len(groups) >= CROWDED and 2 * count > len(groups):
            yield f"{groups.name}: {count} of {len(groups)} images are in group {text}; if it means unknown, empty it"


def metadata_notes(used: pd.DataFrame, metadata: Mapping[str, str]) -> Iterator[str]:
    """Yield how many values of each column of metadata are unknown, and texts that look alike."""
    for name, column in metadata.items():
        counts, missing = _parted(used[column])
        if missing:
            yield f"{name}: {missing.total()} of {len(used)} unknown: {counted(missing)}"
        if twins := alike(text for text in counts if number(text) is None):
            yield f"{name}: values that look alike are different ones, write them the same: {few(twins)}"
