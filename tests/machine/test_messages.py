"""Tests of error messages: a user's mistake is one line and exit code 1; a bug keeps its traceback."""

import warnings

import pytest

from dermoscopy.machine.messages import (
    TRACEBACK,
    RunWarning,
    checked_names,
    kept_warnings,
    one_line,
    one_line_errors,
    reason,
)


def raise_from(error: Exception, cause: Exception) -> None:
    raise error from cause


def test_a_wrong_value_ends_the_program_with_one_line(capsys):
    with pytest.raises(SystemExit) as ended, one_line_errors():
        raise ValueError("zeroing.p must lie in [0, 1], got 1.5")
    assert ended.value.code == 1
    assert capsys.readouterr().err == "error: zeroing.p must lie in [0, 1], got 1.5\n"


def test_the_message_of_the_helpful_cause_is_printed(capsys):
    with pytest.raises(SystemExit), one_line_errors():
        raise_from(RuntimeError("Error in call to target"), FileNotFoundError("no store data/x.h5"))
    assert capsys.readouterr().err == "error: no store data/x.h5\n"


def test_an_interruption_is_one_line_and_exit_code_130(capsys):
    with pytest.raises(SystemExit) as ended, one_line_errors():
        raise KeyboardInterrupt
    assert ended.value.code == 130
    assert capsys.readouterr().err.startswith("interrupted; ")


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError), one_line_errors():
        _ = 1 / 0


def test_the_traceback_can_be_requested(monkeypatch):
    monkeypatch.setenv(TRACEBACK, "1")
    with pytest.raises(ValueError, match="x"), one_line_errors():
        raise ValueError("x")


def test_an_error_without_a_message_is_named_by_its_type():
    assert reason(KeyError()) == "KeyError"


def test_warnings_of_a_run_are_kept_and_all_warnings_are_shown_each_time():
    for _ in range(2):  # as for two jobs in one process
        with pytest.warns(UserWarning) as shown, kept_warnings() as texts:
            for category, text in ((RunWarning, "of this run"), (UserWarning, "of a library")):
                warnings.warn(text, category, stacklevel=1)
        assert texts == ["of this run"]
        assert [str(warning.message) for warning in shown] == ["of this run", "of a library"]
    shows = warnings.showwarning
    with kept_warnings():
        pass
    assert warnings.showwarning is shows


def test_names_of_a_list_are_checked():
    assert checked_names(["a", "b"], ("a", "b", "c"), "model.tta") == ("a", "b")
    for names, message in (([], r"\[\]"), ("a", "'a'"), (["rotation"], "'rotation'.*did you mean rotations")):
        with pytest.raises(ValueError, match=rf"model\.tta.*{message}"):
            checked_names(names, ("a", "rotations"), "model.tta")


def test_an_error_of_another_library_is_one_line_of_bounded_length():
    assert one_line(RuntimeError("size mismatch\n\tfor head")) == "RuntimeError: size mismatch for head"
    long = one_line(OSError(28, "No space left " * 100))
    assert (
        "\n" not in long and len(long) <= 300 and long.startswith("OSError: [Errno 28] No space left") and "…" in long
    )
