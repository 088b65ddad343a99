"""What a page has beside its findings: tables and figures in files of their own, and the sections that show them."""

import re
from io import StringIO

import pandas as pd
from matplotlib.figure import Figure
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from dermoscopy.report.figures.arms import draw_figure
from dermoscopy.report.figures.boxes import draw_boxes
from dermoscopy.report.figures.conditions import draw_availability
from dermoscopy.report.figures.costs import draw_costs
from dermoscopy.report.page.conditions import availability_section
from dermoscopy.report.page.facts import giveaways
from dermoscopy.report.page.label_folds import SCORE_TABLE, label_folds_section
from dermoscopy.report.page.mask_folds import folds_section
from dermoscopy.report.page.sections import boxes_section, costs_section
from dermoscopy.report.results.arms import AVAILABILITIES, OWN, macro_metrics, pivot, summarise
from dermoscopy.report.results.boxes import per_image
from dermoscopy.report.results.conditions import Curves, availability_curves, availability_table
from dermoscopy.report.results.costs import costs
from dermoscopy.report.results.findings import Findings
from dermoscopy.report.results.folds import TABLE
from dermoscopy.report.results.label_folds import blind, label_folds, label_table, pooled, score_table
from dermoscopy.report.results.mask_folds import fold_table, out_of_fold
from dermoscopy.report.results.mask_scores import shown
from dermoscopy.report.terminal.results import print_table
from dermoscopy.runs.tables import Sweep, all_kept_views, history

Files = dict[str, Figure | str]


def attachments(sweep: Sweep, findings: Findings | None) -> tuple[Files, dict[str, str]]:
    """Contents of the files by name, and the sections by name, see `sections.report_block`."""
    cost = costs(sweep)
    sections = {"cost": costs_section(cost)}
    if findings is None:
        return {}, sections
    files, own = (_segmenters if findings.segmented else _classifiers)(sweep, findings)
    if findings.segmented and cost["parameters"].nunique() > 1:
        files["cost.png"] = draw_costs(cost, summarise(findings.table)["mean"], findings.words())
        sections["cost"] += "\n\n![score over parameters and time](cost.png)"
    return files, sections | own


def _segmenters(sweep: Sweep, findings: Findings) -> tuple[Files, dict[str, str]]:
    """Images out of fold, and how the scores of single images spread."""
    files: Files = {}
    sections = {}
    if parts := out_of_fold(sweep):
        files[TABLE] = fold_table(parts).to_csv(index=False)
        sections["folds"] = folds_section(parts, list(findings.table.index))
    images = per_image(sweep, "iou") if len(findings.table) > 1 else pd.DataFrame()
    if not images.empty:
        files["boxes.png"] = draw_boxes(images, f"IoU (views {all_kept_views(sweep)})")
        sections["boxes"] = boxes_section(images, "iou", "boxes.png")
    return files, sections


def _classifiers(sweep: Sweep, findings: Findings) -> tuple[Files, dict[str, str]]:
    """Scores by what masks were given, and images out of fold."""
    files: Files = {}
    sections = {}
    if curves := availability_curves(sweep, findings):
        files["availability.csv"] = availability_table(curves).to_csv(index=False, float_format="%.6g")
        if curves.in_parts:
            files["availability.png"] = files["availability.svg"] = draw_availability(curves)
        sections["availability"] = availability_section(
            curves, "availability.png", bool(giveaways(sweep)), _validated_with_truth(sweep, curves)
        )
    parts = label_folds(sweep)
    if tables := pooled(sweep, parts):
        scores = score_table(tables, findings.reference)
        files[TABLE] = label_table(parts).to_csv(index=False, float_format="%.6g")
        files[SCORE_TABLE] = scores.to_csv(index=False, float_format="%.6g")
        sections["folds"] = label_folds_section(
            parts, scores, blind(tables), list(findings.table.index), findings.reference
        )
    return files, sections


def _validated_with_truth(sweep: Sweep, curves: Curves) -> list[str]:
    """Arms, as they are shown, whose own masks are the true ones."""
    if OWN not in sweep.jobs:
        return []
    return [curves.names[arm] for arm in sweep.jobs.loc[sweep.jobs[OWN] == "given", "arm"].unique()]


def main_figure(sweep: Sweep, findings: Findings) -> Figure:
    """The compared metric in both mask availabilities, or of segmenters in all views, beside its validation curve."""
    compared, score = findings.metric.split("/", 2)[1:]
    if findings.segmented:
        others = dict.fromkeys(name.split("/")[1] for name in macro_metrics(sweep.jobs) if name.endswith(f"/{score}"))
        places = dict.fromkeys([compared, *(name for name in others if shown(name)[1] == shown(compared)[1])])
        labels = {f"views {name.replace('_original', ', original size')}": name for name in places}
    else:
        labels = {f"masks {name}": name for name in dict.fromkeys([*AVAILABILITIES, compared])}
    wanted = {label: f"test/{name}/{score}" for label, name in labels.items()}
    tables = {label: pivot(sweep.jobs, metric) for label, metric in wanted.items() if metric in sweep.jobs}
    done = sweep.jobs.loc[sweep.jobs["status"] == "done", "job"]
    curves = history(sweep)
    return draw_figure(tables, curves[curves["job"].isin(done)], score, findings.best_trivial, findings.test_per_train)


def table_picture(sweep: Sweep) -> str:
    """Return the table that a sweep prints in the terminal as an SVG that names no other file."""
    console = Console(record=True, width=80, file=StringIO())
    print_table(sweep, console)
    plain = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)  # fonts from the network
    return console.export_svg(title=sweep.command, code_format=plain.replace("Fira Code", "monospace"))
