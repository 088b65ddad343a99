"""Number of epochs: one for all stages, or one per protocol and stage."""

import pytest

from dermoscopy.config.lengths import stage_epochs

QUICK = {"name": "quick", "scale": "quick"}
MINE = {"name": "mine", "scale": "quick"}
NAMED = {"quick": {"base": 3, "masks": 2}, "paper": 400}


@pytest.mark.parametrize(
    ("epochs", "protocol", "stage", "expected"),
    [
        (7, QUICK, "base", 7),
        (NAMED, QUICK, "base", 3),
        (NAMED, QUICK, "masks", 2),
        (NAMED, {"name": "paper", "scale": "paper"}, "base", 400),
        (NAMED, MINE, "masks", 2),
        (NAMED | {"mine": {"base": 1, "masks": 9}}, MINE, "masks", 9),
    ],
)
def test_the_epochs_of_a_stage_are_those_of_its_name_under_the_protocol_or_its_scale(epochs, protocol, stage, expected):
    assert stage_epochs(epochs, protocol, stage) == expected


@pytest.mark.parametrize(
    ("protocol", "stage", "names"),
    [
        (QUICK, "bse", ("epochs.quick", "bse", "base, masks", "did you mean base")),
        ({"name": "slow", "scale": "slower"}, "base", ("epochs has", "slow or slower", "quick, paper")),
    ],
)
def test_a_name_without_an_entry_is_refused_with_the_list_of_entries(protocol, stage, names):
    with pytest.raises(ValueError, match="has no entry") as error:
        stage_epochs(NAMED, protocol, stage)
    assert [name for name in names if name not in str(error.value)] == []
