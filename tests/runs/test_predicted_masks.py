"""What the record of a job says of its predicted masks: unseen or not, nested or not, or unknown."""

from pathlib import Path

import numpy as np
import pytest

from dermoscopy.masks.predicted import PredictedMasks, write_masks
from dermoscopy.runs.predicted_masks import predicted_masks_record

IDS = np.array(list("abcdef"))
FOLD = np.array([0, 0, 1, 1, 2, 2])  # the network that predicted each image, which it has not seen
SEEN = np.array([[fold != own for own in FOLD] for fold in range(3)])


def write(path: Path, **changes: object) -> dict:
    """Write predicted masks, and return the configuration of a stage that trains with them."""
    given = {"unseen": True, "network": FOLD, "seen": SEEN} | changes
    write_masks(path, PredictedMasks(IDS, ("m",), False, "f", np.zeros((6, 1, 1, 1), np.uint8), **given))  # type: ignore[arg-type]
    return {"datamodule": {"predicted": str(path)}, "model": {"training_masks": "predicted"}}


def subsets(train: str, test: str) -> dict[str, str]:
    return dict.fromkeys(train, "train") | dict.fromkeys(test, "test")


def brute_force(train: str, test: str) -> int:
    """Count the test images that some fold of a training image has seen, image by image."""
    folds = {FOLD[IDS.tolist().index(id)] for id in train}
    return sum(any(SEEN[fold][IDS.tolist().index(id)] for fold in folds) for id in test)


def test_a_job_without_predicted_masks_has_no_record_of_them() -> None:
    assert predicted_masks_record({"datamodule": {"predicted": None}, "model": {}}, {}) is None


@pytest.mark.parametrize(
    ("train", "test", "count"),
    [("cdef", "ab", 2), ("ab", "ab", 0), ("ac", "bd", 2), ("a", "bc", 1), ("abc", "d", 1), ("cd", "d", 0)],
)
def test_folds_are_nested_if_no_network_of_a_training_image_has_seen_a_test_image(
    tmp_path: Path, train: str, test: str, count: int
) -> None:
    record = predicted_masks_record(write(tmp_path / "m.h5"), subsets(train, test))
    assert record is not None and record["test_images_seen"] == count == brute_force(train, test)
    assert (record["unseen"], record["training"], record["file"]) == (True, True, str(tmp_path / "m.h5"))


def test_what_is_not_recorded_is_unknown(tmp_path: Path) -> None:
    split = subsets("cdef", "ab")
    for changes in ({"seen": None}, {"network": None}):
        record = predicted_masks_record(write(tmp_path / "m.h5", **changes), split)
        assert record is not None and record["unseen"] is True and record["test_images_seen"] is None
    configuration = write(tmp_path / "m.h5", seen=None, unseen=False)
    assert predicted_masks_record(configuration, split)["unseen"] is None  # type: ignore[index]
    assert predicted_masks_record(write(tmp_path / "m.h5", unseen=False), split)["unseen"] is False  # type: ignore[index]
    assert predicted_masks_record(write(tmp_path / "m.h5"), {})["test_images_seen"] is None  # type: ignore[index]
    (tmp_path / "m.h5").unlink()
    record = predicted_masks_record(configuration, split)
    assert record is not None and record["unseen"] is None and record["test_images_seen"] is None


def test_masks_that_only_the_test_uses_are_not_those_of_the_training(tmp_path: Path) -> None:
    configuration = write(tmp_path / "m.h5") | {"model": {"training_masks": "given"}}
    record = predicted_masks_record(configuration, subsets("cdef", "ab"))
    assert record is not None and record["training"] is False
