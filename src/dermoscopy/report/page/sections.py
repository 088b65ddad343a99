"""The sections of a page: results and their uncertainty, as data."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from dermoscopy.metrics.repeats import FIXED_SPLIT, FOLDS, OWN_SPLITS
from dermoscopy.plots.style import metric_words
from dermoscopy.report.figures.vector import capital
from dermoscopy.report.page.facts import facts, recorded, unfinished
from dermoscopy.report.page.section import Code, Section
from dermoscopy.report.page.segmenters import each_mask_section, segmenters_section
from dermoscopy.report.results.arms import headlines, mean_and_sd, pivot, short_names, summarise
from dermoscopy.report.results.constant_masks import TRAINING_MASK
from dermoscopy.report.results.differences import arm_differences
from dermoscopy.report.results.findings import Findings
from dermoscopy.report.results.numbers import interval, number
from dermoscopy.report.results.verdicts import more_repeats, seen_difference, sentences
from dermoscopy.runs.tables import SweepResults

MASK_METRICS = ("test/none/dice", "test/none/iou")  # of classifiers that also segment
DESIGNS = {
    OWN_SPLITS: "Every {one} draws its own training and test images and trains every arm on them",
    FOLDS: "Every fold tests other images, and trains every arm on the rest",
    FIXED_SPLIT: "All {many} have the same training and test images, and differ in the random numbers of the training",
}


def page_sections(
    sweep: SweepResults, findings: Findings | None, more: Mapping[str, Sequence[Section]] | None = None
) -> list[Section]:
    """Return all sections of a sweep in their order; without findings, only the facts about what ran.

    Args:
        sweep: the sweep to report.
        findings: of the sweep, None while no job has a test metric.
        more: the sections conditions, folds, subgroups, boxes and cost of `extra_files`, where there are any.
    """
    more = more or {}
    found: list[Section | None] = []
    if findings is not None:
        found += [arms_section(sweep, findings), each_mask_section(sweep, findings)]
        found += [*more.get("conditions", ()), *more.get("folds", ())]
        found += [words_section(findings), differences_section(findings), sureness_section(findings)]
        found += [trivial_section(findings), *more.get("subgroups", ()), *more.get("boxes", ())]
    found += [*more.get("cost", ()), configurations_section(arm_differences(sweep))]
    return [part for part in [*found, facts(sweep), recorded(sweep), unfinished(sweep)] if part is not None]


def arms_section(sweep: SweepResults, findings: Findings) -> Section:
    """Return the mean ± sd over repeats of the headline metrics and the compared metric."""
    if findings.segmented:
        return segmenters_section(sweep, findings)
    masks = [name for name in MASK_METRICS if name in sweep.table]
    metrics = list(dict.fromkeys([*headlines(sweep), findings.metric, *masks]))
    values = [mean_and_sd(pivot(sweep.table, metric)) for metric in metrics]
    counts = summarise(findings.table)["n"]
    rows = [[name, str(counts[arm]), *(column[arm] for column in values)] for arm, name in findings.names.items()]
    head = ["arm", findings.repeats, *(findings.words(metric) for metric in metrics)]
    return Section(f"Arms, mean ± sd over {findings.repeats}", head, rows)


def words_section(findings: Findings) -> Section:
    """Return one sentence per arm, and what they rest on."""
    kind = "the primary metric, named by the experiment beforehand" if findings.primary else "not the primary metric"
    rest = "All other scores on this page are secondary."
    if not findings.primary:
        rest = "The experiment names another metric as primary, or none: these sentences explore."
    several = f" The p values of {findings.family} comparisons are corrected together (Holm)."
    text = f"{capital(findings.words())} is {kind}. {rest}{several if findings.family > 1 else ''}"
    return Section("In words", text=text, items=sentences(findings))


def differences_section(findings: Findings) -> Section | None:
    """Return the paired differences to the reference with their intervals over repeats and over test images."""
    compared, names = findings.compared, findings.names
    if compared.empty:
        return None
    rows = [
        [
            names[str(arm)],
            f"{int(row['n'])}",
            number(row["difference"], "+.3f"),
            interval(row["low"], row["high"]),
            interval(row["image_low"], row["image_high"]),
            number(row["p_holm"], ".3f"),
        ]
        for arm, row in compared.iterrows()
    ]
    head = ["arm", "pairs", "difference", f"95 % over {findings.repeats}", "95 % over test images", "p (Holm)"]
    scope = "for other trainings as well" if findings.basis.design.fixed else "for these trained networks"
    text = (
        f"Over {findings.repeats}: paired t tests. Over test images: the jackknife over their groups, {scope}. "
        f"{_test_words(findings)}The p values of all sentences on this page are corrected together."
    )
    title = f"{findings.words()}, difference to {names[findings.reference]}"
    return Section(title, head, rows, " ".join([text, *findings.notes]))


def _test_words(findings: Findings) -> str:
    """Write how the test of a difference takes account of the design."""
    design = findings.basis.design
    if design.fixed or not design.test_per_train:
        return ""
    return (
        f"The {findings.repeats} share training images, so the variance of a mean over n of them is "
        f"sd² (1/n + {design.test_per_train:.3f}), the latter being test images per training image (corrected "
        "resampled t test, Nadeau and Bengio 2003, doi 10.1023/A:1024068626366). "
    )


def sureness_section(findings: Findings) -> Section | None:
    """Return in plain words what the design allows to claim, and how large a difference could have been seen.

    Its table has one row per arm: the smallest difference that would have been seen, and how many more repeats would
    show one of `meaningful`.
    """
    basis, rows = findings.basis, findings.compared
    if rows.empty:
        return None
    head = ["arm", "pairs", "difference that four of five sweeps would show"]
    head += [] if basis.meaningful is None else [f"more {basis.repeats} for one of {basis.meaningful:g}"]
    table = []
    for arm, row in rows.iterrows():
        seen = seen_difference(row, basis)
        more = [] if basis.meaningful is None else ["-" if np.isnan(seen) else more_repeats(row, basis)]
        table.append([findings.names[str(arm)], f"{int(row['n'])}", number(seen, ".2g"), *more])
    return Section("How sure this is", head, table, items=explanations(findings))


def explanations(findings: Findings) -> list[tuple[str, str]]:
    """Return, in plain words and for the design of this sweep, what its claims mean: a term, and what it says."""
    basis = findings.basis
    design = basis.design.kind
    drawn = DESIGNS[design].format(one=basis.one, many=basis.repeats)
    scope = "to other training images and other test images of the same kind"
    tested = f"the interval over {basis.repeats} must exclude 0"
    if basis.design.fixed:
        scope = "to other random numbers and other test images, not to other training images"
        tested = f"two intervals must exclude 0, that over {basis.repeats} and that over test images"
    texts = {
        f"Design: {design}": f"{drawn}. What is established extends {scope}.",
        "Established": (
            f"A difference is called higher or lower, better or worse, only if chance would rarely show it: {tested}, "
            f"also after Holm's correction for all {max(1, findings.family)} comparisons of the page. At most one page "
            "in twenty claims anything that is not so."
        ),
        "Not established": (
            "This does not say that there is no difference. The table says how large one had to be so that four of "
            f"five sweeps with as many {basis.repeats} and this design ({design}) would establish it (a power of 80 %)."
        ),
    }
    if basis.meaningful is not None:
        floor = "test images" if basis.design.fixed else "images that the repeats share"
        texts |= {
            "Equivalent": (
                f"The difference is shown to be smaller than meaningful={basis.meaningful:g}, the smallest that "
                f"matters: a claim of its own, tested from both sides (design: {design})."
            ),
            f"More {basis.repeats}": (
                f"How many more would show a difference of {basis.meaningful:g} in four of five sweeps, from the "
                f"spread seen here, which few {basis.repeats} estimate roughly. Where no number would, the limit is "
                f"the {floor} (design: {design}): only more images help."
            ),
        }
    return list(texts.items())


def trivial_section(findings: Findings) -> Section | None:
    """Return the scores of trivial predictors, which ignore the image."""
    title = "Trivial predictors, which ignore the image"
    if findings.trivial is None:
        lacking = f"Not compared with constant masks, the same for every image: {findings.trivial_lacking}."
        return Section(title, text=lacking) if findings.segmented else None
    rows = [[str(name), *(number(value) for value in row)] for name, row in findings.trivial.iterrows()]
    scores = list(map(metric_words, findings.trivial.columns))
    if not findings.segmented:
        return Section(title, ["predictor", *scores], rows, "Means over labels, on the same test images.")
    text = (
        "On the same test images, at the store's size. "
        f"{TRAINING_MASK.capitalize()}: the mean of the training masks, thresholded where its mean Dice with the "
        "training masks is highest."
    )
    return Section(title, ["constant mask", *scores], rows, text)


def configurations_section(table: pd.DataFrame) -> Section | None:
    """Return the configuration keys in which the arms differ.

    Args:
        table: result of `differences.arm_differences`.
    """
    if table.columns.empty:
        return None
    names = short_names(list(table.index))
    items = []
    for arm, row in table.iterrows():
        values = ", ".join(f"{key}: {value}" for key, value in row.items() if value != "")
        items.append((names[str(arm)], Code(values) if values else "has none of the keys of the others"))
    return Section("Configuration differences between arms", items=items)


def costs_section(table: pd.DataFrame) -> Section:
    """Return parameters, time and hardware of each arm."""
    names = short_names(list(table.index))
    frozen = bool((table["trainable"] != table["parameters"]).any())
    rows = [
        [
            names[str(arm)],
            f"{row['parameters'] / 1e6:.2f}",
            *([f"{row['trainable'] / 1e6:.2f}"] if frozen else []),
            number(row["epoch"], ".3g"),
            number(row["hours"], ".3g"),
            row["hardware"],
        ]
        for arm, row in table.to_dict("index").items()
    ]
    last = ["trainable in the last stage, million"] if frozen else []
    head = ["arm", "parameters, million", *last, "seconds per epoch", "hours, all jobs", "hardware"]
    return Section("Cost", head, rows)
