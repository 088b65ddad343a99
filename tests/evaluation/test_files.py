"""Tests of the files of an evaluated segmentation."""

from pathlib import Path

import pandas as pd
import pytest
from builders import random_masks

from dermoscopy.data.store.reader import open_store
from dermoscopy.evaluation.files import read_predictions, write_evaluation
from dermoscopy.evaluation.segmentation import evaluate

INDEX = [7, 3, 50]


@pytest.fixture
def folder(demo_store: Path, tmp_path: Path) -> Path:
    store = open_store(demo_store)
    masks = random_masks(store, INDEX)
    evaluation = evaluate(masks.probability, INDEX, store, store.mask_names, exclusive=False, hd95=True)
    write_evaluation(tmp_path / "stage", {"none": evaluation, "flips": evaluation}, masks)
    return tmp_path / "stage"


def test_the_tables_have_their_columns_and_are_read_back_exactly(folder: Path, demo_store: Path) -> None:
    store = open_store(demo_store)
    result = evaluate(
        random_masks(store, INDEX).probability, INDEX, store, store.mask_names, exclusive=False, hd95=True
    )
    table = read_predictions(folder / "predictions.csv")
    assert ",".join(table.columns) == (
        "id,group,mask,size,dice,iou,thresholded_jaccard,precision,recall,hd95,truth,predicted,pixels,tta"
    )
    assert table.pop("tta").unique().tolist() == [pd.read_csv(folder / "scores.csv")["tta"].iloc[-1]]
    pd.testing.assert_frame_equal(table, result.images[table.columns], check_dtype=False, check_exact=True)
    scores = (folder / "scores.csv").read_text().splitlines()
    assert scores[0] == "metric,mask,size,mean,low,high,images,tta" and len(scores) == 1 + 2 * len(result.scores)
    assert sorted(path.name for path in folder.iterdir()) == ["masks.h5", "predictions.csv", "scores.csv"]


def test_ids_that_look_like_numbers_or_missing_values_stay_text(folder: Path) -> None:
    path = folder / "predictions.csv"
    table = read_predictions(path)
    names = dict(zip(table["id"].unique(), ["007", "NA", "1e5"], strict=True))
    table.assign(id=table["id"].map(names), group="01").to_csv(path, index=False)
    assert read_predictions(path)["id"].unique().tolist() == ["007", "NA", "1e5"]
    assert set(read_predictions(path)["group"]) == {"01"}


def test_a_damaged_table_is_named(folder: Path) -> None:
    path = folder / "predictions.csv"
    lines = path.read_text().splitlines(keepends=True)
    columns = [",".join(line.split(",")[:9]) + "\n" for line in lines]
    broken = {"": "No columns", "".join(lines[:-1]): "17 rows", "".join(columns): "no column hd95", lines[0]: "0 rows"}
    for text, reason in broken.items():
        path.write_text(text)
        with pytest.raises(ValueError, match=rf"predictions\.csv is not a complete table .*{reason}.* test again"):
            read_predictions(path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="test a segmentation first"):
        read_predictions(path)
