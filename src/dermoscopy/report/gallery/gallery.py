"""The gallery of a sweep: one HTML file that shows the same test images through all arms, without any request.

It holds photographs, so it belongs beside the runs and not into git.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from dermoscopy.machine.files import MB, write_atomically
from dermoscopy.machine.messages import PURPOSE
from dermoscopy.report.figures.vector import printable
from dermoscopy.report.gallery.content import Content, Json
from dermoscopy.report.gallery.runs import ShownRun, shown_runs
from dermoscopy.report.gallery.selection import (
    DISAGREEMENT,
    LOSS,
    RANDOM,
    SEED,
    label_scores,
    mask_scores,
    orders,
    rounds,
)
from dermoscopy.report.page.html import GALLERY
from dermoscopy.report.results.findings import Findings
from dermoscopy.runs.tables import SweepResults

IMAGES = 120  # unless another number is requested
LARGEST = 24 * MB  # bytes of the images unless a number of them is requested
WORDS = {
    DISAGREEMENT: "on which arms disagree most",
    LOSS: "with the highest loss",
    RANDOM: f"at random (seed {SEED})",
}
MEANING = {  # of the two scores, by kind
    "labels": {
        DISAGREEMENT: "Disagreement: standard deviation of a label's probability over arms, averaged over labels.",
        LOSS: "Loss: cross-entropy of the true labels, averaged over arms.",
    },
    "masks": {
        DISAGREEMENT: "Disagreement: standard deviation of Dice over arms, averaged over masks.",
        LOSS: "Loss: 1 - Dice, averaged over masks and arms.",
    },
}


class Chosen(NamedTuple):
    """Images of a gallery.

    Attributes:
        entries: of the images shown.
        places: number of images that each order contributes; none if all images are shown.
        tested: number of all test images.
        full: whether more images would have exceeded `LARGEST`.
    """

    entries: list[Json]
    places: dict[str, int]
    tested: int
    full: bool


def write_gallery(sweep: SweepResults, findings: Findings | None, folder: Path, images: int = True) -> Path:
    """Write `gallery.html` into a folder.

    Args:
        sweep: its finished jobs are shown.
        findings: of the sweep; None: no job has a test metric, so that there is nothing to show.
        folder: for the file.
        images: their largest number; True: `IMAGES`, or fewer if the file became larger than `LARGEST`.

    Raises:
        ValueError: no job has a test metric or predictions, fewer than one image is requested, a store or a file of
            masks is not that of its run.
        FileNotFoundError: a store does not exist.
    """
    check_gallery(images)
    if findings is None:
        raise ValueError(
            f"a gallery shows tested images, but no job of {sweep.experiment} has a test metric: leave out gallery="
        )
    runs, lacking = shown_runs(sweep)
    order = {arm: number for number, arm in enumerate(findings.table.index)}
    runs = sorted(runs, key=lambda run: order[run.job.arm])
    content = Content(runs, findings)
    scores = _scores(runs, findings)
    chosen = _choose(content, scores, images)
    data = content.header() | {
        "sorts": [{"key": key, "name": name} for key, name in _sorts(scores).items()],
        "reasons": {name: WORDS[name] for name in chosen.places},
        "images": chosen.entries,
    }
    return write_atomically(
        folder / GALLERY, _page(sweep, findings, data, [_selected(chosen), *_notes(runs, scores, lacking)])
    )


def check_gallery(value: object) -> None:
    """Refuse a value of `gallery=` that is neither true nor false nor a number of images, one or more for each list.

    Raises:
        ValueError: it is none of them.
    """
    if not isinstance(value, int) or value < (0 if isinstance(value, bool) else len(WORDS)):
        raise ValueError(
            f"gallery must be true, false or a number of images of at least {len(WORDS)}, such as 200, got {value}"
        )


def _scores(runs: Sequence[ShownRun], findings: Findings) -> dict[str, pd.DataFrame]:
    """Return the scores of images by kind, first that of the compared metric, by which images are chosen."""
    tables = {"masks": mask_scores(runs), "labels": label_scores(runs, findings.metric.split("/")[1])}
    first = "masks" if findings.segmented else "labels"
    ids = sorted({id for run in runs for id in run.ids})
    return {kind: tables[kind].reindex(ids) for kind in sorted(tables, key=lambda kind: kind != first)}


def _choose(content: Content, scores: Mapping[str, pd.DataFrame], images: int) -> Chosen:
    """Choose images in rounds, as long as neither their number nor their size is exceeded."""
    first = next(iter(scores.values()))
    ordered = orders(first)
    entries: list[Json] = []
    size = places = 0
    full = False
    for new in rounds(ordered):
        if len(entries) + len(new) > (IMAGES if images is True else images):
            break
        built = [content.image(id, [], _of_image(scores, id)) for id in new]
        size += sum(len(entry.get("planes", "")) + sum(map(len, entry["pictures"].values())) for entry in built)
        if full := images is True and size > LARGEST and bool(entries):
            break
        entries += built
        places += 1
    if len(entries) == len(first):
        return Chosen(entries, {}, len(first), full)
    contributed = {name: min(places, len(ids)) for name, ids in ordered.items()}
    for entry in entries:
        entry["chosen"] = [name for name, ids in ordered.items() if entry["id"] in ids[: contributed[name]]]
    return Chosen(entries, contributed, len(first), full)


def _defined(scores: Mapping[str, pd.DataFrame]) -> list[tuple[str, str]]:
    """Return kind and name of the scores that are defined for any image."""
    return [
        (kind, name) for kind, table in scores.items() for name in (DISAGREEMENT, LOSS) if table[name].notna().any()
    ]


def _sorts(scores: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Return the names of the orders by the key of their score."""
    several = len({kind for kind, _ in _defined(scores)}) > 1
    return {f"{kind} {name}": f"{name} ({kind})" if several else name for kind, name in _defined(scores)}


