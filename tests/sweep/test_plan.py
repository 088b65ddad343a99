"""The plan of a sweep: which commands are the same sweep, and its jobs."""

import pytest

from dermoscopy.sweep.plan import identity, plan_jobs

CONFIGURATION = {
    "name": "zeroing",
    "seed": 0,
    "threads": None,
    "sweep": {"fail_fast": False},
    "split": {"file": "a.csv"},
}


AXES = {"zeroing": ["everything", "nothing"], "seed": ["0", "1"]}


@pytest.fixture
def conf(tmp_path):
    """Write a configuration with the group `zeroing` and another file, and return its folder."""
    (tmp_path / "conf" / "zeroing").mkdir(parents=True)
    (tmp_path / "conf" / "zeroing" / "everything.yaml").write_text("p: 1.0\n")
    (tmp_path / "conf" / "train.yaml").write_text("seed: 0\n")
    return tmp_path / "conf"


def test_the_same_command_is_the_same_sweep_whatever_the_comments_and_the_order_of_keys(conf):
    before = identity(CONFIGURATION, AXES, [conf], "data")
    (conf / "zeroing" / "everything.yaml").write_text("# another comment\np: 1.0\n")
    (conf / "train.yaml").write_text("seed: 1\n")  # the composed configuration counts, not the file
    assert identity(dict(reversed(CONFIGURATION.items())), AXES, [conf], "data") == before


def test_a_different_value_axis_file_or_data_is_another_sweep(conf, tmp_path):
    identities = {identity(CONFIGURATION, AXES, [conf], "data")}
    identities.add(identity(CONFIGURATION | {"seed": 1}, AXES, [conf], "data"))
    identities.add(identity(CONFIGURATION, AXES | {"seed": ["0"]}, [conf], "data"))
    identities.add(identity(CONFIGURATION, AXES, [conf], "other data"))
    (conf / "zeroing" / "everything.yaml").write_text("p: 0.5\n")
    identities.add(identity(CONFIGURATION, AXES, [conf], "data"))
    (tmp_path / "a.csv").write_text("id,subset\n")
    split = {"split": {"file": str(tmp_path / "a.csv")}}
    identities.add(identity(CONFIGURATION | split, AXES, [conf], "data"))
    (tmp_path / "a.csv").write_text("id,subset\nx,test\n")
    identities.add(identity(CONFIGURATION | split, AXES, [conf], "data"))
    assert len(identities) == 7


def test_jobs_are_planned_with_the_last_axis_changing_fastest():
    assert [(job["zeroing"], job["seed"]) for job in plan_jobs(AXES)] == [
        ("everything", "0"),
        ("everything", "1"),
        ("nothing", "0"),
        ("nothing", "1"),
    ]
    assert plan_jobs({}) == [{}]
    with pytest.raises(ValueError, match="the axis seed names 1 twice"):
        plan_jobs({"seed": ["1", "0", "1"]})
