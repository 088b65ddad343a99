"""Tests of the store that runs are evaluated on: masks, size, batches and the record of the evaluation."""

import json
from dataclasses import replace

import numpy as np
import pytest

from dermoscopy.data.store.reader import open_store
from dermoscopy.predict.stores import check_store, read_store, write_record
from dermoscopy.runs.recorded import read_stage


@pytest.fixture
def store(wide_store):
    return open_store(wide_store)


@pytest.fixture
def stage(lesion_run):
    return read_stage(lesion_run / "best.ckpt")


def test_the_training_store_has_no_differences(store, stage):
    assert check_store(store, [stage, stage]) == []


def test_another_size_is_reported_once_and_a_missing_mask_refused(store, stage):
    smaller = replace(stage, size=(32, 64))
    (line,) = check_store(store, [stage, smaller, smaller])
    assert "64 x 128 px (pad)" in line and "32 x 64 px (pad)" in line
    with pytest.raises(ValueError, match="few-64x128.h5 .*lesions.*did you mean lesion"):
        check_store(store, [replace(stage, masks=("lesions",))])


def test_batches_keep_the_order_of_rows_and_are_reduced_if_the_store_has_the_training_size(store, stage):
    rows = np.array([3, 1, 7])
    halved = replace(stage, size=(32, 64), reduce=2)
    for trained, size in ((stage, (64, 128)), (halved, (32, 64)), (replace(halved, size=(8, 8)), (64, 128))):
        batches = list(read_store(store, trained, rows, batch_size=2))
        assert [tuple(image.shape) for image, _ in batches] == [(2, 3, *size), (1, 3, *size)]
        assert np.array_equal(np.concatenate([frame for _, frame in batches]), store.frame[rows])
    image = next(read_store(store, stage, rows, 3))[0]
    assert np.array_equal(image.permute(0, 2, 3, 1).numpy(), store.image()[rows])


def test_the_record_names_weights_data_and_code(store, stage, tmp_path):
    write_record(tmp_path, [stage], store, {"subset": "test"})
    record = json.loads((tmp_path / "evaluation.json").read_text())
    assert list(record["checkpoints"]) == [str(stage.checkpoint.resolve())]
    assert record["fingerprint"] == store.fingerprint and record["subset"] == "test" and "commit" in record["code"]
