"""Comparison of two trainings of a run, number by number."""

import io
import math

import pandas as pd
import pytest
import torch
from recorded_stages import write_recorded
from rich.console import Console

from dermoscopy.evaluation.summary import METRICS
from dermoscopy.machine.files import write_json
from dermoscopy.runs.files import PREDICTIONS
from dermoscopy.runs.recorded import read_stage
from dermoscopy.sweep.compare import ComparedPart, compare, compare_stage, compare_weights, print_parts, verdict

NAN = math.nan


def test_numbers_are_compared_to_the_last_digit_and_nan_equals_nan():
    first = {("f1", 0): 0.1, ("f1", 1): NAN, ("f1", 2): NAN, ("loss", 0): 0.3, ("epochs", None): 2}
    again = {("f1", 0): 0.1, ("f1", 1): NAN, ("f1", 2): 0.5, ("loss", 0): 0.1 + 0.2, ("auroc", 0): 0.7}
    compared = {value.place: value.difference for value in compare(first, again)}
    assert compared == {
        "f1, epoch 0": 0,
        "f1, epoch 1": 0,
        "f1, epoch 2": math.inf,
        "loss, epoch 0": 0.1 + 0.2 - 0.3,  # one unit in the last place
        "epochs": math.inf,
        "auroc, epoch 0": math.inf,
    }


def test_weights_differ_by_the_largest_difference_of_their_entries():
    first = {"a": torch.tensor([1.0, NAN, -2.0]), "b": torch.tensor(3), "c": torch.ones(2), "d": torch.ones(1)}
    again = {"a": torch.tensor([1.5, NAN, -3.0]), "b": torch.tensor(3), "c": torch.ones(3), "e": torch.tensor([NAN])}
    compared = {value.metric: value.difference for value in compare_weights(first, again)}
    assert compared == {"a": 1.0, "b": 0.0, "c": math.inf, "d": math.inf, "e": math.inf}


def test_the_verdict_counts_over_all_stages_and_names_the_largest_difference():
    same = ComparedPart(
        "base", "history", compare({("loss", 0): 1.0, ("loss", 1): 2.0}, {("loss", 0): 1.0, ("loss", 1): 2.0})
    )
    off = ComparedPart(
        "masks",
        "result",
        compare({("f1", None): 0.5, ("auroc", None): 0.5}, {("f1", None): 0.25, ("auroc", None): 0.625}),
    )
    missing = ComparedPart("masks", "history", compare({("loss", 3): 1.0}, {}))
    assert verdict([same]) == "all 2 values agree to the last digit"
    assert verdict([same, off]) == "2 of 4 values differ, the largest by 0.25 (masks, result, f1)"
    assert verdict([off, same, missing]).endswith(
        "3 of 5 values differ, the largest is defined only once (masks, history, loss, epoch 3)"
    )


def test_the_table_fits_80_columns():
    name = "best/val/average_precision/negative_network"
    part = ComparedPart("a stage of long name", "predictions", compare({(name, 199): 1.0}, {(name, 199): 1 + 1e-12}))
    out = io.StringIO()
    print_parts([part], Console(file=out, width=80))
    assert max(map(len, out.getvalue().splitlines())) <= 80
    assert "1e-12" in out.getvalue()


LABELS = pd.DataFrame({"id": ["a", "b"], "mask_condition": "none", "label": "x", "logit": [0.5, 1.0]})
MASKS = pd.DataFrame({"id": ["a", "b"], "mask": "lesion", "size": "store", "truth": [3, 0], "predicted": [2, 0]})
MASKS = MASKS.assign(**{name: [0.5, None] for name in METRICS})


@pytest.mark.parametrize(
    ("table", "column", "place"), [(LABELS, "logit", "none/x/b"), (MASKS, "predicted", "store/lesion/predicted/b")]
)
def test_the_predictions_of_a_classifier_and_of_a_segmenter_are_compared(tmp_path, table, column, place):
    for name, predicted in (("first", table), ("again", table.assign(**{column: [table[column][0], 7]}))):
        checkpoint = write_recorded(tmp_path / name)
        torch.save({"state_dict": {"a": torch.ones(1)}}, checkpoint)
        write_json(checkpoint.with_name("result.json"), {"metrics": {"test/none/f1": 0.5}, "epochs": 3})
        predicted.to_csv(tmp_path / name / PREDICTIONS, index=False)
    parts = compare_stage(read_stage(tmp_path / "first" / "best.ckpt"), tmp_path / "again", tested=True)
    assert {part.name: [value.place for value in part.differing] for part in parts} == {
        **{"history": [], "result": [], "weights": []},
        "predictions": [place],
    }
    untested = compare_stage(read_stage(tmp_path / "first" / "best.ckpt"), tmp_path / "again", tested=False)
    assert [len(part.compared) for part in untested] == [
        0,
        1,
        1,
    ]  # history, number of epochs without the test score, weights
