"""Out-of-fold scores of classifiers: images ranked within folds, decisions counted over all, arms on equal images."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from shown_sections import page_text
from sklearn.metrics import recall_score, roc_auc_score
from sweeps_on_disk import configure
from written import write_report

from dermoscopy.metrics.intervals import interval
from dermoscopy.metrics.weighted_classification import expected_average_precision
from dermoscopy.report.results.conditions import with_validation_masks
from dermoscopy.report.results.findings import find
from dermoscopy.report.results.label_folds import label_folds, pooled, score_table
from dermoscopy.runs.tables import load_sweep

Make = Callable[..., Path]
PLACES = ["none", "given"]
AXES = {"zeroing": ["everything", "nothing"], "split.fold": ["0", "1", "2"]}


def scores(folder: Path, reference: str = "zeroing=everything") -> pd.DataFrame:
    sweep = load_sweep(folder)
    table = score_table(pooled(sweep, label_folds(sweep)), reference)
    return table.set_index(["arm", "mask_condition", "score"]).sort_index()


def report(sweep: Path, tmp_path: Path, **options: str) -> tuple[str, Path]:
    write_report(load_sweep(sweep), tmp_path / "experiments", **options)
    return page_text(load_sweep(sweep), **options), tmp_path / "experiments" / "cascade"


def test_images_are_ranked_within_folds_and_counted_over_all(make_classified: Make) -> None:
    folder = make_classified(AXES, PLACES)
    table = scores(folder).loc[("zeroing=nothing", "none")]
    (part,) = [part for part in label_folds(load_sweep(folder)) if part.arm == "zeroing=nothing"]
    rows = part.images[part.images["mask_condition"] == "none"]
    folds = [roc_auc_score(own["truth"], own["logit"]) for _, own in rows.groupby("fold")]
    assert table.loc["auroc", "value"] == pytest.approx(np.mean(folds))
    assert table.loc["auroc", ["min", "max"]].tolist() == pytest.approx([min(folds), max(folds)])
    assert table.loc["auroc", "sd"] == pytest.approx(np.std(folds, ddof=1))
    assert roc_auc_score(rows["truth"], rows["logit"]) < min(folds)  # logits of a fold are 5 above those of the other
    recall = recall_score(rows["truth"], rows["logit"] > rows["threshold"])
    assert table.loc["recall_at_youden", "value"] == pytest.approx(recall)
    assert table["images"].tolist() == [120] * 8


def test_intervals_come_from_leaving_out_whole_groups_in_all_arms(make_classified: Make) -> None:
    folder = make_classified(AXES, PLACES)
    table, parts = scores(folder), label_folds(load_sweep(folder))
    image_only, given = (part.images[part.images["mask_condition"] == "none"].set_index("id") for part in parts)

    def accuracy(images: pd.DataFrame, without: str) -> float:
        images = images[images["group"] != without]
        return float(((images["logit"] > images["threshold"]) == (images["truth"] == 1)).mean())

    names = np.unique(image_only["group"])
    left_out = np.array([accuracy(given, name) - accuracy(image_only, name) for name in names])
    row = table.loc[("zeroing=nothing", "none", "accuracy_at_youden")]
    ends = interval(accuracy(given, "") - accuracy(image_only, ""), left_out)
    assert row[["difference_low", "difference_high"]].tolist() == pytest.approx(ends)


def test_the_page_has_the_pooled_scores_those_of_folds_and_those_of_trivial_predictors(
    make_classified: Make, tmp_path: Path
) -> None:
    page, folder = report(make_classified(AXES, PLACES), tmp_path, metric="test/none/auroc")
    table = pd.read_csv(folder / "images.csv")
    arms = ["zeroing=everything", "zeroing=nothing"]
    shared = ["seed", "fold", "mask_condition", "label", "id", "group", "truth"]
    assert list(table) == [*shared, *(f"logit of {arm}" for arm in arms)]
    assert len(table) == 120 * len(PLACES) == len(table.drop_duplicates(["id", "mask_condition"]))
    written = pd.read_csv(folder / "out_of_fold_scores.csv").set_index(["arm", "mask_condition", "score"]).sort_index()
    row = written.loc[("zeroing=nothing", "none", "auroc")]
    cell = f"{row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})"
    assert f"| masks always given | 0 | none | 120 in 3 | {cell} |" in page
    assert "| masks always given | 0 | given | 120 in 3 | 1.000 (-) |" in page  # perfect: no interval
    folds = [own["truth"].to_numpy() for _, own in table.groupby("fold")]
    precision = np.mean([expected_average_precision(np.nanmean(fold) * 40, 40) for fold in folds])
    assert f"| shuffled scores | - | - | - | 0.500 | {precision:.3f} | - |" in page
    assert "| never positive | - | - | - | - | - | - | - | 0.500 | " in page
    assert f" | {1 - table['truth'].mean():.3f} |" in page  # its accuracy
    assert "logits of different networks are not comparable" in page
    assert "### Difference to image only on the same images" in page
    assert "No fold is missing." in page
    assert "### AUROC (none), difference to image only" in page
    assert "No interval" not in page


def test_a_page_compares_the_metric_that_chose_the_epochs_with_the_validation_masks(
    make_classified: Make, tmp_path: Path
) -> None:
    folder = make_classified(AXES, PLACES)
    for stage in folder.parents[1].glob("zeroing=*"):
        validation_masks = "given" if "nothing" in stage.name else "none"
        configure(stage, model={"validation_masks": validation_masks}, monitor={"metric": "val/auroc"})
    page, place = report(folder, tmp_path)
    assert "### AUROC (validation masks), difference to image only" in page
    assert "The validation masks of masks always given are the ground-truth masks." in page
    assert "AUROC with the masks of each arm's validation" in (place.parent / "README.md").read_text()


def test_an_image_tested_in_two_folds_is_refused(make_classified: Make) -> None:
    sweep = load_sweep(make_classified(AXES, PLACES))
    first, second = (sweep.folder.parents[1] / f"zeroing=everything-0-{fold}" / "predictions.csv" for fold in (0, 1))
    second.write_text(first.read_text())
    with pytest.raises(ValueError, match="was tested in two folds of zeroing=everything, seed 0"):
        label_folds(sweep)


def test_a_sweep_of_seeds_has_no_folds(make_classified: Make) -> None:
    assert label_folds(load_sweep(make_classified({"zeroing": ["everything"], "seed": ["0", "1"]}, PLACES))) == []


def test_arms_validated_with_different_masks_are_compared_each_with_its_own(make_classified: Make) -> None:
    folder = make_classified(AXES, PLACES)
    assert with_validation_masks(load_sweep(folder)).table.columns.tolist() == load_sweep(folder).table.columns.tolist()
    for stage in folder.parents[1].glob("zeroing=nothing-*"):
        configure(stage, model={"validation_masks": "given"})
    sweep = with_validation_masks(load_sweep(folder))
    findings = find(sweep, metric="test/validation_masks/auroc")
    assert findings is not None
    jobs = sweep.table.groupby("arm")
    expected = jobs["test/given/auroc"].mean()["zeroing=nothing"] - jobs["test/none/auroc"].mean()["zeroing=everything"]
    row = findings.compared.T["zeroing=nothing"]
    assert row["difference"] == pytest.approx(expected)
    assert row["image_low"] < expected < row["image_high"]
    scored = score_table(pooled(sweep, label_folds(sweep)), "zeroing=everything")
    own = (
        scored.set_index(["arm", "mask_condition", "score"])
        .sort_index()
        .loc[("zeroing=nothing", "validation_masks", "auroc")]
    )
    assert own[["difference", "difference_low", "difference_high"]].tolist() == pytest.approx(
        row[["difference", "image_low", "image_high"]].tolist()
    )
