"""Tests of the scores of a store's images at both sizes, with known answers."""

from pathlib import Path

import numpy as np
import pytest

from dermoscopy.contracts import NOT_ANNOTATED
from dermoscopy.data.store.reader import Store, open_store
from dermoscopy.evaluation.segmentation import Evaluation, evaluate

FITS = ("pad", "crop", "stretch")


def stripe(first: int, last: int, shape: tuple[int, int] = (40, 80)) -> np.ndarray:
    """Return a mask of these columns."""
    return np.broadcast_to((np.arange(shape[1]) >= first) & (np.arange(shape[1]) < last), shape)


def perfect(store: Store, names: tuple[str, ...] | None = None) -> np.ndarray:
    """Return the store's own masks as a certain prediction, wrong only at unknown pixels."""
    planes = [store.mask_names.index(name) for name in names or store.mask_names]
    return np.where(store.mask()[..., planes] == 0, 0, 255).astype(np.uint8)


def evaluated(store: Store, probability: np.ndarray, **arguments) -> Evaluation:
    given = {"masks": store.mask_names, "exclusive": False, "hd95": True} | arguments
    return evaluate(probability, range(len(store)), store, **given)


def row(evaluation: Evaluation, size: str, **where: str) -> dict[str, float]:
    table = evaluation.images[evaluation.images["size"] == size]
    for column, value in where.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0].to_dict()


def test_a_perfect_prediction_of_every_demo_image_scores_one_at_the_store_size(demo_store: Path) -> None:
    store = open_store(demo_store)
    result = evaluated(store, perfect(store))
    assert len(result.images) == len(store) * len(store.mask_names)
    assert (result.images[["dice", "iou", "thresholded_jaccard", "precision", "recall"]] == 1).all(axis=None)
    assert (result.images["hd95"] == 0).all() and (result.images["truth"] == result.images["predicted"]).all()
    assert result.images["group"].tolist() == store.groups.repeat(len(store.mask_names)).tolist()
    present = (store.mask() == 1).sum((1, 2)).ravel()
    assert result.images["truth"].tolist() == present.tolist()


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(8, 8), (4, 8), (8, 12)])
def test_a_perfect_prediction_is_perfect_at_the_original_size(make_store, fit: str, size: tuple[int, int]) -> None:
    store, source = make_store({"a": {"lesion": stripe(20, 60)}}, size, fit)
    scores = row(evaluated(store, perfect(store), source=source), "original")
    assert (scores["truth"], scores["predicted"]) == (40 * 40, 40 * 40)
    assert (scores["dice"], scores["iou"], scores["hd95"]) == (1, 1, 0)


