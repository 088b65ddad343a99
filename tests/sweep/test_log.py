"""The console of a job in log.txt: what a terminal shows in the end, and the error."""

import errno
import io
import logging
import sys

import pytest

from dermoscopy.sweep.log import Tee, log_file


def test_everything_that_a_job_prints_is_kept_and_shown(tmp_path, capsys):
    handler = logging.StreamHandler(sys.stderr)  # begun before the job
    logging.getLogger("library").addHandler(handler)
    try:
        with log_file(tmp_path / "0", shown=True):
            print("epoch 1")
            print("to stderr", file=sys.stderr)
            logging.getLogger("library").warning("from a library")
    finally:
        logging.getLogger("library").removeHandler(handler)
    text, shown = (tmp_path / "0" / "log.txt").read_text(), capsys.readouterr()
    for line in ("epoch 1", "to stderr", "from a library"):
        assert text.count(line) == 1
        assert (shown.out + shown.err).count(line) == 1
    assert handler.stream is sys.stderr


def test_a_job_in_another_process_shows_nothing_and_a_second_start_is_appended(tmp_path, capsys):
    for number in range(2):
        with log_file(tmp_path / "0", shown=False):
            print(f"start {number}")
    assert (tmp_path / "0" / "log.txt").read_text() == "start 0\nstart 1\n"
    assert capsys.readouterr().out == ""


def test_the_error_of_a_job_is_its_last_line(tmp_path):
    with pytest.raises(ValueError), log_file(tmp_path / "0", shown=False):
        print("epoch 1")
        raise ValueError("no such mask")
    assert (tmp_path / "0" / "log.txt").read_text() == "epoch 1\nerror: no such mask\n"


def test_colours_and_earlier_states_of_a_progress_bar_are_left_out():
    file, terminal = io.BytesIO(), io.StringIO()
    tee = Tee(file, terminal)
    for text in ("\x1b[31mred\x1b[0m\n", "\r 10%", "\r 50%", "\r100%\n", "no line ", "break"):
        tee.write(text)
    tee.end()
    assert file.getvalue().decode() == "red\n100%\nno line break\n"
    assert terminal.getvalue().startswith("\x1b[31mred") and " 50%" in terminal.getvalue()
    assert not tee.isatty()


class Full(io.BytesIO):
    def write(self, _):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_log_without_room_does_not_stop_the_job_and_is_reported(tmp_path, monkeypatch, capsys):
    tee = Tee(Full(), io.StringIO())
    assert tee.write("epoch 1\n") == 8
    assert tee.error.errno == errno.ENOSPC
    monkeypatch.setattr(Tee, "end", lambda self: setattr(self, "error", tee.error))
    with log_file(tmp_path / "0", shown=True):
        pass
    assert f"{tmp_path / '0' / 'log.txt'} is incomplete" in capsys.readouterr().err
