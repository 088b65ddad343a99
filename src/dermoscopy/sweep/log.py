"""The console of a job, kept in `log.txt` in its folder."""

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from io import RawIOBase
from pathlib import Path
from typing import Any, TextIO, cast

from dermoscopy.machine.files import writing
from dermoscopy.machine.messages import reason
from dermoscopy.runs.files import LOG

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # colours, and movements of the cursor


class Tee:
    """Text stream that writes to a file and, if there is one, to a terminal, of which it has all other properties.

    The file gets what a terminal shows in the end: no colours, and of a progress bar its last state.

    Args:
        file: opened for writing bytes, without a buffer.
        terminal: stream to which everything is passed unchanged; None: to the file only.
    """

    def __init__(self, file: RawIOBase, terminal: TextIO | None) -> None:
        self.file, self.terminal, self.line = file, terminal, ""
        self.error: OSError | None = None  # that ended the writing to the file, such as a full disk

    def write(self, text: str) -> int:
        """Write a text; a line appears in the file when it is complete."""
        if self.terminal is not None:
            self.terminal.write(text)
        *lines, self.line = (self.line + text).split("\n")
        self.line = self.line[self.line.rfind("\r", 0, -1) + 1 :]  # what a progress bar has overwritten
        if lines:
            self._keep(lines)
        return len(text)

    def end(self) -> None:
        """Write the last line, if it has no line break."""
        if self.line.strip():
            self._keep([self.line])
        self.line = ""

    def _keep(self, lines: list[str]) -> None:
        shown = (CONTROL.sub("", line).rstrip().rpartition("\r")[2] for line in lines)
        try:
            if self.error is None:
                self.file.write("".join(f"{line}\n" for line in shown).encode(errors="replace"))
        except OSError as error:
            self.error = error

    def flush(self) -> None:
        """Pass on what the terminal has buffered."""
        if self.terminal is not None:
            self.terminal.flush()

    def isatty(self) -> bool:
        """Return whether the output is shown on a terminal."""
        return self.terminal is not None and self.terminal.isatty()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.terminal or sys.__stdout__, name)


@contextmanager
def log_file(folder: Path, shown: bool) -> Iterator[None]:
    """Keep the output of the block, its warnings and its error in `log.txt` in the folder of its job.

    Args:
        folder: of the job.
        shown: whether the output appears on the terminal as well.

    Raises:
        OSError: the file cannot be opened.
    """
    with writing(folder / LOG):
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOG).open("ab", buffering=0)
    out, err = (Tee(file, stream if shown else None) for stream in (sys.stdout, sys.stderr))
    with file, _redirected(out, err):
        try:
            yield
        except BaseException as error:
            Tee(file, None).write(f"error: {reason(error)}\n")
            raise
        finally:
            out.end()
            err.end()
    if failure := out.error or err.error:
        print(f"{folder / LOG} is incomplete: {failure}", file=sys.stderr, flush=True)


@contextmanager
def _redirected(out: Tee, err: Tee) -> Iterator[None]:
    """Redirect standard output and error, also that of loggers, which keep the stream that they began with."""
    loggers = [logging.getLogger(), *map(logging.getLogger, tuple(logging.root.manager.loggerDict))]
    handlers = {handler for logger in loggers for handler in logger.handlers}
    with ExitStack() as stack:
        for handler in handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream in (sys.stdout, sys.stderr):
                tee = out if handler.stream is sys.stdout else err
                stack.callback(handler.setStream, handler.setStream(cast(TextIO, tee)))
        stack.enter_context(redirect_stdout(cast(TextIO, out)))
        stack.enter_context(redirect_stderr(cast(TextIO, err)))
        yield