def _of_image(scores: Mapping[str, pd.DataFrame], id: str) -> Json:
    """Return the defined scores of an image by key."""
    rows = {kind: table.loc[[id]].iloc[0].dropna() for kind, table in scores.items()}
    return {f"{kind} {name}": round(float(value), 4) for kind, row in rows.items() for name, value in row.items()}


def _selected(chosen: Chosen) -> str:
    """Say which test images are shown, why, and how many are left out."""
    shown = len(chosen.entries)
    if shown == chosen.tested:
        return f"All {shown} test images of the sweep are shown."
    parts = [f"the {number} {WORDS[name]}" for name, number in chosen.places.items() if name != RANDOM]
    parts.append(f"{chosen.places[RANDOM]} {WORDS[RANDOM]}")
    limit = f" More would make this file larger than {LARGEST / MB:.0f} MB." if chosen.full else ""
    return (
        f"{shown} of {chosen.tested} test images are shown: {', '.join(parts[:-1])} and {parts[-1]}; an image can be "
        f"in several of these lists. {chosen.tested - shown} images are left out.{limit} The command "
        "report.py gallery=N shows up to N images. Only the random ones are typical of all."
    )


def _notes(runs: Sequence[ShownRun], scores: Mapping[str, pd.DataFrame], lacking: Sequence[str]) -> list[str]:
    """Say what the scores of images mean, how masks were predicted, and what is not shown."""
    meanings = [MEANING[kind][name] for kind, name in _defined(scores)]
    notes = [" ".join(meanings)] if meanings else []
    if tta := dict.fromkeys(run.job.last.configuration.kept_tta for run in runs if run.masks is not None):
        notes.append(
            f"Masks are those predicted with test-time augmentation {', '.join(tta)}, at the size of the store."
        )
    if lacking:
        notes.append(f"Not shown, for {len(lacking)} runs: {'; '.join(lacking)}.")
    return notes


def _page(sweep: SweepResults, findings: Findings, data: Json, notes: Sequence[str]) -> str:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(__package__, ""), PackageLoader("dermoscopy.report.page", "template")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return environment.get_template("gallery.html").render(
        experiment=printable(sweep.experiment),
        question=printable(sweep.about.get("question", "")),
        sweep=sweep.folder.name,
        metric=printable(findings.words()),
        notes=[printable(note) for note in notes],
        data=data,
        purpose=PURPOSE,
    )
