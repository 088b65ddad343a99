"""Additional tables and figures of a page in files of their own, and the sections that include them."""

from matplotlib.figure import Figure

from dermoscopy.report.figures.arms import draw_figure
from dermoscopy.report.figures.conditions import draw_conditions
from dermoscopy.report.figures.segmenters import draw_boxes, draw_costs
from dermoscopy.report.page.conditions import conditions_section
from dermoscopy.report.page.folds import SCORE_TABLE, label_folds_section, mask_folds_section
from dermoscopy.report.page.section import Section
from dermoscopy.report.page.sections import costs_section
from dermoscopy.report.page.segmenters import boxes_section
from dermoscopy.report.page.subgroups import TABLE as SUBGROUPS
from dermoscopy.report.page.subgroups import subgroup_table, subgroups_section
from dermoscopy.report.results.arms import CONDITIONS, VALIDATION_MASKS, macro_metrics, pivot, summarise
from dermoscopy.report.results.boxes import box_table, per_image
from dermoscopy.report.results.conditions import Curves, conditions_table
from dermoscopy.report.results.facts import costs, label_leakage
from dermoscopy.report.results.findings import Findings
from dermoscopy.report.results.label_folds import label_folds, pooled, score_table, trivial_scores
from dermoscopy.report.results.mask_folds import fold_scores, out_of_fold
from dermoscopy.report.results.mask_scores import kept_tta, tta_and_size
from dermoscopy.runs.tables import SweepResults

Files = dict[str, Figure | str]
Sections = dict[str, list[Section]]


def extra_files(sweep: SweepResults, findings: Findings | None) -> tuple[Files, Sections]:
    """Return the contents of the files by name, and the sections by name, see `sections.page_sections`.

    Args:
        sweep: the sweep of the page.
        findings: of the sweep; None: only the cost section is written.
    """
    cost = costs(sweep)
    sections = {"cost": [costs_section(cost)] if len(cost) else []}
    if findings is None:
        return {}, sections
    files, own = (_segmenters if findings.segmented else _classifiers)(sweep, findings)
    table, lacking = subgroup_table(sweep, findings)
    if len(table):
        files[SUBGROUPS] = table.to_csv(index=False, float_format="%.6g")
        sections["subgroups"] = [subgroups_section(table, findings)]
    elif lacking:
        sections["subgroups"] = [Section("Subgroups of the test images", text=f"Not computed: {lacking}.")]
    if findings.segmented and cost["parameters"].nunique() > 1:
        files["cost.png"] = draw_costs(cost, summarise(findings.table)["mean"], findings.words())
    return files, sections | own


def _segmenters(sweep: SweepResults, findings: Findings) -> tuple[Files, Sections]:
    """Return the out-of-fold scores, and the box plot of the scores of single images."""
    files: Files = {}
    sections: Sections = {}
    arms = list(findings.table.index)
    if parts := out_of_fold(sweep):
        sections["folds"] = [mask_folds_section(parts, fold_scores(parts), arms)]
    if len(arms) > 1:
        images = per_image(sweep, "iou")
        if not images.empty:
            files["boxes.png"] = draw_boxes(images, f"IoU (TTA {kept_tta(sweep)})")
            sections["boxes"] = [boxes_section(box_table(images), "iou")]
    return files, sections


def _classifiers(sweep: SweepResults, findings: Findings) -> tuple[Files, Sections]:
    """Return the scores by mask condition, and the out-of-fold scores."""
    files: Files = {}
    sections: Sections = {}
    if curves := findings.curves:
        files["mask_conditions.csv"] = conditions_table(curves).to_csv(index=False, float_format="%.6g")
        if curves.in_parts:
            files["mask_conditions.png"] = files["mask_conditions.svg"] = draw_conditions(curves)
        truth = _validated_with_truth(sweep, curves)
        sections["conditions"] = [conditions_section(curves, bool(label_leakage(sweep)), truth)]
    parts = label_folds(sweep)
    if tables := pooled(sweep, parts):
        scores = score_table(tables, findings.reference)
        files[SCORE_TABLE] = scores.to_csv(index=False, float_format="%.6g")
        sections["folds"] = label_folds_section(
            parts, scores, trivial_scores(tables), list(findings.table.index), findings.reference
        )
    return files, sections


def _validated_with_truth(sweep: SweepResults, curves: Curves) -> list[str]:
    """Return the display names of the arms validated with ground-truth masks, none unless arms differ in that."""
    if VALIDATION_MASKS not in sweep.table:
        return []
    return [curves.names[arm] for arm in sweep.table.loc[sweep.table[VALIDATION_MASKS] == "given", "arm"].unique()]


def main_figure(sweep: SweepResults, findings: Findings) -> Figure:
    """Draw the compared metric with no masks and with ground-truth masks (segmenters: with each TTA) of each arm.

    Its validation curve is drawn beside it.
    """
    compared, score = findings.metric.split("/", 2)[1:]
    if findings.segmented:
        tested = dict.fromkeys(name.split("/")[1] for name in macro_metrics(sweep.table) if name.endswith(f"/{score}"))
        places = [compared, *(name for name in tested if tta_and_size(name)[1] == tta_and_size(compared)[1])]
        labels = {f"TTA {name.replace('_original', ', original size')}": name for name in places}
    else:
        words = {VALIDATION_MASKS: "validation masks"}
        labels = {words.get(name, f"masks {name}"): name for name in [*CONDITIONS, compared]}
    metrics = {label: f"test/{name}/{score}" for label, name in labels.items()}
    tables = {label: pivot(sweep.table, metric) for label, metric in metrics.items() if metric in sweep.table}
    curves = sweep.history[sweep.history["job"].isin([job.number for job in sweep.done])]
    return draw_figure(tables, curves, score, findings.best_trivial, findings.basis.design.test_per_train)
