"""The history of a stage is read to the last bit, and sent to loggers epoch by epoch."""

import math

import pytest

from dermoscopy.runs.history import log_history, read_history

TEXT = """stage,epoch,mode,seconds,loss,f1/globules
base,0,train,1.5,0.30000000000000004,
base,0,val,1.5,0.1,0.25
base,1,train,2,1e-3,nan
"""


@pytest.fixture
def rows(tmp_path):
    (tmp_path / "history.csv").write_text(TEXT)
    return read_history(tmp_path)


def test_numbers_are_read_to_the_last_bit_and_an_empty_cell_is_undefined(rows):
    assert [(row["stage"], row["epoch"], row["mode"]) for row in rows] == [
        ("base", 0, "train"),
        ("base", 0, "val"),
        ("base", 1, "train"),
    ]
    assert [row["loss"] for row in rows] == [0.1 + 0.2, 0.1, 0.001]
    assert math.isnan(rows[0]["f1/globules"]) and math.isnan(rows[2]["f1/globules"])
    assert isinstance(rows[0]["epoch"], int)


def test_a_stage_that_has_not_begun_has_no_history(tmp_path):
    assert read_history(tmp_path) == []


def test_loggers_get_both_modes_of_an_epoch_at_once_without_undefined_values(rows):
    logged = []

    class Logger:
        def log_metrics(self, metrics, step):
            logged.append((step, metrics))

    log_history([Logger(), Logger()], rows, offset=4)
    first = {
        "train/seconds": 1.5,
        "train/loss": 0.1 + 0.2,
        "val/seconds": 1.5,
        "val/loss": 0.1,
        "val/f1/globules": 0.25,
    }
    assert logged == [(4, first)] * 2 + [(5, {"train/seconds": 2.0, "train/loss": 0.001})] * 2
