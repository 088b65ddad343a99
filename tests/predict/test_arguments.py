"""Tests of the options of predict.py: those without an effect, wrong ones, and the names of runs."""

import pytest

from dermoscopy.predict.arguments import check_input, check_options, check_values, choose_device, names_of, open_output


def test_options_without_an_effect_are_refused():
    check_options(["run=1", "tta=flips", "threshold=0.3"], images=True, segments=True)
    for option, images, segments, message in (
        ("panels=2", True, True, "panels has an effect only with data=NAME"),
        ("instances=true", False, True, "instances has an effect only with images=DIR"),
        ("tta=flips", True, False, "tta has an effect only with runs that segment"),
    ):
        with pytest.raises(ValueError, match=message):
            check_options(["run=1", option], images, segments)


def test_names_of_runs_are_read_from_a_list_as_typed():
    assert names_of("[12e5, 'a b',007]") == ["12e5", "a b", "007"] and names_of("a,b") == ["a,b"]


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


def test_values_outside_their_range_are_named():
    check_values(1, "flips")
    with pytest.raises(ValueError, match="batch_size .*0"):
        check_values(0, "none")
    with pytest.raises(ValueError, match="tta .*'flip'.*flips"):
        check_values(1, "flip")


def test_an_unavailable_device_and_a_folder_that_cannot_be_created_are_named(tmp_path):
    assert choose_device("cpu").type == "cpu"
    with pytest.raises(ValueError, match="device=abacus"):
        choose_device("abacus")
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="out=.*file/out"):
        open_output(tmp_path / "file" / "out")
