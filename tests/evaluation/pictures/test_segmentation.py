"""Tests of pictures of segmentations: ids, scores and panels of a row belong to one image; omissions are reported."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from matplotlib.artist import Artist
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.text import Text

from dermoscopy.contracts import NOT_ANNOTATED
from dermoscopy.data.store.reader import Store, open_store
from dermoscopy.data.store.writer import Layout, Row, new_store
from dermoscopy.evaluation.images import OUTCOMES, Case, find_in
from dermoscopy.evaluation.pictures.segmentation import (
    BRIGHTEST,
    OPACITY,
    OUTCOME_COLOURS,
    TOP,
    draw_epoch,
    draw_histogram,
    draw_panels,
)
from dermoscopy.masks.predicted import PredictedMasks
from dermoscopy.metrics.segmentation import THRESHOLD
from dermoscopy.plots.panels import GAP, SIDE

SIZE, MASKS = (6, 8), ("lesion", "streaks")
# how red, green and blue light appear without red, green or blue cones; Machado et al. 2009, doi 10.1109/TVCG.2009.113
BLINDNESS = {
    "red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


class Material(NamedTuple):
    """A store, predictions for most of its images in another order, and scores in a third order."""

    store: Store
    predicted: PredictedMasks
    table: pd.DataFrame


Make = Callable[..., Material]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def build(images: int = 30, exclusive: bool = False) -> Material:
        rng = np.random.default_rng(images)
        layout = Layout(SIZE, "pad", ("globules", *MASKS), ("sick",), "made up", "recipe")
        with new_store(tmp_path / "store.h5", layout, images + 2) as writer:
            for number in rng.permutation(images + 2):
                image = rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
                mask = rng.choice(np.array([0, 1, NOT_ANNOTATED], np.uint8), (*SIZE, 3), p=[0.4, 0.4, 0.2])
                writer.append(Row(f"image {number}", "g", image, mask, [0], (6, 8, 0, 0, 6, 8)))  # type: ignore[arg-type]
        store = open_store(tmp_path / "store.h5")
        ids = rng.permutation(store.ids)[:images]
        probability = rng.integers(0, 128, (images, *SIZE, 2), dtype=np.uint8)
        for position, name in enumerate(ids):  # from random to nearly correct
            truth = store.mask()[store.ids == name][0][..., 1:]
            right = rng.random(truth.shape) < position / images
            probability[position] = np.where(right, np.where(truth == 1, 200, 40), probability[position] * 2)
        predicted = PredictedMasks(ids, MASKS, exclusive, store.fingerprint, probability)
        rows = [row for position in range(images) for row in by_hand(store, predicted, position)]
        table = pd.DataFrame(rows, columns=["id", "mask", "dice", "iou", "truth", "predicted"])
        return Material(store, predicted, table.sample(frac=1, random_state=1))

    return build


def by_hand(
    store: Store, predicted: PredictedMasks, position: int
) -> Iterator[tuple[str, str, float, float, int, int]]:
    """Yield the rows of one image, computed from the arrays alone."""
    id, probability = str(predicted.ids[position]), predicted.probability[position].astype(int)
    codes = store.mask()[list(store.ids).index(id)][..., 1:]
    known, present = codes != NOT_ANNOTATED, probability > 127
    if predicted.exclusive:
        known &= known.all(axis=-1, keepdims=True)
        others = np.stack([255 - probability.sum(axis=-1)] * 2, axis=-1)
        present = (probability > others) & (probability >= probability[..., ::-1])
        present[..., 1] &= ~present[..., 0]
    for channel, mask in enumerate(MASKS):
        truth, guess = ((plane & known)[..., channel] for plane in (codes == 1, present))
        both, either = int((truth & guess).sum()), int((truth | guess).sum())
        yield id, mask, 2 * both / (both + either), both / either, int(truth.sum()), int(guess.sum())


def draw(material: Material, n: int = 3) -> dict[str, Figure]:
    return draw_panels(material.table, find_in(material.store, material.predicted), n)


def rows_of(figure: Figure) -> list[tuple[str, str, list[np.ndarray]]]:
    """Return for each row, by position, its one id (the gid of all its parts), its text, and its pictures' pixels."""
    (axes,) = figure.axes
    rows: dict[int, list[Artist]] = {}
    for part in (*axes.texts, *axes.images):
        bottom = max(part.get_extent()[2:]) if isinstance(part, AxesImage) else part.get_position()[1]
        if part.get_gid():
            rows.setdefault(round((bottom - TOP - SIDE / 2) / (SIDE + GAP)), []).append(part)
    result = []
    for _, parts in sorted(rows.items()):
        (name,) = {str(part.get_gid()) for part in parts}
        text = "\n".join(part.get_text() for part in parts if isinstance(part, Text))
        result.append((name, text, [np.asarray(part.get_array()) for part in parts if isinstance(part, AxesImage)]))
    return result


