"""Charts of a page: figure, words, tooltips and the table of the same numbers, each from the findings of a sweep."""

from collections.abc import Mapping

import matplotlib as mpl
import pandas as pd
from matplotlib.ticker import MaxNLocator

from dermoscopy.plots.style import COLOURS, INK, STYLE, metric_words
from dermoscopy.report.figures.arms import arms_chart
from dermoscopy.report.figures.forest import ROW, SHAPES, draw_forest
from dermoscopy.report.figures.segmenters import cost_points, draw_boxes
from dermoscopy.report.figures.vector import WIDTH, Chart, capital, drawn_names, page_axes, printable, shown_names
from dermoscopy.report.results.answer import Answer, Standing
from dermoscopy.report.results.arms import summarise
from dermoscopy.report.results.boxes import box_table, per_image, per_image_loss
from dermoscopy.report.results.facts import costs
from dermoscopy.report.results.findings import Findings
from dermoscopy.report.results.numbers import interval, number
from dermoscopy.report.results.verdicts import established
from dermoscopy.runs.tables import SweepResults

OUTLIERS = 24  # per arm, of the box plots
MANY = 8  # arms that are shown in the order of the plan; those of a larger sweep are sorted


def forest_chart(findings: Findings, answer: Answer) -> Chart | None:
    """Return the differences to the reference or, of a single arm, to the best trivial predictor; None without one."""
    compared, standings = findings.compared, answer.standings
    names, against = shown_names(list(findings.table.index)), findings.names[findings.reference]
    if compared.empty and findings.best_trivial is not None:
        compared, against = findings.against_trivial, findings.best_trivial[0]
        standings = _against_trivial(findings)
    compared = best_first(compared[compared["difference"].notna()], "difference", findings)
    if compared.empty:
        return None
    fixed, meaningful = findings.basis.design.fixed, findings.basis.meaningful
    better = "lower" if findings.lower_is_better else "higher"
    figure = draw_forest(
        compared,
        drawn_names(list(compared.index)),
        standings,
        f"{printable(against)}",
        f"difference of {findings.words()}\n({better} is better)",
        meaningful,
        fixed,
    )
    band = f" Grey: differences smaller than {meaningful:g}, the smallest that matters." if meaningful else ""
    images = " Thin lines below: 95 % intervals over test images." if fixed else ""
    corrected = " Verdicts are corrected for the number of comparisons, these intervals are not."
    rows = [
        [
            names[str(arm)],
            number(row["difference"], "+.3f"),
            interval(row["low"], row["high"]),
            interval(row["image_low"], row["image_high"]),
            f"{row['n']:.0f}",
            number(row["p_holm"], ".3f"),
            str(standings[str(arm)]),
        ]
        for arm, row in compared.to_dict("index").items()
    ]
    return Chart(
        "forest",
        f"Difference to {printable(against)}",
        f"Mean differences and their 95 % intervals over {findings.repeats}.{images}{band} {shapes(standings)}"
        f"{corrected if len(rows) > 1 else ''}",
        figure,
        ["arm", "difference", f"95 % over {findings.repeats}", "95 % over test images", "pairs", "p (Holm)", "verdict"],
        rows,
        {f"row-{place}": [f"{row[0]}: {row[1]} ({row[2]}), {row[-1]}"] for place, row in enumerate(rows)},
    )


def _against_trivial(findings: Findings) -> dict[str, Standing]:
    """Return how each arm stands against the best trivial predictor."""
    rows = findings.against_trivial
    return {
        str(arm): (Standing.BETTER if findings.is_better(difference) else Standing.WORSE) if sure else Standing.UNKNOWN
        for arm, difference, sure in zip(rows.index, rows["difference"], established(rows), strict=True)
    }


def best_first(table: pd.DataFrame, column: str, findings: Findings) -> pd.DataFrame:
    """Return the rows as they are or, of more than `MANY` arms, in the order of a column, the best first."""
    if len(table) <= MANY:
        return table
    return table.sort_values(column, ascending=findings.lower_is_better, kind="stable", na_position="last")


def shapes(standings: Mapping[str, Standing]) -> str:
    """Say which shapes stand for which standings, of those that occur."""
    words = {"^": "triangle up", "v": "triangle down", "D": "diamond", "o": "open circle", "s": "square"}
    present = [
        standing for standing in Standing if standing in standings.values() and standing is not Standing.REFERENCE
    ]
    text = "; ".join(f"{words[SHAPES[standing][0]]}: {standing}" for standing in present)
    return f"{text.capitalize()}." if text else ""


