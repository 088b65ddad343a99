"""What a job was given, against the plan of its sweep."""

import pytest

from dermoscopy.config.jobs import given_axes

PLAN = [{"zeroing": "nothing", "seed": "0"}, {"zeroing": "nothing", "seed": "1"}]


def test_a_job_with_the_planned_values_has_them():
    overrides = ["+experiment=zeroing", "zeroing=nothing", "seed=1", "data.store=a=b.h5"]
    assert given_axes(PLAN, 1, overrides) == {"zeroing": "nothing", "seed": "1"}
    assert given_axes([{"zeroing": "nothing"}], 0, ()) == {"zeroing": "nothing"}  # the default of an experiment


def test_a_job_with_other_values_than_planned_is_refused():
    with pytest.raises(ValueError, match="seed=7 instead of seed=1"):
        given_axes(PLAN, 1, ["zeroing=nothing", "seed=7"])
