"""Ids that two lists write differently: with a folder or a suffix, without leading zeros, in another case."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Set
from pathlib import PurePosixPath

import pandas as pd

from dermoscopy.data.tables import few

SUFFIX = re.compile(
    r"\.(jpe?g|png|bmp|tiff?|webp|gif|dcm|heic|0)$", re.IGNORECASE
)  # .0: a number that was read as a fraction
ENDING = re.compile(r"_[a-z]+$")  # as of ISIC_0000000_downsampled


def probable_pairs(lacking: Iterable[str], spare: Iterable[str]) -> dict[str, str]:
    """Return the id of `spare` that is probably meant by each of `lacking`, where just one comes into question."""
    same, longer = defaultdict(set), defaultdict(set)
    lacking = list(lacking)
    for id in spare if lacking else ():
        same[_core(id)].add(id)
        for part in _parts(_core(id)):
            longer[part].add(id)
    pairs: dict[str, str] = {}
    for id in lacking:
        core = _core(id)
        candidates: list[Set[str]] = [same[core], longer[core], *(same[part] for part in _parts(core))]
        found = next((ids for ids in candidates if ids), set())
        if len(found) == 1:
            pairs[id] = min(found)
    uses = Counter(pairs.values())
    return {id: other for id, other in pairs.items() if uses[other] == 1}


def shown_pairs(pairs: Mapping[str, str], count: int = 3) -> str:
    """Return the first few pairs in one line."""
    return few((f"{other} where the image is {id}" for id, other in pairs.items()), count)


def matching_column(table: pd.DataFrame, ids: Set[str]) -> str | None:
    """Return the column that holds most of the ids; None where none holds more than half of them."""
    shares = {name: len(ids & set(texts)) for name, texts in table.items()}
    best = max(shares, key=lambda name: shares[name])
    return str(best) if 2 * shares[best] > len(ids) else None


def file_name(id: str) -> str:
    """Return an id that may be a path without its folder and the suffix of an image."""
    return SUFFIX.sub("", PurePosixPath(id.replace("\\", "/")).name)


def _core(id: str) -> str:
    """Return an id without folder, suffix, case, leading zeros and signs between its words."""
    words = re.sub(r"[\s_-]+", "_", file_name(id).casefold().strip())
    return re.sub(r"\d+", lambda digits: str(int(digits[0])), words)


def _parts(core: str) -> set[str]:
    """Return what an id may have been shortened to: without its ending, or only its number."""
    digits = re.findall(r"\d+", core)
    parts = {ENDING.sub("", core), *(digits if len(digits) == 1 else [])}
    return parts - {core}