def scores_chart(findings: Findings) -> Chart | None:
    """Return the score of each repeat of each arm that has any, with mean and interval; None if no arm has."""
    names, summary = shown_names(list(findings.table.index)), summarise(findings.table)
    table = findings.table.loc[best_first(summary, "mean", findings).index].dropna(how="all")
    if table.empty:
        return None
    ratio = findings.basis.design.test_per_train
    with mpl.rc_context(STYLE):
        figure, (axes,) = page_axes(0.65 + ROW * len(table))
        arms_chart(axes, {"mean": table}, dict.fromkeys(table.index, COLOURS[0]), findings.best_trivial, ratio)
        if legend := axes.get_legend():
            legend.remove()
        axes.set_title("")
        axes.set_xlabel(findings.words())
        axes.xaxis.set_major_locator(MaxNLocator(5))
        drawn = drawn_names(list(table.index))
        axes.set_yticks(range(len(table)), [_wrapped(drawn[arm]) for arm in table.index], color=INK)
        axes.spines["left"].set_visible(False)
    tips, rows = {}, []
    for place, (arm, values) in enumerate(table.iterrows()):
        known = values.dropna()
        mean, sd = number(known.mean()), number(known.std())
        rows.append([names[str(arm)], f"{len(known)}", mean, sd, *map(number, values)])
        tips[f"row-{place}"] = [f"{names[str(arm)]}: mean {mean} ± {sd}"]
        tips[f"row-{place}.repeats"] = [f"{names[str(arm)]}, {repeat}: {value:.3f}" for repeat, value in known.items()]
    order = " Best mean first." if len(table) > MANY else ""
    if without := len(summary) - len(table):
        order += f" {without} of {len(summary)} arms {'has' if without == 1 else 'have'} no score."
    text = f"Small dots: single {findings.repeats}; large dots: means with 95 % intervals of the mean.{order}"
    if findings.best_trivial is not None:
        text += f" Dashed: the best trivial predictor, {findings.best_trivial[0]} ({findings.best_trivial[1]:.3f})."
    head = ["arm", "n", "mean", "sd", *map(str, table.columns)]
    return Chart(
        "scores",
        f"{capital(findings.words())} of each {'arm' if len(table) > 1 else findings.repeats.removesuffix('s')}",
        text,
        figure,
        head,
        rows,
        tips,
    )


def _wrapped(name: str) -> str:
    half = len(name) // 2 if len(name) > 26 else 0
    cut = name.find(" ", half) if half else -1
    return name if cut < 0 else f"{name[:cut]}\n{name[cut + 1 :]}"


def images_charts(sweep: SweepResults, findings: Findings) -> list[Chart]:
    """Return the box plots of single test images: of segmenters Dice and IoU, of classifiers the loss."""
    if findings.segmented:
        tables = {name: per_image(sweep, name) for name in ("dice", "iou")}
    else:
        tables = {"loss": per_image_loss(sweep, findings.metric.split("/")[1])}
    return [chart for name, images in tables.items() if (chart := _boxes(name, images))]


def _boxes(name: str, images: pd.DataFrame) -> Chart | None:
    if images["value"].notna().sum() == 0:
        return None
    names, numbers = shown_names(list(images["arm"].unique())), box_table(images)
    numbers = numbers[numbers["images"] > 0]
    images = images[images["arm"].isin(numbers.index)]
    cut = drawn_names(list(images["arm"].unique()))
    figure = draw_boxes(images, metric_words(name), WIDTH, OUTLIERS, cut)
    rows = [
        [names[str(arm)], f"{row['images']}", f"{row['seeds']}", number(row["median"]),
         interval(row["lower"], row["upper"], ".3f"), number(row["mean"])]
        for arm, row in numbers.to_dict("index").items()
    ]  # fmt: skip
    what = "the binary cross-entropy of its labels" if name == "loss" else "the mean over its masks"
    text = (
        f"One value per test image, {what}, averaged over seeds that tested it. Boxes: quartiles and median; diamonds: "
        f"means; whiskers: 1.5 interquartile ranges; dots: images beyond them, at most {OUTLIERS} per arm."
    )
    head = ["arm", "images", "seeds", "median", "quartiles", "mean"]
    tips = {f"row-{place}": [f"{row[0]}: median {row[3]}, quartiles {row[4]}"] for place, row in enumerate(rows)}
    return Chart(
        f"images-{name}", f"{capital(metric_words(name))} of single test images", text, figure, head, rows, tips
    )


def cost_charts(sweep: SweepResults, findings: Findings, palette: Mapping[str, str]) -> list[Chart]:
    """Return the mean score over the hours of training and, where arms differ in it, over the number of parameters."""
    table, means = costs(sweep), summarise(findings.table)["mean"]
    arms = [arm for arm in palette if arm in table.index and pd.notna(means.get(arm))]
    if len(arms) < 2:
        return []
    jobs = pd.Series([job.arm for job in sweep.done]).value_counts()
    hours = (table["hours"] / jobs).reindex(arms).astype(float)
    millions = (table["parameters"] / 1e6).reindex(arms).astype(float)
    unit, factor = ("hours", 1.0) if hours.max() >= 1 else ("minutes", 60.0)
    kinds = [("cost-time", f"training of one repeat, {unit}", hours * factor)]
    if millions.nunique() > 1:
        kinds.append(("cost-parameters", "parameters, million", millions))
    return [_cost_chart(name, label, values, means, palette, findings) for name, label, values in kinds]


def _cost_chart(
    name: str, label: str, values: pd.Series, means: pd.Series, palette: Mapping[str, str], findings: Findings
) -> Chart:
    names, values, own = shown_names(list(palette)), values.reindex(list(palette)), values.dropna().index
    with mpl.rc_context(STYLE):
        figure, (axes,) = page_axes()
        cost_points(axes, values, means, palette, names)
        axes.set_xlim(0, 1.08 * float(values.max()) or 1)
        axes.set_xlabel(label)
        axes.set_ylabel(metric_words(findings.metric.split("/", 2)[2]))
    rows = [[names[arm], f"{values[arm]:.3g}", number(means[arm])] for arm in own]
    tips = {
        f"arm-{place}.cost": [f"{names[arm]}: {values[arm]:.3g} ({label}), {number(means[arm])}"]
        for place, arm in enumerate(palette)
    }
    title = {"cost-time": "Score over training time", "cost-parameters": "Score over size"}[name]
    text, head = f"Mean {findings.words()} of each arm over the {label}.", ["arm", label, findings.words()]
    return Chart(name, title, text, figure, head, rows, tips, [(names[arm], colour) for arm, colour in palette.items()])