def number(word: str, text: str) -> float:
    match = re.search(rf"{word} (\d\.\d+)", text)
    assert match is not None
    return float(match[1])


@pytest.mark.parametrize("exclusive", [False, True])
def test_ids_scores_and_panels_of_a_row_belong_to_one_image_in_any_order_of_the_inputs(
    make: Make, exclusive: bool
) -> None:
    material = make(exclusive=exclusive)
    for channel, (mask, figure) in enumerate(sorted(draw(material).items())):
        rows = rows_of(figure)
        assert len({name for name, _, _ in rows}) == 9
        for name, text, (image, truth, probability, _, errors) in rows:
            assert f"\n{name}\n" in text
            np.testing.assert_array_equal(image, material.store.image()[material.store.ids == name][0])
            codes = material.store.mask()[material.store.ids == name][0][..., 1:]
            if not exclusive:
                np.testing.assert_array_equal(truth, np.minimum(codes[..., channel], 2))
            own = material.predicted.probability[material.predicted.ids == name][0, ..., channel]
            np.testing.assert_allclose(probability, own / 255)
            tp, fp, fn = (int((errors == OUTCOMES.index(kind)).sum()) for kind in OUTCOMES[:3])
            assert number("Dice", text) == pytest.approx(2 * tp / (2 * tp + fp + fn), abs=6e-4)
            assert number("IoU", text) == pytest.approx(tp / (tp + fp + fn), abs=6e-4)
            assert "drawn" not in text
            known = truth < 2
            assert ((errors == OUTCOMES.index("unknown")) == ~known).all()
            if exclusive:
                continue
            present = (probability > 0.5) & known
            both = (present & (truth == 1)).sum()
            assert number("Dice", text) == pytest.approx(2 * both / (present.sum() + (truth == 1).sum()), abs=6e-4), (
                mask
            )


def test_rows_are_the_best_median_and_worst_images(make: Make) -> None:
    material = make()
    table = material.table[material.table["mask"] == "lesion"]
    ranked = table.sort_values("dice", ascending=False)["dice"].to_numpy()
    rows = rows_of(draw(material)["lesion"])
    drawn = table.set_index("id")["dice"].loc[[name for name, _, _ in rows]].to_numpy()
    np.testing.assert_array_equal(drawn, ranked[[0, 1, 2, 13, 14, 15, 27, 28, 29]])
    places = [text.splitlines()[0] for _, text, _ in rows]
    assert places[0] == "best: 1 of 30"
    assert places[4] == "median: 15 of 30"
    assert places[-1] == "worst: 30 of 30"


@pytest.mark.parametrize(
    ("images", "places"), [(1, ["best"]), (2, ["best", "worst"]), (5, ["best", "median", "worst"])]
)
def test_no_image_is_drawn_twice_in_a_small_test_set(make: Make, images: int, places: list[str]) -> None:
    rows = rows_of(draw(make(images))["streaks"])
    assert [text.split(":")[0] for _, text, _ in rows] == places
    assert len({name for name, _, _ in rows}) == len(places)


