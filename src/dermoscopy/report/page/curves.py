"""Charts of curves: scores over the epochs, and over the masks that the networks receive at the test."""

from collections.abc import Mapping

import matplotlib as mpl
import pandas as pd

from dermoscopy.metrics.weighted_classification import plain_name
from dermoscopy.plots.style import COLOURS, FAINT, GRID, MOST_BANDS, STYLE, metric_words
from dermoscopy.report.figures.arms import learning_curves, mean_curve
from dermoscopy.report.figures.conditions import condition_lines, other_masks
from dermoscopy.report.figures.vector import Chart, capital, page_axes, shown_names
from dermoscopy.report.results.arms import summarise
from dermoscopy.report.results.conditions import BESIDE, SHARES
from dermoscopy.report.results.findings import LOWER_IS_BETTER, Findings
from dermoscopy.report.results.numbers import number
from dermoscopy.runs.tables import SweepResults

MOST_POINTS = 1000  # points of a chart that have tooltips of their own, as each takes a hundred bytes


def arm_palette(findings: Findings) -> dict[str, str]:
    """Return the colour of each arm: of many arms, only the reference and the best ones have one of their own."""
    arms = list(findings.table.index)
    chosen = arms
    if len(arms) > len(COLOURS):
        means = summarise(findings.table)["mean"].sort_values(ascending=findings.lower_is_better, kind="stable")
        best = [str(arm) for arm in means.index if arm != findings.reference][: len(COLOURS) - 1]
        chosen = [arm for arm in arms if arm == findings.reference or arm in best]
    own = dict(zip(chosen, COLOURS, strict=False))
    return {arm: own.get(arm, FAINT) for arm in arms}


def learning_charts(
    sweep: SweepResults, findings: Findings | None, palette: Mapping[str, str]
) -> dict[str, list[Chart]]:
    """Return the curves of the score and of the loss over the epochs, by mode: val and train."""
    done = [job.number for job in sweep.done] or [job.number for job in sweep.jobs]
    history = sweep.history[sweep.history["job"].isin(done)]
    score = findings.metric.split("/", 2)[2] if findings else ""
    monitor = sweep.done[0].last.configuration.monitor_metric if sweep.done else ""
    scores = dict.fromkeys([*[name for name in (score, monitor) if name in history][:1], "loss"])
    charts = {
        mode: [learning_chart(history, name, palette, mode) for name in scores if name in history]
        for mode in ("val", "train")
    }
    return {mode: [chart for chart in own if chart] for mode, own in charts.items()}


def learning_chart(history: pd.DataFrame, score: str, palette: Mapping[str, str], mode: str) -> Chart | None:
    """Return the curves of one score, None if no job has any value of it."""
    rows = history[history["mode"] == mode]
    if rows.empty or rows[score].isna().all():
        return None
    names, tips, table = shown_names(list(palette)), {}, []
    curves = {arm: mean_curve(rows, score, arm) for arm in palette}
    if all(mean.empty for mean, _ in curves.values()):
        return None
    lower = score == "loss" or plain_name(score.partition("/")[0]) in LOWER_IS_BETTER
    points = sum(len(mean) for mean, _ in curves.values()) <= MOST_POINTS
    with mpl.rc_context(STYLE):
        figure, (axes,) = page_axes()
        learning_curves(axes, history, score, palette, mode)
        axes.set_title("")
        for place, (arm, (mean, sd)) in enumerate(curves.items()):
            if mean.empty:
                continue
            texts = [f"{names[arm]}, epoch {epoch}: {value:.3f}" for epoch, value in mean.items()]
            if points:  # hardly visible dots, to point at
                axes.plot(
                    mean.index, mean, "o", color=palette[arm], markersize=6, alpha=0.02, gid=f"arm-{place}.points"
                )
                tips[f"arm-{place}.points"] = texts
            tips[f"arm-{place}.line"], tips[f"arm-{place}.band"] = [names[arm]], [names[arm]]
            extreme = mean.min() if lower else mean.max()
            last = f"{mean.iloc[-1]:.3f}" + (f" ± {sd.iloc[-1]:.3f}" if pd.notna(sd.iloc[-1]) else "")
            table.append([names[arm], str(mean.index[-1]), last, f"{extreme:.3f}", f"{mean.index[mean == extreme][0]}"])
    word = {"val": "Validation", "train": "Training"}[mode]
    band = ", bands one standard deviation" if len(palette) <= MOST_BANDS else ""
    return Chart(
        f"{mode}-{'loss' if score == 'loss' else 'score'}",
        f"{word} {metric_words(score)}",
        f"Lines are means over repeats{band}; a curve ends with its shortest repeat.",
        figure,
        ["arm", "epochs", "last epoch", f"{'lowest' if lower else 'highest'} mean", "in epoch"],
        table,
        tips,
        [(names[arm], colour) for arm, colour in palette.items()],
    )


def condition_charts(findings: Findings, palette: Mapping[str, str]) -> list[Chart]:
    """Return the score over the revealed share of the masks, and with other masks; none if that was not tested."""
    curves = findings.curves
    if curves is None:
        return []
    names = shown_names(list(curves.names))
    tested = [name for name in SHARES if name in curves.tables]
    beside = [name for name in BESIDE if name in curves.tables]
    if len(tested) + len(beside) < 2:
        return []
    panels = ([4.0] if len(tested) > 1 else []) + ([0.6 + 0.9 * len(beside)] if beside else [])
    tips = {}
    with mpl.rc_context(STYLE):
        figure, axes = page_axes(columns=panels)
        if len(tested) > 1:
            condition_lines(axes[0], curves, palette)
            axes[0].set_xlabel("revealed masks, % of cells")
        if beside:
            other_masks(axes[-1], curves, palette, beside)
        axes[0].set_ylabel(metric_words(curves.score))
        for panel in axes:
            panel.set_title("")
            panel.grid(axis="y", color=GRID, zorder=-1)
    rows = []
    for place, (arm, name) in enumerate(names.items()):
        values = {where: number(curves.mean(where, arm)) for where in [*tested, *beside]}
        tips[f"arm-{place}.line"] = [f"{name}, masks {where.replace('_', ' ')}: {values[where]}" for where in tested]
        tips |= {f"arm-{place}.{where}": [f"{name}, masks {where}: {values[where]}"] for where in beside}
        rows.append([name, *values.values()])
    text = (
        "The same networks, tested with a growing share of the ground-truth masks"
        if len(tested) > 1
        else "The same networks"
    )
    text += f"{' and' if len(tested) > 1 else ', tested'} with {' and '.join(beside)} masks" if beside else ""
    head = ["arm", *(where.replace("_", " ") for where in [*tested, *beside])]
    band = "; bands and bars are 95 % intervals" if len(palette) <= MOST_BANDS else ""
    text, title = f"{text}. Means over {curves.basis.repeats}{band}.", f"{metric_words(curves.score)} by masks at test"
    key = [(names[arm], colour) for arm, colour in palette.items()]
    return [Chart("conditions", capital(title), text, figure, head, rows, tips, key)]
