"""Tests of the options of predict.py: those without an effect, wrong ones, and the names of runs."""

import pytest

from dermoscopy.predict.arguments import check_input, check_options, check_raw, check_values, choose_device


def test_options_without_an_effect_are_refused():
    check_options(["run=1", "tta=flips", "threshold=0.3"], images=True, segments=True)
    check_options(["data=demo", "data.store=a.h5", "data.raw=null", "data.source.csv=b"], images=False, segments=False)
    for option, images, segments, message in (
        ("panels=2", True, True, "panels has an effect only with data=NAME"),
        ("instances=true", False, True, "instances has an effect only with images=DIR"),
        ("tta=flips", True, False, "tta has an effect only with runs that segment"),
        ("+tta=flips", True, False, "tta has an effect only with runs that segment"),
        ("data.raw=photos", False, False, "data.raw has an effect only with runs that segment"),
        ("data.labels=[a]", False, True, "data.labels has no effect"),
        ("data.make.count=4", False, True, "data.make.count has no effect"),
    ):
        with pytest.raises(ValueError, match=message):
            check_options(["run=1", option], images, segments)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"run": False}, "run is missing"),
        ({"images": False, "data": False}, "images or data is missing"),
        ({"data": True}, "images and data are both given"),
        ({"out": False}, "out is missing"),
    ],
)
def test_an_incomplete_command_is_refused(given, message):
    whole = {"run": True, "images": True, "data": False, "out": True}
    check_input(**whole)
    with pytest.raises(ValueError, match=message):
        check_input(**whole | given)


@pytest.mark.parametrize(
    ("key", "right", "wrong"),
    [
        ("batch_size", [1, 64], [0, -1, 1.5, "x", None, True]),
        ("workers", [1, None], [0, 1.5, "x", False]),
        ("min_pixels", [0, 7], [-1, 1.5, "x", None]),
        ("panels", [0, 3], [-1, 1.5, "x", None]),
        ("threshold", [0.5, 1e-3], [0, 1, 1.5, float("nan"), "x", None, True]),
        ("tta", ["none", "flips"], ["flip", None, ["flips"], 1]),
        ("on_error", ["stop", "skip"], ["hope", None]),
        ("fill_holes", [True, False], ["yes", 1, None]),
        ("device", ["cpu"], [None]),
    ],
)
def test_values_of_another_type_or_outside_their_range_are_named(key, right, wrong):
    for value in right:
        check_values({key: value, "other": "x"})
    for value in wrong:
        with pytest.raises(ValueError, match=f"^{key} must be .*, got "):
            check_values({key: value})


def test_a_misspelt_augmentation_is_corrected_and_values_are_shown_as_typed():
    with pytest.raises(ValueError, match="tta .*got flip; did you mean flips"):
        check_values({"tta": "flip"})
    with pytest.raises(ValueError, match="fill_holes .*got null"):
        check_values({"fill_holes": None})


@pytest.mark.parametrize("name", ["abacus", "meta", "cpu:x"])
def test_a_device_that_cannot_compute_is_named(name):
    assert choose_device("cpu").type == "cpu"
    with pytest.raises(ValueError, match=f"device={name}"):
        choose_device(name)


def test_a_missing_folder_of_raw_files_is_named(tmp_path):
    check_raw(tmp_path)
    with pytest.raises(FileNotFoundError, match="data.raw=.*none"):
        check_raw(tmp_path / "none")