def test_a_score_that_differs_from_the_drawn_pixels_is_reported(make: Make) -> None:
    material = make()
    wrong = material.table.assign(dice=(material.table["dice"] + 0.3) % 1)
    for name, text, pictures in rows_of(draw(material._replace(table=wrong))["lesion"]):
        tp, fp, fn = ((pictures[4] == kind).sum() for kind in range(3))
        assert number("drawn: Dice", text) == pytest.approx(2 * tp / (2 * tp + fp + fn), abs=6e-4), name


def test_images_without_a_rank_are_counted_and_not_drawn(make: Make) -> None:
    table = make().table.sort_values(["mask", "id"], ignore_index=True)
    table.loc[:1, ["dice", "iou"]] = np.nan
    table.loc[2:6, ["dice", "iou", "truth", "predicted"]] = 1, 1, 0, 0
    table.loc[table["mask"] == "streaks", ["dice", "iou"]] = np.nan
    figures = draw(make()._replace(table=table), n=100)
    assert list(figures) == ["lesion"]
    assert {name for name, _, _ in rows_of(figures["lesion"])}.isdisjoint(table["id"][:7])
    assert (
        figures["lesion"].axes[0].texts[1].get_text()
        == "30 images: 23 ranked, 2 undefined, 5 empty in truth and prediction"
    )


def test_inputs_that_do_not_fit_together_are_refused(make: Make) -> None:
    material = make()
    with pytest.raises(ValueError, match="is in the table twice: keep the rows of one size"):
        draw(material._replace(table=pd.concat([material.table, material.table])))
    with pytest.raises(ValueError, match="the masks were not predicted for"):
        find_in(material.store, PredictedMasks(*[*vars(material.predicted).values()][:3], "f" * 64, np.zeros(1)))
    find = find_in(material.store, material.predicted)
    left_out = next(name for name in material.store.ids if name not in material.predicted.ids)
    with pytest.raises(ValueError, match=f"no predicted masks .*{left_out}"):
        find(str(left_out), "lesion")
    with pytest.raises(ValueError, match="no predicted masks 'globules'; there are: lesion, streaks"):
        find(str(material.predicted.ids[0]), "globules")


def case(truth: list[list[int]], predicted: list[list[int]], id: str = "a") -> Case:
    codes, present = np.array(truth, np.uint8), np.array(predicted, bool)
    return Case(id, "lesion", np.full((*codes.shape, 3), 200, np.uint8), codes, present.astype(float), present)


def test_outcomes_of_pixels_equal_those_worked_by_hand() -> None:
    one = case([[1, 1, 0, 0, 255]], [[1, 0, 1, 0, 1]])
    assert [OUTCOMES[kind] for kind in one.outcome[0]] == [
        "true positive",
        "false negative",
        "false positive",
        "true negative",
        "unknown",
    ]
    assert one.dice == 0.5
    assert case([[0, 255]], [[0, 1]]).dice == 1
    assert np.isnan(case([[255, 255]], [[0, 1]]).dice)


@pytest.mark.parametrize("cones", BLINDNESS)
@pytest.mark.parametrize("image", [0.1, 0.4, 0.9])
def test_outcomes_are_distinguishable_with_any_colour_vision(cones: str, image: float) -> None:
    below = image * 255 / BRIGHTEST
    above = {name: (np.array(to_rgb(c)), OPACITY.get(name, 1)) for name, c in OUTCOME_COLOURS.items() if c != "none"}
    drawn = np.array([*(below * (1 - a) + colour * a for colour, a in above.values()), [below] * 3])
    seen = (drawn**2.2 @ np.array(BLINDNESS[cones]).T).clip(0, 1) ** (1 / 2.2)
    assert min(np.linalg.norm(one - other) for one, other in combinations(seen, 2)) > 0.2


