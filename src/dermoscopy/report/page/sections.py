"""The computed part of a page in Markdown: results and their uncertainty."""

import pandas as pd

from dermoscopy.machine.messages import PURPOSE
from dermoscopy.plots.style import metric_words
from dermoscopy.report.page.facts import facts, leakage_warning, recorded, unfinished
from dermoscopy.report.page.markdown import code, interval, markdown_table, number, plain, plain_names
from dermoscopy.report.page.segmenters import each_mask_section, segmenters_section
from dermoscopy.report.results.arms import headlines, mean_and_sd, pivot, summarise
from dermoscopy.report.results.constant_masks import TRAINING_MASK
from dermoscopy.report.results.differences import arm_differences
from dermoscopy.report.results.findings import Findings
from dermoscopy.report.results.verdicts import equivalent, established, sentences
from dermoscopy.runs.tables import SweepResults

MASK_METRICS = ("test/none/dice", "test/none/iou")  # of classifiers that also segment


def report_block(
    sweep: SweepResults,
    findings: Findings | None,
    conditions: str = "",
    folds: str = "",
    boxes: str = "",
    cost: str = "",
    command: str = "",
) -> str:
    """Write all sections of a sweep; without findings, only the facts about what ran.

    Args:
        sweep: the sweep to report.
        findings: of the sweep, None while no job has a test metric.
        conditions, folds, boxes, cost: further sections, see `extra_files`.
        command: that writes the page.
    """
    written_by = f"Written by {code(command or f'python report.py experiment={sweep.experiment}')}. {PURPOSE}"
    parts = [written_by, facts(sweep), recorded(sweep), leakage_warning(sweep), unfinished(sweep)]
    if findings is None:
        parts.append("No job has a test metric yet, so there is nothing to compare.")
    else:
        name = f"{plain(sweep.experiment)}: test and validation {findings.words()} of each arm"
        parts += [f"![{name}](figure.png)", arms_section(sweep, findings), each_mask_section(sweep, findings)]
        parts += [conditions, folds, differences_section(findings)]
        parts += [words_section(findings), trivial_section(findings)]
    return "\n\n".join(part for part in [*parts, boxes, cost, configurations_section(arm_differences(sweep))] if part)


def arms_section(sweep: SweepResults, findings: Findings) -> str:
    """Write the mean ± sd over repeats of the headline metrics and the compared metric."""
    if findings.segmented:
        return segmenters_section(sweep, findings)
    masks = [name for name in MASK_METRICS if name in sweep.table]
    metrics = list(dict.fromkeys([*headlines(sweep), findings.metric, *masks]))
    values = [mean_and_sd(pivot(sweep.table, metric)) for metric in metrics]
    names = plain_names(findings.table.index)
    counts = summarise(findings.table)["n"]
    rows = [[name, counts[arm], *(column[arm] for column in values)] for arm, name in names.items()]
    head = ["arm", findings.repeats, *(findings.words(metric) for metric in metrics)]
    return f"### Arms, mean ± sd over {findings.repeats}\n\n" + markdown_table(head, rows)


def words_section(findings: Findings) -> str:
    """Write the sentences of a page, and what they rest on."""
    kind = "primary metric, named by the experiment beforehand" if findings.primary else "not the primary metric"
    rest = "All other scores on this page are secondary."
    if not findings.primary:
        rest = "The experiment names another metric as primary, or none: these sentences explore."
    several = f" {findings.family} comparisons, corrected together (Holm)." if findings.family > 1 else ""
    lines = "\n".join(f"- {line}" for line in sentences(findings, plain_names(findings.names)))
    return f"### In words\n\n{findings.words()}: {kind}. {rest}{several}\n\n{lines}"


def differences_section(findings: Findings) -> str:
    """Write the paired differences to the reference with their intervals over repeats and over test images."""
    compared, names = findings.compared, plain_names(findings.names)
    if compared.empty:
        return ""
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
        f"{design_words(findings)} The p values of all sentences on this page are corrected together."
    )
    title = f"### {findings.words()}, difference to {names[findings.reference]}"
    return "\n\n".join([title, markdown_table(head, rows), " ".join([text, *findings.notes])])


def design_words(findings: Findings) -> str:
    """Write how the repeats drew their test images, and what follows for the test."""
    design = findings.basis.design
    if len(findings.table.columns) < 2:
        return "One training of each arm establishes nothing."
    if design.fixed:
        return (
            f"Design: {design.kind}. All {findings.repeats} have the same test images, so they say nothing about other "
            "images: a difference is established only if both intervals exclude zero, and p is the larger one of both."
        )
    return (
        f"Design: {design.kind}. The {findings.repeats} have different test images and share training images, so the "
        f"variance of a mean over n of them is sd² (1/n + {design.test_per_train:.3f}), the latter being test images "
        "per training image (corrected resampled t test, Nadeau and Bengio 2003, doi 10.1023/A:1024068626366)."
    )


def trivial_section(findings: Findings) -> str:
    """Write the scores of trivial predictors, which ignore the image."""
    if findings.trivial is None:
        lacking = f"Not compared with constant masks, the same for every image: {findings.trivial_lacking}."
        return lacking if findings.segmented else ""
    rows = [[name, *(number(value) for value in row)] for name, row in findings.trivial.iterrows()]
    if not findings.segmented:
        head = ["predictor", *map(metric_words, findings.trivial.columns)]
        return "### Trivial predictors (macro, on the same test images)\n\n" + markdown_table(head, rows)
    head = ["constant mask", *map(metric_words, findings.trivial.columns)]
    title = "### Trivial predictors (on the same test images, at the store's size)"
    text = (
        f"{TRAINING_MASK.capitalize()}: the mean of the training masks, thresholded where its mean Dice with the "
        "training masks is highest."
    )
    return "\n\n".join([title, markdown_table(head, rows), text])


def configurations_section(table: pd.DataFrame) -> str:
    """Write the configuration keys in which the arms differ.

    Args:
        table: result of `differences.arm_differences`.
    """
    if table.columns.empty:
        return ""
    names = plain_names(table.index)
    lines = []
    for arm, row in table.iterrows():
        values = ", ".join(code(f"{key}: {value}") for key, value in row.items() if value != "")
        lines.append(f"- {names[str(arm)]}: {values or 'has none of the keys of the others'}")
    return "### Configuration differences between arms\n\n" + "\n".join(lines)


def answer(findings: Findings | None) -> str:
    """Write the findings in one line, for the index."""
    if findings is None:
        return "no result yet"
    reference, names = findings.reference, plain_names(findings.names)
    known = f"{names[reference]} {mean_and_sd(findings.table)[reference]}"
    rows = [(names[str(arm)], row) for arm, row in findings.compared.iterrows()]
    changes = [f"{name} {row['difference']:+.3f}" for name, row in rows if established(row)]
    same = [name for name, row in rows if equivalent(row, findings.basis)]
    text = f"{findings.words()} of {known}"
    if changes:
        text += f"; established differences: {', '.join(changes)}"
    elif rows:
        text += "; no difference of another arm from it is established"
    if same:
        text += f"; equivalent to it within {findings.basis.meaningful:g}: {', '.join(same)}"
    number = len(findings.table.columns)
    return (
        f"{text} ({number} {findings.repeats}, {findings.basis.design.kind})"
        if number > 1
        else f"{text} (one training)"
    )


def costs_section(table: pd.DataFrame) -> str:
    """Parameters, time and hardware of each arm."""
    if table.empty:
        return ""
    names = plain_names(table.index)
    frozen = (table["trainable"] != table["parameters"]).any()
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
    return "### Cost\n\n" + markdown_table(head, rows)
