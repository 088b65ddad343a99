"""Sentences on a comparison: what is established, what is equivalent, and what could not have been seen."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dermoscopy.metrics.intervals import Spread
from dermoscopy.metrics.power import detectable, equivalence_p, repeats_needed, smallest_detectable
from dermoscopy.metrics.repeats import ALPHA, FOLDS
from dermoscopy.report.results.arms import summarise
from dermoscopy.report.results.comparisons import Basis
from dermoscopy.report.results.findings import Findings

NEVER = "no number"


def established(rows: pd.Series | pd.DataFrame) -> NDArray[np.bool_]:
    """Return whether a difference is established: its p value, corrected for all sentences of the page, is small.

    Args:
        rows: one or more of a table of `comparisons.compare`, corrected by `repeats.one_family`.
    """
    return np.asarray(rows["p_holm"] < ALPHA)


def equivalent(rows: pd.Series | pd.DataFrame, basis: Basis) -> NDArray[np.bool_]:
    """Return whether a difference is shown to be smaller than `meaningful`, by two one-sided tests.

    Its p value is multiplied by the number of comparisons on the page. For one arm a difference of zero and one of at
    least `meaningful` exclude each other, so both claims together keep the level of the page.

    Args:
        rows: as for `established`.
        basis: what the sentence rests on.
    """
    names = ["difference", "sd", "n", "family", "image_error", "image_freedom"]
    difference, sd, n, family, *images = (np.asarray(rows[name], float) for name in names)
    if basis.meaningful is None:
        return np.zeros(n.shape, bool)
    p = equivalence_p(difference, sd, n, basis.meaningful, basis.design, Spread(*images))
    return np.asarray(p * np.maximum(1, family) < ALPHA)


def _spread(row: pd.Series) -> Spread | None:
    """Return how the mean difference varies with the test images, None if it is unknown."""
    known = not np.isnan(row["image_error"])
    return Spread(float(row["image_error"]), float(row["image_freedom"])) if known else None


def verdict(row: pd.Series, reference: str, basis: Basis, brief: bool = False) -> str:
    """Write what is established about an arm's difference to the reference.

    Args:
        row: of a table of `comparisons.compare`, corrected by `repeats.one_family`.
        reference: display name of the reference arm.
        basis: what the sentence rests on.
        brief: whether to leave out what would show a smaller difference.
    """
    if row["n"] == 0:
        return f"cannot be compared with {reference}, as no repeat of both is done"
    if row["n"] == 1:
        return f"one {basis.one} cannot establish a difference from {reference} (difference {row['difference']:+.3f})"
    found = f"({numbers(row, basis)})"
    if np.isnan(row["p_repeats"]):
        return f"the difference from {reference} does not vary, so it cannot be tested {found}"
    same = equivalent(row, basis)
    if established(row):
        word = "higher" if row["difference"] > 0 else "lower"
        small = f", though by less than {basis.meaningful:g}" if same else ""
        return f"{word} than {reference}{small} {found}{other_images(row, basis)}"
    if same:
        return f"equivalent to {reference} within {basis.meaningful:g} {found}"
    text = f"no difference from {reference} is established ({evidence(row, basis)})"
    could = brief_power(row, basis) if brief else power(row, basis)
    return "; ".join(part for part in [text, could] if part)


def numbers(row: pd.Series, basis: Basis, brief: bool = False) -> str:
    """Write a difference with its intervals and, unless it is brief, the repeats and the design that it rests on."""
    text = f"difference {row['difference']:+.3f}"
    if not np.isnan(row["low"]):
        text += f", 95 % interval {row['low']:.3f} to {row['high']:.3f}"
    text += "" if brief else f", {basis.words(int(row['n']))}"
    if basis.design.fixed and not np.isnan(row["image_low"]):
        text += f"; over test images {row['image_low']:.3f} to {row['image_high']:.3f}"
    return text


def evidence(row: pd.Series, basis: Basis, brief: bool = False) -> str:
    """Write a difference that is not established as `numbers` does, and why it is not if its interval excludes 0."""
    return "; ".join(part for part in [numbers(row, basis, brief), reason(row, basis)] if part)


def reason(row: pd.Series, basis: Basis) -> str:
    """Write why a difference is not established although its interval over repeats excludes 0; else empty."""
    if basis.design.fixed and np.isnan(row["image_low"]):
        return "one fixed split establishes a difference only with the scores of single images"
    if basis.design.fixed and row["p_repeats"] < ALPHA <= row["image_p"]:
        return "not established over test images"
    corrected = f"not established after Holm's correction for {row['family']:.0f} comparisons"
    return corrected if row["p"] < ALPHA else ""


def other_images(row: pd.Series, basis: Basis) -> str:
    """Qualify a difference between repeats with own test images that these images alone would not show."""
    if basis.design.fixed or np.isnan(row["image_low"]) or row["image_low"] > 0 or row["image_high"] < 0:
        return ""
    return f", but the interval over test images includes 0 ({row['image_low']:.3f} to {row['image_high']:.3f})"


def power(row: pd.Series, basis: Basis, where: str = "") -> str:
    """Write how large a difference would have been seen, and what would show the smallest one that matters.

    Empty where the differences do not vary or, in a fixed split, the scores of single images are unknown.

    Args:
        row: as for `verdict`.
        basis: what the sentence rests on.
        where: words after the size of the difference.
    """
    seen = seen_difference(row, basis)
    if np.isnan(seen):
        return ""
    alpha, n, images = ALPHA / max(1, row["family"]), int(row["n"]), _spread(row)
    text = f"in four of five sweeps like this, {basis.words(n)} would show a difference of about {seen:.2g}{where}"
    if basis.meaningful is None or seen <= basis.meaningful:
        return text
    more = more_repeats(row, basis)
    if more == NEVER:
        least = smallest_detectable(row["sd"], basis.design, images, alpha)
        limit = f"no number of {basis.repeats} would show one of {basis.meaningful:g} (at best about {least:.2g})"
        return f"{text}; {limit}, which needs more images"
    some = f"about {more} would" if more[0].isdigit() else f"it takes {more} {basis.repeats} to"
    return f"{text}; {some} show one of {basis.meaningful:g}"


def more_repeats(row: pd.Series, basis: Basis) -> str:
    """Write how many more repeats would show a difference of `meaningful`: `9 more seeds`, `0` or `no number`."""
    alpha, images = ALPHA / max(1, row["family"]), _spread(row)
    if basis.meaningful is None or seen_difference(row, basis) <= basis.meaningful:
        return "0"
    needed = repeats_needed(basis.meaningful, row["sd"], basis.design, images, alpha)
    if needed is not None:
        return _more(needed - int(row["n"]), basis)
    least = smallest_detectable(row["sd"], basis.design, images, alpha)
    return NEVER if least > basis.meaningful else "more than a thousand"


def brief_power(row: pd.Series, basis: Basis) -> str:
    """Write only how large a difference would have been seen, see `power`."""
    seen = seen_difference(row, basis)
    return "" if np.isnan(seen) else f"one of about {seen:.2g} would be seen in four of five sweeps like this"


def seen_difference(row: pd.Series, basis: Basis) -> float:
    """Return the smallest difference that would be established in four of five sweeps, NaN where it is unknown."""
    images = _spread(row)
    if not row["sd"] > 0 or (basis.design.fixed and images is None):
        return float("nan")
    return detectable(row["sd"], int(row["n"]), basis.design, images, ALPHA / max(1, row["family"]))


def least_sure(rows: pd.DataFrame, basis: Basis) -> pd.Series | None:
    """Return the row whose difference would have had to be largest to be seen, None if that is unknown for all."""
    seen = pd.Series([seen_difference(row, basis) for _, row in rows.iterrows()], dtype=float)
    return rows.iloc[int(seen.argmax())] if seen.notna().any() else None


def _more(repeats: int, basis: Basis) -> str:
    if basis.design.kind == FOLDS:
        seeds = -(-repeats // basis.folds)
        return f"{seeds} more seed{'s' * (seeds > 1)} of {basis.folds} folds"
    return f"{repeats} more {basis.repeats if repeats > 1 else basis.one}"


def sentences(findings: Findings) -> list[tuple[str, str]]:
    """Return the name of each arm and a sentence: what is established against the reference and trivial predictors."""
    names, means = findings.names, summarise(findings.table)["mean"]
    reference = names[findings.reference]
    verdicts = {arm: verdict(row, reference, findings.basis) for arm, row in findings.compared.iterrows()}
    lines = []
    for arm, name in names.items():
        against = [verdicts.get(arm, "is the reference")] if len(means) > 1 else []
        trivial = trivial_verdict(findings, arm)
        clauses = [*against, *([f"mean {means[arm]:.3f}, {trivial}"] if trivial else [])]
        lines.append((name, f"{'; '.join(clauses) or f'mean {means[arm]:.3f}'}."))
    return lines + [
        (
            " and ".join(names[arm] for arm in arms),
            f"have equal scores in all {findings.basis.words(len(findings.table.columns))}: what differs between them "
            "does not change how this metric is tested.",
        )
        for arms in equal_arms(findings.table)
    ]


def trivial_verdict(findings: Findings, arm: str, brief: bool = False) -> str:
    """Write whether an arm is better than the best trivial predictor; a point estimate alone establishes nothing.

    Empty where there is no trivial predictor, or no score of the arm.
    """
    rows, basis = findings.against_trivial, findings.basis
    if findings.best_trivial is None or arm not in rows.index or rows.T[arm]["n"] < 1:
        return ""
    name, score = findings.best_trivial
    row = rows.T[arm]
    if row["n"] < 2:
        one = f"one {basis.one} cannot establish that"
        return f"not shown to be better than the best trivial predictor, {name} ({score:.3f}), as {one}"
    if established(row):
        word = "better" if findings.is_better(row["difference"]) else "worse"
        return f"{word} than the best trivial predictor, {name} ({score:.3f}; {numbers(row, basis, brief)})"
    return (
        f"not shown to be better than the best trivial predictor, {name} ({score:.3f}; {evidence(row, basis, brief)})"
    )


def equal_arms(table: pd.DataFrame) -> list[list[str]]:
    """Return the groups of arms that share every score of a table of arms x repeats."""
    groups: dict[tuple[float, ...], list[str]] = {}
    for arm, scores in table.dropna().iterrows():
        groups.setdefault(tuple(scores), []).append(str(arm))
    return [arms for arms in groups.values() if len(arms) > 1]
