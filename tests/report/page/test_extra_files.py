"""Files beside a page: those of its kind of sweep, each named in the section that includes it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from dermoscopy.report.page.extra_files import extra_files, main_figure
from dermoscopy.report.results.findings import Findings, find
from dermoscopy.runs.tables import SweepResults, load_sweep

Make = Callable[..., Path]
FOLDS = {"network": ["small", "large"], "split.fold": ["0", "1", "2"]}


def loaded(folder: Path, metric: str) -> tuple[SweepResults, Findings]:
    sweep = load_sweep(folder)
    findings = find(sweep, metric=metric)
    assert findings is not None
    return sweep, findings


def test_segmenters_with_folds_have_box_plots_costs_and_out_of_fold_scores(make_segmented: Make) -> None:
    files, sections = extra_files(*loaded(make_segmented(FOLDS, ["done"] * 6), "test/none/dice"))
    assert set(files) == {"boxes.png", "cost.png"}
    assert isinstance(files["boxes.png"], Figure)
    assert [section.title.partition(":")[0] for name in ("boxes", "cost", "folds") for section in sections[name]] == [
        "IoU of single test images",
        "Cost",
        "Out of fold",
    ]


def test_classifiers_have_tables_by_mask_condition_and_of_out_of_fold_scores(make_classified: Make) -> None:
    axes = {"zeroing": ["everything", "nothing"], "split.fold": ["0", "1", "2"]}
    files, sections = extra_files(*loaded(make_classified(axes), "test/none/auroc"))
    names = {
        "mask_conditions.csv",
        "mask_conditions.png",
        "mask_conditions.svg",
        "out_of_fold_scores.csv",
    }
    assert set(files) == names
    assert {"conditions", "folds"} <= set(sections)


def test_without_findings_there_is_only_the_cost_section(make_sweep: Make) -> None:
    files, sections = extra_files(load_sweep(make_sweep({"seed": ["0"]}, ["missing"])), None)
    assert (files, sections) == ({}, {"cost": []})


@pytest.mark.parametrize("metric", ["test/none/f1", "test/given/f1"])
def test_the_main_figure_shows_a_metric_with_no_masks_and_with_given_masks(make_runs: Make, metric: str) -> None:
    figure = main_figure(*loaded(make_runs(), metric))
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert legend[:2] == ["masks none", "masks given"]
    assert figure.axes[1].lines  # learning curves of the jobs that are done
