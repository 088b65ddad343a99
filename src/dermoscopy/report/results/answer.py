"""The answer of a sweep in one or two plain sentences, and the standing of each arm against the reference."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from dermoscopy.metrics.repeats import share_interval
from dermoscopy.plots.style import metric_words
from dermoscopy.report.results.arms import VALIDATION_MASKS, summarise
from dermoscopy.report.results.findings import Findings
from dermoscopy.report.results.mask_scores import tta_and_size
from dermoscopy.report.results.verdicts import (
    equal_arms,
    equivalent,
    established,
    evidence,
    least_sure,
    numbers,
    other_images,
    power,
    trivial_verdict,
)
from dermoscopy.runs.tables import SweepResults

MASKS = {
    "none": "without masks",
    "given": "with ground-truth masks",
    "predicted": "with predicted masks",
    "shuffled": "with the masks of other images",
    VALIDATION_MASKS: "with the masks of each arm's validation",
}
REFERENCE = "\0"  # stands for the name of the reference, which is written once and then called it
NAMED = 3  # more arms are counted, and only the one with the largest difference is named


class Standing(StrEnum):
    """What is established about an arm against the reference, after Holm's correction."""

    REFERENCE = "reference"
    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    UNKNOWN = "cannot tell"


@dataclass(frozen=True)
class Answer:
    """What a sweep says.

    Attributes:
        sentences: one or two, plain text without markup.
        best: the arm with the best mean, even if nothing is established; None without a defined score.
        standings: of each arm, the reference included. A difference that is established counts as better or worse even
            if it is shown to be smaller than `meaningful`.
    """

    sentences: tuple[str, ...]
    best: str | None
    standings: dict[str, Standing]

    @property
    def text(self) -> str:
        """The sentences as one text."""
        return " ".join(self.sentences)


def answer(sweep: SweepResults, findings: Findings | None) -> Answer:
    """Say in words what a sweep establishes, how sure that is, and what would change it.

    Args:
        sweep: the sweep; its jobs are counted where some are not done.
        findings: of the sweep, None while no job has a test metric.
    """
    done, planned = len(sweep.done), len(sweep.jobs)
    if findings is None:
        return Answer((f"There is no test score yet: {done} of {planned} jobs are done.",), None, {})
    best, places = best_arm(findings), standings(findings)
    if best is None:
        said = [f"{_capital(metric_phrase(findings))} is undefined in every job that is done, so nothing is compared."]
    elif len(findings.table) == 1:
        said = _one_arm(findings, best)
    elif findings.compared["n"].max() < 2:
        said = _one_repeat(findings, best)
    else:
        said = _several_arms(findings, best, places)
    if done < planned:
        said[0] = f"With {done} of {planned} jobs done: {said[0]}"
    return Answer(tuple(said), best, places)


def standings(findings: Findings) -> dict[str, Standing]:
    """Return the standing of each arm, in the order of the findings."""
    rows = findings.compared
    sure, same = established(rows), equivalent(rows, findings.basis)
    found = {}
    for arm, difference, is_sure, is_same in zip(rows.index, rows["difference"], sure, same, strict=True):
        found[str(arm)] = Standing.EQUIVALENT if is_same else Standing.UNKNOWN
        if is_sure:
            found[str(arm)] = Standing.BETTER if findings.is_better(difference) else Standing.WORSE
    return {str(arm): found.get(str(arm), Standing.REFERENCE) for arm in findings.table.index}


def best_arm(findings: Findings) -> str | None:
    """Return the arm with the best mean, None if every mean is undefined."""
    means = summarise(findings.table)["mean"].dropna()
    if means.empty:
        return None
    return str(means.idxmin() if findings.lower_is_better else means.idxmax())


def metric_phrase(findings: Findings) -> str:
    """Return the compared metric in plain words: `average precision without masks`, `Dice at the original size`."""
    place, name = findings.metric.split("/", 2)[1:]
    if findings.segmented:
        tta, size = tta_and_size(place)
        parts = [
            f"with {tta.replace('_', ' ')} at test time" * (tta != "none"),
            "at the original size" * (size == "original"),
        ]
    elif place.startswith("revealed_"):
        parts = [f"with {place.removeprefix('revealed_')} % of the ground-truth masks"]
    else:
        parts = [MASKS.get(place, f"({place.replace('_', ' ')})")]
    lower = "(lower is better)" * findings.lower_is_better
    return " ".join(part for part in [metric_words(name), *parts, lower] if part)


def _one_arm(findings: Findings, arm: str) -> list[str]:
    values, basis = findings.table.loc[arm].dropna().to_numpy(float), findings.basis
    mean = f"{_capital(metric_phrase(findings))} is {values.mean():.3f}"
    trivial = trivial_verdict(findings, arm)
    beside = [f"it is {trivial}"] if trivial else []
    if len(values) < 2:
        return [f"{mean}.", *_second([f"one {basis.one} establishes nothing: an interval needs at least two", *beside])]
    low, high = share_interval(values, basis.design.test_per_train)
    if trivial and not established(findings.against_trivial.T[arm]):
        beside.append(power(findings.against_trivial.T[arm], basis))
    return [f"{mean} (95 % interval {low:.3f} to {high:.3f}, {basis.words(len(values))}).", *_second(beside)]


