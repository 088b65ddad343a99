"""Names and texts of any characters in the form that MLflow takes."""

import itertools

import pytest
from mlflow.utils import validation

from dermoscopy.tracking.names import LONGEST_NAME, LONGEST_PARAMETER, LONGEST_TAG, tracked_name, tracked_text

LABELS = ("basal cell carcinoma (BCC)", "MEL+NV", "MEL-NV", "MEL_NV", "MEL NV", "MEL&NV", "a/b", "a//b", "/a", "a/", "")
LABELS += (
    ".",
    "..",
    "../a",
    "ä",
    "a\u0308",
    "痣",
    "🙂",
    "#",
    "'q'",
    '"',
    "`",
    "$x$",
    "a|b",
    "a\nb",
    "a\\b",
    "\0",
    "\udce4",
)
LABELS += ("x" * 300, "x" * 299 + "y", "[a, b]", "{a: 1}", "50 %", "?", "*", "<b>", "a:b")


@pytest.mark.parametrize("metric", ["{}", "val/f1/{}", "{}/p"])
def test_mlflow_takes_every_name_and_no_two_become_one(metric):
    names = [tracked_name(metric.format(label)) for label in LABELS]
    for name in names:
        validation._validate_metric_name(name)
        validation._validate_param_name(name)
        validation._validate_tag_name(name)
        assert len(name) <= validation.MAX_ENTITY_KEY_LENGTH
        name.encode()
    assert all(one != other for one, other in itertools.combinations(names, 2))


def test_a_name_that_mlflow_takes_is_left_as_it_is_and_another_stays_readable():
    for name in (
        "val/average_precision/milia_like_cyst",
        "optimizer.lr",
        "mlflow.parentRunId",
        "val/f1/a b",
        "ä",
        "a:b",
    ):
        assert tracked_name(name) == name
    assert tracked_name("val/f1/MEL+NV").startswith("val/f1/MEL_NV ")
    one, other = tracked_name("val/f1/MEL+NV"), tracked_name("test/none/auroc/MEL+NV")
    assert one.rpartition("/")[2] == other.rpartition("/")[2]  # the label is called the same everywhere


def test_limits_are_those_of_mlflow_and_a_cut_is_marked():
    limits = validation.MAX_ENTITY_KEY_LENGTH, validation.MAX_PARAM_VAL_LENGTH, validation.MAX_TAG_VAL_LENGTH
    assert limits == (LONGEST_NAME, LONGEST_PARAMETER, LONGEST_TAG)
    assert tracked_text("x" * 10, 10) == "x" * 10
    assert tracked_text("x" * 11, 10) == "x" * 9 + "…"


def test_characters_that_no_database_takes_are_written_out():
    assert tracked_text("caf\udce9.jpg\0", 50) == "caf\\udce9.jpg\\0"