def test_outlines_are_closed_around_truth_and_prediction_also_along_the_edge() -> None:
    whole, none = np.ones((4, 6), int).tolist(), np.zeros((4, 6), int).tolist()
    figure = draw_epoch([case(whole, none, "b"), case(none, none, "a")], "epoch 7")
    (axes,) = figure.axes
    (whole_truth,) = axes.collections  # no outlines of empty masks
    left, right, bottom, top = axes.images[0].get_extent()
    (path,) = whole_truth.get_paths()
    np.testing.assert_allclose(path.get_extents().get_points(), [[left, top], [right, bottom]])
    assert [text.get_text() for text in axes.texts if text.get_gid()] == ["b\nDice 0.000", "a\nDice 1.000"]
    assert axes.texts[0].get_text() == "epoch 7"


@pytest.mark.parametrize("ending", ["", "$_{second visit}$, left-forearm polarised" + 40 * "0123456789"])
def test_no_text_covers_another_or_leaves_the_picture_however_long_the_ids(make: Make, ending: str) -> None:
    material = make(6)
    find = find_in(material.store, material.predicted)

    def renamed(id: str, mask: str) -> Case:
        return replace(find(id.removesuffix(ending), mask), id=id)

    table = material.table.assign(id=material.table["id"] + ending, dice=material.table["dice"] * 0.9)
    cases = [renamed(id, mask) for id in table["id"].unique()[:3] for mask in MASKS]
    for figure in (draw_panels(table, renamed, 2)["lesion"], draw_epoch(cases, "epoch 1"), draw_epoch(cases[:1], "1")):
        figure.draw_without_rendering()  # only then has a legend its position
        renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
        texts = [text for text in (*figure.axes[0].texts, *figure.legends[0].get_texts()) if text.get_text()]
        boxes = [text.get_window_extent(renderer) for text in texts]
        pictures = [picture.get_window_extent(renderer) for picture in figure.axes[0].images]
        assert all(figure.bbox.x0 < box.x0 and box.x1 < figure.bbox.x1 for box in boxes)
        assert all(figure.bbox.y0 < box.y0 and box.y1 < figure.bbox.y1 for box in boxes)
        assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
        assert not [box for box in boxes for picture in pictures if box.overlaps(picture)]


@pytest.mark.parametrize("metric", ["dice", "iou"])
def test_the_histogram_counts_every_image_once_and_fails_those_below_the_threshold(metric: str) -> None:
    iou = np.array([0.0, 0.3, THRESHOLD - 0.001, THRESHOLD, 0.66, 0.9, 1.0, np.nan, np.nan])
    table = pd.DataFrame({"mask": "lesion", "iou": iou, "dice": 2 * iou / (1 + iou)})
    (axes,) = draw_histogram(table, metric).axes
    failed, fine = (sum(bar.get_height() for bar in bars) for bars in axes.containers)
    assert (failed, fine) == (3, 4)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        f"mean {table[metric].mean():.3f}",
        f"median {table[metric].median():.3f}",
        "3 of 7 fail:\nIoU < 0.65",
        {"iou": "IoU 0.650, the limit", "dice": "Dice 0.788, the limit"}[metric],
        "9 images,\n2 of them undefined",
    ]


def test_the_histogram_has_a_panel_for_each_mask_even_without_a_score() -> None:
    table = pd.DataFrame({"mask": ["a", "b", "b"], "iou": [0.0, 0.5, 0.9], "hd95": [np.nan, 12.5, 3.0]})
    first, second = draw_histogram(table, "hd95").axes
    texts = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in (first, second)]
    assert texts[0] == ["0 of 0 fail:\nIoU < 0.65", "1 images,\n1 of them undefined"]
    assert "1 of 2 fail:\nIoU < 0.65" in texts[1]
    assert sum(bar.get_height() for bars in second.containers for bar in bars) == 2
    assert second.get_xlabel() == "HD95 in pixels per image"
