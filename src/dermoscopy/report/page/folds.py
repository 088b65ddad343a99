"""Sections of a page on folds: out-of-fold scores of segmenters and classifiers, single folds, and differences."""

from collections.abc import Callable, Sequence

import pandas as pd

from dermoscopy.metrics.weighted_classification import plain_name
from dermoscopy.plots.style import metric_words
from dermoscopy.report.page.section import Section
from dermoscopy.report.results.arms import MASK_HEADLINES, short_names
from dermoscopy.report.results.conditions import SHARES
from dermoscopy.report.results.folds import TITLE, Folds, folds_lacking
from dermoscopy.report.results.mask_folds import OutOfFold
from dermoscopy.report.results.numbers import interval, number, with_interval

SCORE_TABLE = "out_of_fold_scores.csv"
PARTS = [name for name, share in SHARES.items() if 0 < share < 1]
EXPLANATION = (
    "Each image is scored once, by the network of the fold that has not seen it. AUROC and average precision rank the "
    "images within each fold and are averaged over folds, because logits of different networks are not comparable; the "
    "other scores count over all images, each at the threshold that its network's run chose in validation (0 if it "
    "chose none); of labels that exclude each other, the most probable one is predicted. With several labels, scores "
    "are means over labels. In brackets 95 % intervals by the jackknife over groups of images: they reflect the choice "
    f"of patients, not the variation between trainings. All scores are in {SCORE_TABLE}."
)


def mask_folds_section(parts: Sequence[OutOfFold], scores: pd.DataFrame, arms: Sequence[str]) -> Section:
    """Return the scores over the images of all folds with their intervals, and which folds are missing.

    Args:
        parts: the joined folds.
        scores: result of `mask_folds.fold_scores`.
        arms: all planned arms.
    """
    names, rows = short_names(list(arms)), []
    for (arm, seed, size), own in scores.groupby(["arm", "seed", "size"], sort=False):
        first = own.iloc[0]
        cells = own.set_index("score").apply(_value, axis=1)
        rows.append(
            [names[str(arm)], str(seed), size, str(first["images"]), str(first["folds"]), *cells[[*MASK_HEADLINES]]]
        )
    head = ["arm", "seed", "size", "images", "folds", *map(metric_words, MASK_HEADLINES)]
    tta = ", ".join(dict.fromkeys(part.tta for part in parts))
    text = (
        f"Each image is scored once, by the network of the fold that has not seen it (TTA {tta}); 95 % intervals "
        f"by the jackknife over groups of images."
    )
    return Section(TITLE, head, rows, f"{text} {folds_lacking(parts, arms)}")


def label_folds_section(
    parts: Sequence[Folds], scores: pd.DataFrame, trivial: pd.DataFrame, arms: Sequence[str], reference: str
) -> list[Section]:
    """Return three tables: all images together, single folds, and differences to the reference arm.

    The conditions revealed_10 ... revealed_90 are only in the file of scores.

    Args:
        parts: the joined folds.
        scores: result of `label_folds.score_table`.
        trivial: result of `label_folds.trivial_scores`.
        arms: all planned arms.
        reference: the arm that the others are compared with.
    """
    names = short_names(list(arms))
    selected = scores[~scores["mask_condition"].isin(PARTS)]
    scored = trivial.reindex(columns=[plain_name(score) for score in scores["score"].unique()])
    trivial_rows = [[str(name), "-", "-", "-", *map(number, row)] for name, row in scored.iterrows()]
    text = f"{EXPLANATION} {folds_lacking(parts, arms)}"
    single = "Single folds, mean ± sd (lowest to highest)"
    sections = [
        Section(TITLE, *_table(selected, names, _value, trivial_rows), text),
        Section(single, *_table(selected, names, _spread)),
    ]
    if selected["difference"].notna().any():
        title = f"Difference to {names[reference]} on the same images, all folds together"
        sections.append(Section(title, *_table(_paired(selected), names, _difference)))
    return sections


def _table(
    scores: pd.DataFrame,
    names: dict[str, str],
    cell: Callable[[pd.Series], str],
    more: Sequence[list[str]] = (),
) -> tuple[list[str], list[list[str]]]:
    """Return head and rows of a table with one row per arm, seed and mask condition, one column per score."""
    rows, columns = [], list(scores["score"].unique())
    for (arm, seed, name), own in scores.groupby(["arm", "seed", "mask_condition"], sort=False):
        cells = own.set_index("score").apply(cell, axis=1)
        tested = f"{own['images'].iloc[0]} in {own['folds'].iloc[0]}"
        rows.append([names[str(arm)], str(seed), str(name), tested, *cells[columns]])
    head = ["arm", "seed", "masks", "images in folds", *map(_words, columns)]
    return head, [*rows, *more]


def _words(score: str) -> str:
    plain = plain_name(score)
    return {"recall": "sensitivity"}.get(plain, metric_words(plain))


def _paired(scores: pd.DataFrame) -> pd.DataFrame:
    """Select the rows of arms that could be compared with the reference."""
    groups = scores.groupby(["arm", "seed", "mask_condition"], sort=False)
    return scores[groups["difference"].transform("count") > 0]


def _value(row: pd.Series) -> str:
    return with_interval(row["value"], row["low"], row["high"])


def _spread(row: pd.Series) -> str:
    return f"{number(row['mean'])} ± {number(row['sd'])} ({interval(row['min'], row['max'], '.3f')})"


def _difference(row: pd.Series) -> str:
    return with_interval(row["difference"], row["difference_low"], row["difference_high"], "+.3f")
