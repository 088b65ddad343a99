"""Sweeps of segmenters: intervals over images, blind predictors, folds, boxes and costs on the page."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dermoscopy.config.references import masks_file, weights_file
from dermoscopy.data.store.reader import open_store
from dermoscopy.evaluation.summary import summarise
from dermoscopy.masks.predicted import PredictedMasks, read_masks, write_masks
from dermoscopy.metrics.segmentation import THRESHOLD, averages, image_scores
from dermoscopy.report.figures.costs import draw_costs
from dermoscopy.report.page.page import write_report
from dermoscopy.report.page.sections import costs_section
from dermoscopy.report.results.constant_masks import FAILURE, score_constant_masks
from dermoscopy.report.results.costs import costs
from dermoscopy.report.results.findings import find, sentences
from dermoscopy.report.results.mask_folds import masks_to_join, out_of_fold
from dermoscopy.report.results.mask_scores import METRICS, SCORES, MaskScores, shown
from dermoscopy.report.results.test_images import gather, over_images
from dermoscopy.runs.tables import load_sweep

MakeSweep = Callable[..., Path]
MASKS = ["lesion", "streaks"]
GAIN = {"small": 0.0, "large": 0.2}
SEEDS = {"network": ["small", "large"], "seed": ["0", "1"]}
FOLDS = {"split.fold": ["0", "1", "2"]}


def images(ids: Sequence[str], gain: float, rng: np.random.Generator) -> pd.DataFrame:
    """A predictions.csv: every image with both masks, at both sizes, two images a group."""
    rows = []
    for number, id in enumerate(ids):
        for mask in MASKS:
            counts = rng.integers(1, 100, 4)
            counts[0] += 200 * (gain + 0.3)
            for size, factor in (("store", 1), ("original", 16)):
                scores = {name: value.item() for name, value in image_scores(counts[None, None]).items()}
                areas = {"truth": factor * counts[[0, 2]].sum(), "predicted": factor * counts[:2].sum()}
                row = {"id": id, "group": f"g{number // 2}", "mask": mask, "size": size, "hd95": np.nan}
                rows.append(row | scores | areas)
    return pd.DataFrame(rows)


@pytest.fixture
def make_segmented(make_sweep: MakeSweep, demo_store: Path) -> Callable[..., Path]:
    """Write a sweep of segmenters that test a part of the demo store: the same for all, or each fold its own."""
    store = open_store(demo_store)

    def make(axes: Mapping[str, Sequence[str]], states: Sequence[str], views: Sequence[str] = ("none",)) -> Path:
        sweep = make_sweep(axes, states, "encoders")
        for job in sweep.glob("[0-9]*"):
            record = json.loads((job / "job.json").read_text())
            folder, fold = Path(record["stages"][-1]["folder"]), record["fold"]
            tested = np.arange(len(store)) % 3 == (fold or 0)
            gain = GAIN.get(record["axes"].get("network"), 0.1)
            table = images(store.ids[tested].tolist(), gain, np.random.default_rng([record["seed"], fold or 0]))
            table.to_csv(folder / "predictions.csv", index=False)
            side = np.where(tested, "test", "train")
            pd.DataFrame({"id": store.ids, "side": side}).to_csv(folder / "split.csv", index=False)
            config = {"data": {"store": str(demo_store), "masks": MASKS}, "model": {"views": list(views)}}
            config |= {"split": {"k": 3, "fold": fold}, "network": record["axes"].get("network")}
            (folder / "config.yaml").write_text(json.dumps(config))
            size = {"parameters": int(1e6 * (1 + gain)), "trainable": int(1e6)}
            (folder / "result.json").write_text(json.dumps({"metrics": {}, "seconds": 110.0} | size))
            epochs = pd.DataFrame({"epoch": [0, 0, 1, 1], "mode": ["train", "val"] * 2, "dice": 0.4, "loss": 1.0})
            epochs.assign(stage="masks", seconds=3.0).to_csv(folder / "history.csv", index=False)
            scores = summarise(table, replicates=0)
            suffix = scores["size"].map({"store": "", "original": "_original"})
            part = ("/" + scores["mask"]).replace("/mean", "")
            names = "test/none" + suffix + "/" + scores["metric"] + part
            record["metrics"] = dict(zip(names, scores["mean"], strict=True)) if record["status"] == "done" else {}
            numbers = {"train": int((~tested).sum()), "val": 0, "test": int(tested.sum())}
            record["data"] = {"name": "demo", "fingerprint": store.fingerprint, "size": list(store.size)} | numbers
            (job / "job.json").write_text(json.dumps(record))
        return sweep

    return make


def report(sweep: Path, tmp_path: Path, metric: str | None = None) -> tuple[str, list[str]]:
    files = write_report(load_sweep(sweep), tmp_path / "experiments", tmp_path / "none.yaml", metric=metric)
    return (tmp_path / "experiments" / "encoders" / "README.md").read_text(), [file.name for file in files]


def test_the_place_of_a_metric_is_views_and_a_size() -> None:
    assert shown("none") == ("none", "store")
    assert shown("flips_original") == ("flips", "original")


def test_weighted_scores_agree_with_those_of_the_evaluation() -> None:
    rng = np.random.default_rng(0)
    table = images([f"i{k}" for k in range(30)], 0.1, rng)
    table.loc[rng.random(len(table)) < 0.2, "precision"] = np.nan
    weight = rng.integers(0, 4, (5, 30)).astype(float)
    own = MaskScores.from_table(table, "original")
    expected = averages({name: own.metrics[name] for name in METRICS[:5]}, own.area, weight)
    for name in SCORES:
        if name != "hd95":
            assert own.score(name, weight) == pytest.approx(expected[name].mean(axis=1)), name
    assert np.isnan(own.score("hd95", weight)).all()
    whole = summarise(table, replicates=0).query("mask == 'mean' and size == 'original'").set_index("metric")["mean"]
    assert own.score("pooled_iou", np.ones((1, 30)))[0] == pytest.approx(whole["pooled_iou"])


def test_constant_masks_by_hand() -> None:
    train = [[1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 0, 255]]  # at least one half of those known: the first two pixels
    test = [[1, 1, 1, 0], [0, 0, 0, 0], [255, 1, 0, 0], [255] * 4]
    truth = np.array(train + test, np.uint8).reshape(-1, 2, 2)
    scores = score_constant_masks(truth, np.arange(3), np.arange(3, 7))
    assert scores["dice"].tolist() == pytest.approx([1 / 3, (6 / 7 + 0 + 1 / 2) / 3, (4 / 5 + 0 + 1) / 3])
    assert scores["iou"].tolist() == pytest.approx([1 / 3, (3 / 4 + 0 + 1 / 3) / 3, (2 / 3 + 0 + 1) / 3])
    assert scores["failure_rate"].tolist() == pytest.approx([2 / 3, 2 / 3, 1 / 3])
    assert scores["thresholded_jaccard"].tolist() == pytest.approx([1 / 3, (3 / 4) / 3, (2 / 3 + 1) / 3])


def test_constant_masks_agree_with_the_metrics_and_the_learnt_one_is_best_where_it_was_learnt(demo_store: Path) -> None:
    store, rows = open_store(demo_store), np.arange(120)
    truth = store.mask()[..., store.mask_names.index("lesion")]
    scores = score_constant_masks(truth, rows, rows)
    present, known = truth == 1, truth != 255
    counts = np.stack([present.sum((1, 2)), (known & ~present).sum((1, 2)), *np.zeros((2, 120), int)], axis=-1)
    for name, values in image_scores(counts[:, None]).items():
        if name in scores:
            assert scores.loc["everything", name] == pytest.approx(np.nanmean(values))
    assert scores.loc["one mask for all", "dice"] > scores.loc["everything", "dice"] > scores.loc["nothing", "dice"]
    assert FAILURE == THRESHOLD


def test_arms_are_compared_on_the_images_they_share(make_segmented: MakeSweep) -> None:
    sweep = load_sweep(make_segmented(SEEDS, ["done"] * 4))
    intervals, note = over_images(gather(sweep, "none_original"), "network=small", "iou")
    assert note == ""
    low, high = intervals["network=large"]
    difference = find(sweep, metric="test/none_original/iou").compared.loc["network=large", "difference"]  # type: ignore[union-attr]
    assert low < difference < high
    assert low > 0


def test_arms_of_folds_are_compared_fold_by_fold(make_segmented: MakeSweep) -> None:
    sweep = load_sweep(make_segmented({"network": ["small", "large"], **FOLDS}, ["done"] * 6))
    low, high = over_images(gather(sweep, "none"), "network=small", "dice")[0]["network=large"]
    compared = find(sweep, metric="test/none/dice").compared.loc["network=large"]  # type: ignore[union-attr]
    assert 0 < low < compared["difference"] < high


def test_scores_of_views_that_were_not_kept_give_no_interval(make_segmented: MakeSweep) -> None:
    sweep = load_sweep(make_segmented(SEEDS, ["done"] * 4, views=["none", "flips"]))
    intervals, note = over_images(gather(sweep, "none"), "network=small", "dice")
    assert intervals == {}
    assert "jobs keep the scores of single images with views flips, not none" in note


def test_a_page_of_segmenters_speaks_of_masks(make_segmented: MakeSweep, tmp_path: Path) -> None:
    page, files = report(make_segmented(SEEDS, ["done", "done", "done", "failed"]), tmp_path)
    assert files[3:6] == ["figure.png", "boxes.png", "cost.png"]
    for fact in (
        "| arm | seeds | views | size | Dice | IoU | thresholded Jaccard | failure rate |",
        "| small | 2 | none | original |",
        "### Dice (views none) of each mask\n\n| arm | lesion | streaks |",
        "### Dice (views none), difference to small",
        "| nothing |",
        "| one mask for all |",
        "### IoU of single test images",
        "| small | 40 | 2 |",
        "| large | 40 | 1 |",
        "| small | 1.00 | 1.00 | 3 |",
    ):
        assert fact in page
    for word in ("masks none", "average precision", "labels", "macro", "availability"):
        assert word not in page


def test_a_score_that_should_be_low_is_compared_so(make_segmented: MakeSweep) -> None:
    sweep = load_sweep(make_segmented(SEEDS, ["done"] * 4))
    findings = find(sweep, metric="test/none/failure_rate")
    assert findings is not None
    assert findings.trivial is not None
    assert findings.best_trivial is not None
    assert findings.best_trivial[1] == findings.trivial["failure_rate"].min()
    mean = findings.table.loc["network=large"].mean()
    word = "is below" if mean < findings.best_trivial[1] else "is not below"
    assert f"its mean {mean:.3f} {word} the best trivial predictor" in sentences(findings)[1]


def test_without_the_store_the_page_says_what_it_lacks(make_segmented: MakeSweep, tmp_path: Path) -> None:
    sweep = make_segmented(SEEDS, ["done"] * 4)
    for file in tmp_path.glob("runs/encoders/*/config.yaml"):
        file.write_text(file.read_text().replace("demo-32x32.h5", "gone.h5"))
    page, _ = report(sweep, tmp_path)
    assert "Not compared with masks that are the same for every image: no store " in page


def test_folds_together_score_every_image_once(make_segmented: MakeSweep, tmp_path: Path) -> None:
    sweep = make_segmented(FOLDS, ["done"] * 3, views=["none"])
    (part,) = out_of_fold(load_sweep(sweep))
    store = summarise(part.images[part.images["size"] == "store"], replicates=0).query("mask == 'mean'")
    dice = float(store.set_index("metric").loc["dice", "mean"])
    page, files = report(sweep, tmp_path)
    table = pd.read_csv(tmp_path / "experiments" / "encoders" / files[files.index("out_of_fold.csv")])
    assert len(table) == 120 * len(MASKS) == table[["id", "mask"]].drop_duplicates().shape[0]
    assert table["dice"].mean() == pytest.approx(dice, abs=1e-4)
    assert set(table["fold"]) == {0, 1, 2}
    assert f"| encoders | 0 | store | 120 | 3 | {dice:.3f} (" in page
    assert "No fold is missing." in page
    assert "mean ± sd (lowest to highest) over folds" in page


def test_a_missing_fold_is_named_and_its_masks_are_not_joined(make_segmented: MakeSweep, tmp_path: Path) -> None:
    sweep = make_segmented(FOLDS, ["done", "failed", "done"])
    for folder in (tmp_path / "runs" / "encoders").glob("encoders-*"):
        (folder / "masks.h5").touch()
    page, _ = report(sweep, tmp_path)
    assert "| encoders | 0 | store | 80 | 2 |" in page
    assert "Missing, with all their images: encoders, seed 0: fold 1." in page
    assert masks_to_join(load_sweep(sweep)) == {}


def test_the_masks_of_complete_folds_are_joined_once(make_segmented: MakeSweep, tmp_path: Path) -> None:
    sweep = load_sweep(make_segmented(FOLDS, ["done"] * 3))
    assert masks_to_join(sweep) == {}  # no fold left any
    folders = [tmp_path / "runs" / "encoders" / f"encoders-0-{fold}" for fold in range(3)]
    for folder in folders:
        (folder / "masks.h5").touch()
    file = sweep.folder / "out_of_fold.h5"
    assert masks_to_join(sweep) == {file: folders}
    file.touch()
    os.utime(file, (2e9, 2e9))
    assert masks_to_join(sweep) == {}


def test_an_experiment_stands_for_the_masks_that_its_folds_predicted(make_segmented: MakeSweep, tmp_path: Path) -> None:
    folder, runs = make_segmented(FOLDS, ["done"] * 3), tmp_path / "runs"
    assert masks_file("some/file.h5", runs) == "some/file.h5"
    with pytest.raises(ValueError, match=r"datamodule.predicted=encoders: .* lacks folds, or is no sweep over them"):
        masks_file("encoders", runs)
    for fold in range(3):
        probability = np.full((1, 2, 2, 1), fold, dtype=np.uint8)
        masks = PredictedMasks(np.array([f"image{fold}"]), ("lesion",), False, "fingerprint", probability)
        write_masks(runs / "encoders" / f"encoders-0-{fold}" / "masks.h5", masks)
    joined = masks_file("encoders", runs)
    assert joined == str(folder / "out_of_fold.h5")
    assert read_masks(Path(joined)).of(["image2", "image0"]).max((1, 2, 3)).tolist() == [2, 0]
    (folder / "out_of_fold-other.h5").touch()
    with pytest.raises(ValueError, match="datamodule.predicted=encoders left the masks of 2 arms, give the file"):
        masks_file("encoders", runs)
    with pytest.raises(ValueError, match=r"network.segmenter.checkpoint=nothing: run=nothing names no file"):
        weights_file("network.segmenter.checkpoint", "nothing", runs, "sqlite:///none.db")
    with pytest.raises(ValueError, match=r"=folds: .*there are: encoders; train its folds first .*experiment=folds -m"):
        masks_file("folds", runs)


def test_an_image_of_two_folds_is_refused(make_segmented: MakeSweep, tmp_path: Path) -> None:
    sweep = make_segmented(FOLDS, ["done"] * 3)
    first, second = (tmp_path / "runs" / "encoders" / f"encoders-0-{fold}" / "predictions.csv" for fold in (0, 1))
    second.write_text(first.read_text())
    with pytest.raises(ValueError, match="was tested in two folds of encoders, seed 0"):
        out_of_fold(load_sweep(sweep))


def test_costs_count_a_shared_stage_once_and_are_drawn_for_each_arm(make_segmented: MakeSweep) -> None:
    table = costs(load_sweep(make_segmented(SEEDS, ["done"] * 4)))
    assert table["parameters"].tolist() == [1_000_000, 1_200_000]
    assert table["epoch"].tolist() == [3.0, 3.0]
    assert table["hours"].tolist() == pytest.approx([2 * (40 + 110) / 3600] * 2)
    assert "trainable in the last stage" in costs_section(table)
    left, right = draw_costs(table, pd.Series([0.5, 0.6], table.index), "Dice").axes
    assert [line.get_xdata()[0] for line in left.lines] == [1.0, 1.2]
    assert [line.get_ydata()[0] for line in right.lines] == [0.5, 0.6]


def test_classifiers_have_no_folds_to_join(make_sweep: MakeSweep) -> None:
    assert out_of_fold(load_sweep(make_sweep(FOLDS, ["done"] * 3))) == []
