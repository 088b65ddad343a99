"""The folder, the store and the numbers of threads of a reproduction."""

import json

import pytest
from recorded_stages import write_finished, write_job

from dermoscopy.runs.files import REPRODUCTION
from dermoscopy.runs.recorded import read_run
from dermoscopy.sweep.reproduce import check_store, choose_folder, threads_of


def test_only_an_unfinished_reproduction_of_the_same_plan_is_continued(tmp_path):
    plan = {"run": "ab", "threads": [1, 1]}
    for name, record in {
        "1": plan | {"ended": None},
        "2": plan | {"ended": None},
        "3": plan | {"ended": "now"},
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / REPRODUCTION).write_text(json.dumps(record))
    assert choose_folder(tmp_path, plan) == tmp_path / "2"
    assert not list(choose_folder(tmp_path, plan | {"threads": [2, 2]}).iterdir())  # a new one
    assert choose_folder(tmp_path, plan, tmp_path / "3") == tmp_path / "3"
    with pytest.raises(ValueError, match="of another run or with other threads"):
        choose_folder(tmp_path, plan | {"run": "cd"}, tmp_path / "3")


@pytest.fixture
def run(tmp_path):
    """Return a run of two stages, trained with two threads."""
    for key in ("k1", "k2"):
        write_finished(tmp_path / key)
    write_job(tmp_path, 1, "k1", "k2")
    return read_run(tmp_path / "k2" / "best.ckpt")


def test_each_stage_has_its_own_number_of_threads_unless_another_is_given(run):
    assert threads_of(run, None) == [2, 2] and threads_of(run, 3) == [3, 3]
    for wrong in (0, 1.5, "two"):
        with pytest.raises(ValueError, match=f"threads .*{wrong}"):
            threads_of(run, wrong)


def test_a_missing_store_is_reported_with_the_command_that_makes_it(run, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.h5: .*data=demo data.raw=DIR data.size=\[32,64\] data.fit=pad"):
        check_store(run[-1], tmp_path / "none.h5")