def _one_repeat(findings: Findings, best: str) -> list[str]:
    rows, names, one = findings.compared, findings.names, findings.basis.one
    reference = names[findings.reference]
    if findings.table.loc[findings.reference].isna().all():
        lacking = f"Nothing can be compared: {reference} has no {metric_phrase(findings)}"
        return [f"{lacking}; reference=ARM compares with another arm."]
    if rows["n"].max() == 0:
        return [f"Nothing can be compared yet: no {one} of {reference} and of another arm is done."]
    ahead = f"{names[best]} has the best value of {len(names)} arms, {findings.table.T[best].mean():.3f}"
    if best in rows.index and rows.T[best]["n"] == 1:
        ahead += f" (difference from {reference} {rows.T[best]['difference']:+.3f})"
    return [
        f"One {one} establishes nothing: in {metric_phrase(findings)}, {ahead}.",
        f"A comparison needs at least two {findings.repeats} of each arm.",
    ]


def _several_arms(findings: Findings, best: str, places: dict[str, Standing]) -> list[str]:
    basis, number = findings.basis, len(findings.table)
    if any(len(arms) == number for arms in equal_arms(findings.table)):
        all_repeats = basis.words(len(findings.table.columns))
        return [
            f"All {number} arms have equal scores in all {all_repeats}: what differs between them does not change "
            f"{metric_phrase(findings)}."
        ]
    groups = {
        standing: [arm for arm, place in places.items() if place is standing]
        for standing in (Standing.BETTER, Standing.WORSE, Standing.EQUIVALENT, Standing.UNKNOWN)
    }
    unknown = groups[Standing.UNKNOWN]
    clauses = [_group(findings, arms, standing) for standing, arms in groups.items() if arms]
    if len(unknown) == len(findings.compared):
        clauses = [_nothing(findings, best)]
    first = "; ".join(clauses)
    first = first.replace(REFERENCE, findings.names[findings.reference], 1).replace(REFERENCE, "it")
    more = []
    if best in unknown and len(unknown) < len(findings.compared):
        more.append(f"the best mean is that of {findings.names[best]}, which is not shown to differ")
    if best in findings.compared.index and findings.compared.T[best]["n"] == 0:
        more.append(f"the best mean is that of {findings.names[best]}, which shares no {basis.one} with the reference")
    beaten = findings.against_trivial.T.get(best)
    if beaten is not None and not (established(beaten) and findings.is_better(beaten["difference"])):
        trivial = trivial_verdict(findings, best, brief=True)
        more.append(f"the best arm, {findings.names[best]}, is {trivial}" if trivial else "")
    row = least_sure(findings.compared.loc[unknown], basis)
    if row is not None:
        more.append(power(row, basis, "" if len(unknown) == 1 else " in every arm"))
    return [f"In {metric_phrase(findings)}, {first}.", *_second(more)]


def _group(findings: Findings, arms: list[str], standing: Standing) -> str:
    """Write one clause about all arms of a standing."""
    basis, several = findings.basis, len(arms) > 1
    subject = f"{_listed(findings, arms)} {'are' if several else 'is'}"
    strongest = _strongest(findings.compared.loc[arms])
    row = findings.compared.T[strongest]
    found = f"({numbers(row, basis)})"
    if standing is Standing.UNKNOWN:
        return f"for {_listed(findings, arms)} no difference from {REFERENCE} is established"
    if standing is Standing.EQUIVALENT:
        return f"{subject} equivalent to {REFERENCE} within {basis.meaningful:g}{'' if several else f' {found}'}"
    most = f", most of all {findings.names[strongest]}" if several else ""
    small = f", though by less than {basis.meaningful:g}" if equivalent(row, basis) else ""
    return f"{subject} {standing} than {REFERENCE}{most}{small} {found}{other_images(row, basis)}"


def _nothing(findings: Findings, best: str) -> str:
    """Write that no arm is shown to differ from the reference."""
    rows, names, basis = findings.compared, findings.names, findings.basis
    paired = best in rows.index and rows.T[best]["n"] > 0
    arm = best if paired else _strongest(rows)
    row = rows.T[arm]
    found = f"({evidence(row, basis)})"
    if len(rows) == 1:
        return f"{names[arm]} is not shown to differ from {REFERENCE} {found}"
    lead = "the best mean is that of" if paired else "the largest difference is that of"
    if best == findings.reference:
        lead = "which has the best mean; the largest difference is that of"
    none = f"none of {len(rows)} other arms is shown to differ from {REFERENCE}"
    most = float((-rows["low"] if findings.lower_is_better else rows["high"]).max(skipna=False))
    gain = f"; each interval excludes a gain of more than {most:.3f}" if most > 0 else ""
    return f"{none}{', ' if best == findings.reference else '; '}{lead} {names[arm]} {found}{gain}"


def _listed(findings: Findings, arms: Sequence[str]) -> str:
    names = [findings.names[arm] for arm in arms]
    if len(names) > NAMED:
        return f"{len(names)} of {len(findings.compared)} other arms"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _strongest(rows: pd.DataFrame) -> str:
    """Return the arm with the largest difference, the first one if all are undefined."""
    sizes = rows["difference"].abs()
    return str(sizes.idxmax() if sizes.notna().any() else rows.index[0])


def _second(clauses: Sequence[str]) -> list[str]:
    """Return the clauses that are not empty as one sentence."""
    text = "; ".join(clause for clause in clauses if clause)
    return [f"{_capital(text)}."] if text else []


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
