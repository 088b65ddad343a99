"""What the arms cost: parameters, time, and the machine it was measured on; and what that buys."""

import matplotlib as mpl
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dermoscopy.analysis.arms import short_names
from dermoscopy.analysis.figures import STYLE, arm_colours
from dermoscopy.analysis.markdown import markdown_table, number
from dermoscopy.analysis.runs import Sweep, history, last_stage
from dermoscopy.ledger import finished

COLUMNS = ["parameters", "trainable", "epoch", "hours", "hardware"]


def costs(sweep: Sweep) -> pd.DataFrame:
    """Table of arms x cost, of the jobs that are done.

    Returns:
        parameters, trainable (in the last stage), epoch (mean seconds, over all stages), hours (of all jobs of the arm,
        each stage counted once), hardware. No row for an arm whose stages left no result.
    """
    done = sweep.jobs[sweep.jobs["status"] == "done"]
    epochs = history(sweep)
    epochs = epochs[(epochs["mode"] == "train") & epochs["job"].isin(done["job"])]
    seconds = epochs.groupby("arm")["seconds"].mean() if len(epochs) else pd.Series(dtype=float)
    rows = {}
    for arm, jobs in done.groupby("arm", sort=False)["job"]:
        folder = last_stage(sweep, jobs.iloc[0])
        result = finished(folder) if folder else None
        if result and result.get("parameters"):
            records = [sweep.records[job] for job in jobs]
            stages = {stage["key"]: stage.get("seconds") or 0.0 for each in records for stage in each["stages"]}
            hardware = "; ".join(dict.fromkeys(f"{each.get('hardware')}" for each in records))
            numbers = [result["parameters"], result["trainable"], seconds.get(arm), sum(stages.values()) / 3600]
            rows[arm] = [*numbers, hardware]
    return pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS)


def costs_section(table: pd.DataFrame) -> str:
    """Parameters, time and hardware of each arm."""
    if table.empty:
        return ""
    names = short_names(list(table.index))
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
    head = ["arm", "parameters, million", *last, "seconds an epoch", "hours, all jobs", "hardware"]
    return "### Cost\n\n" + markdown_table(head, rows)


def draw_costs(table: pd.DataFrame, score: pd.Series, label: str) -> Figure:
    """Draw the mean score of each arm over its parameters and over its seconds an epoch.

    Args:
        table: of `costs`.
        score: by arm.
        label: what the score is, for the axis.
    """
    names, colours = short_names(list(table.index)), arm_colours(len(table))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.6, max(3.0, 0.8 + 0.22 * len(table))), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2, sharey=True)
        for (arm, row), colour in zip(table.to_dict("index").items(), colours, strict=True):
            left.plot(row["parameters"] / 1e6, score[str(arm)], "o", color=colour)
            right.plot(row["epoch"], score[str(arm)], "o", color=colour, label=names[str(arm)])
        left.set_xlabel("parameters, million")
        right.set_xlabel("seconds an epoch")
        left.set_ylabel(label)
        for axes in (left, right):
            axes.xaxis.set_major_locator(MaxNLocator(5))
            axes.set_xlim(0, None)
            axes.grid(color="#eeeeee", zorder=-1)
            axes.set_axisbelow(True)
        figure.legend(loc="outside right upper", frameon=False)
    return figure
