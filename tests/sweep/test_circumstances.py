"""Circumstances that may change the numbers of a stage besides its configuration are listed, with then and now."""

import pytest
from recorded_stages import write_finished, write_job

from dermoscopy.runs.recorded import read_run
from dermoscopy.sweep import circumstances as module
from dermoscopy.sweep.circumstances import circumstances, print_circumstances

CODE = {"commit": "c0ffee" * 4, "dirty": False, "torch": "2.0"}


def test_a_commit_is_shortened_and_tells_whether_files_differed():
    facts = circumstances(CODE, "a CPU", 2, "k1")
    assert facts == {
        **{"commit": "c0ffeec0ffee", "torch": "2.0", "hardware": "a CPU", "threads": "2"},
        "recipe (key)": "k1",
    }
    assert circumstances(CODE | {"dirty": True}, "a CPU", 2, "k1")["commit"] == "c0ffeec0ffee with changes"
    assert circumstances(CODE | {"commit": None}, "a CPU", 2, "k1")["commit"] == "unknown"


@pytest.fixture
def printed(tmp_path, monkeypatch, capsys):
    """Return a function that prints the differences to a run that was trained on a CPU with one thread."""

    def run(code_now, hardware, threads, key="k1"):
        write_finished(tmp_path / "k1", code=CODE)
        write_job(tmp_path, 0, "k1")
        monkeypatch.setattr(module, "code", lambda: code_now)
        print_circumstances(read_run(tmp_path / "k1" / "best.ckpt"), hardware, threads, [key])
        return capsys.readouterr().out

    return run


def test_the_same_circumstances_are_reported_in_one_line(printed):
    assert printed(CODE, "a CPU", [1]) == "same commit, libraries, hardware, threads and recipe as then\n"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (({**CODE, "torch": "3.0"}, "a CPU", [1]), ["torch", "2.0", "3.0"]),
        ((CODE, "a GPU", [1]), ["hardware", "a CPU", "a GPU"]),
        ((CODE, "a CPU", [4]), ["threads", "1", "4"]),
        ((CODE, "a CPU", [1], "k9"), ["recipe (key)", "k1", "k9"]),
        (({**CODE, "numpy": "1"}, "a CPU", [1]), ["numpy", "unknown", "1"]),
    ],
)
def test_a_difference_is_a_row_with_then_and_now(printed, change, words):
    _, row = printed(*change).splitlines()
    assert all(word in row for word in words)


def test_uncommitted_changes_are_reported_even_if_the_commit_is_the_same(printed):
    assert "with changes" in printed(CODE | {"dirty": True}, "a CPU", [1])