@pytest.mark.parametrize("fit", FITS)
def test_half_an_overlap_is_an_iou_of_one_third_at_the_original_size(make_store, fit: str) -> None:
    store, source = make_store({"a": {"lesion": stripe(30, 50)}}, (8, 16) if fit == "stretch" else (8, 8), fit)
    width = {"pad": 10, "crop": 5, "stretch": 5}[fit]  # of a stored column, in original pixels
    shifted = np.roll(perfect(store), 10 // width, axis=2)
    scores = row(evaluated(store, shifted, source=source), "original")
    assert (scores["truth"], scores["predicted"], scores["iou"]) == (800, 800, 1 / 3)
    assert scores["thresholded_jaccard"] == 0 and scores["hd95"] == 10


@pytest.mark.parametrize(("fit", "visible"), [("pad", 1), ("crop", 1 / 2), ("stretch", 1)])
def test_masks_are_predicted_absent_in_cropped_pixels(make_store, fit: str, visible: float) -> None:
    store, source = make_store({"a": {"lesion": stripe(0, 80)}}, (8, 8), fit)
    result = evaluated(store, np.full((1, 8, 8, 1), 255, np.uint8), source=source)
    assert row(result, "store")["iou"] == 1
    assert row(result, "original")["iou"] == row(result, "original")["recall"] == visible
    assert row(result, "original")["precision"] == 1


def test_a_missing_mask_file_is_unknown_and_images_keep_their_own_shapes(make_store) -> None:
    masks = {"a": {"x": stripe(20, 60), "y": stripe(0, 40)}, "b": {"x": stripe(10, 30, (80, 40))}}
    store, source = make_store(masks, (8, 8), "pad")
    result = evaluated(store, perfect(store), source=source)
    for size in ("store", "original"):
        unknown = row(result, size, id="b", mask="y")
        assert np.isnan([unknown[name] for name in ("dice", "precision", "hd95")]).all()
        assert (unknown["truth"], unknown["predicted"]) == (0, 0)
    assert row(result, "original", id="b", mask="x")["truth"] == 20 * 80
    assert row(result, "original", id="b", mask="x")["iou"] == row(result, "original", id="a", mask="y")["iou"] == 1


def test_the_distance_of_an_empty_prediction_is_the_diagonal_of_what_the_image_shows(make_store) -> None:
    store, source = make_store({"a": {"lesion": stripe(20, 60)}}, (8, 8), "pad")  # 40 x 80 px, so 4 x 8 px of the store
    result = evaluated(store, np.zeros((1, 8, 8, 1), np.uint8), source=source)
    for size, (height, width) in {"store": (4, 8), "original": (40, 80)}.items():
        assert row(result, size)["hd95"] == np.hypot(height, width)
    metrics = result.metrics("flips")
    assert metrics["test/flips/one_side_empty"] == metrics["test/flips_original/one_side_empty"] == 1


def test_exclusive_masks_are_compared_where_all_are_known(make_store) -> None:
    masks = {"a": {"x": stripe(20, 40), "y": stripe(40, 60)}, "b": {"x": stripe(20, 40)}}
    store, source = make_store(masks, (8, 8), "pad")
    result = evaluated(store, perfect(store), exclusive=True, source=source)
    for size in ("store", "original"):
        assert row(result, size, id="a", mask="x")["iou"] == row(result, size, id="a", mask="y")["iou"] == 1
        assert np.isnan([row(result, size, id="b", mask=mask)["iou"] for mask in "xy"]).all()


def test_masks_are_selected_by_name_and_images_by_index(make_store) -> None:
    masks = {id: {"x": stripe(10 * k, 40), "y": stripe(40, 80 - 10 * k)} for k, id in enumerate("abc")}
    store, source = make_store(masks, (8, 8), "stretch")
    probability = perfect(store, ("y",))[[2, 0]]
    result = evaluate(probability, [2, 0], store, ["y"], exclusive=False, hd95=False, source=source)
    assert result.images["id"].tolist() == ["c", "a", "c", "a"] and set(result.images["mask"]) == {"y"}
    assert (result.images["iou"] == 1).all() and result.images["hd95"].isna().all()
    assert "hd95" not in set(result.scores["metric"]) and result.note == ""


def test_unknown_pixels_have_no_influence(demo_store: Path) -> None:
    store = open_store(demo_store)
    one, other = perfect(store), perfect(store)
    unknown = store.mask() == NOT_ANNOTATED
    assert (one[unknown] == 255).all()
    other[unknown] = 0
    first, second = (evaluate(p[:20], range(20), store, store.mask_names, False, True) for p in (one, other))
    assert unknown[:20].any() and first.images.equals(second.images)


def test_the_reason_for_missing_originals_is_reported(make_store) -> None:
    store, source = make_store({"a": {"lesion": stripe(20, 60)}, "b": {"lesion": stripe(20, 60)}}, (8, 8), "pad")

    def note(location) -> str:
        result = evaluated(store, perfect(store), source=location)
        assert set(result.images["size"]) == {"store"} and result.scores["size"].eq("store").all()
        return result.note

    root = Path(source.root)
    assert "data.raw names no folder" in note(None)
    assert "the source has no masks lesion" in note(type(source)(root, "images/{id}.png", {"other": "lesion/{id}.png"}))
    (root / "lesion" / "b.png").write_bytes(b"no image")
    assert "b.png: not an image" in note(source)
    (root / "images" / "b.png").unlink()
    (root / "lesion" / "b.png").unlink()
    assert f"b not in data.raw={root}" in note(source)
    root.rename(root.with_name("moved"))
    assert f"{root} is not a folder" in note(source)


def test_arguments_that_do_not_fit_the_store_are_refused(demo_store: Path) -> None:
    store = open_store(demo_store)
    probability = perfect(store)
    with pytest.raises(ValueError, match="masks names leison, .* did you mean lesion"):
        evaluated(store, probability, masks=["leison"])
    with pytest.raises(
        ValueError, match=r"must be uint8 \[120, 32, 32, 1\] and not empty .* got uint8 \[120, 32, 32, 6"
    ):
        evaluated(store, probability, masks=["lesion"])
    with pytest.raises(ValueError, match="got float64"):
        evaluated(store, probability / 255)
    with pytest.raises(ValueError, match="twice"):
        evaluate(probability[:2], [0, 0], store, store.mask_names, exclusive=False, hd95=False)
