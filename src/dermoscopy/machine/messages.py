"""Error messages: one line for a user's mistake instead of a traceback."""

import os
import re
import select
import shlex
import sys
import textwrap
import traceback
import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any


class RunWarning(UserWarning):
    """A warning about a run, which its record keeps."""


TRACEBACK = "DERMOSCOPY_TRACEBACK"
PURPOSE = "For research, not for diagnosis."  # with every result that might be taken for advice


@contextmanager
def kept_warnings() -> Iterator[list[str]]:
    """Yield a list to which the text of each `RunWarning` of the block is added; all warnings are shown as before."""
    texts: list[str] = []
    with warnings.catch_warnings():  # which also shows a warning again that an earlier job of this process has shown
        show = warnings.showwarning

        def keep(message: Warning | str, category: type[Warning], *place: Any) -> None:
            if issubclass(category, RunWarning):
                texts.append(str(message))
            show(message, category, *place)

        warnings.showwarning = keep  # type: ignore[assignment]  # its other arguments are passed on
        yield texts


def reason(error: BaseException) -> str:
    """Return the message of the innermost helpful cause; Hydra's own messages are put on one line."""
    while error.__cause__ is not None and not isinstance(error, ValueError | OSError) and not _composing(error):
        error = error.__cause__
    message = str(error) or type(error).__name__
    return " ".join(message.split()) if _of_configuration(error) else message


def one_line(error: BaseException, longest: int = 300) -> str:
    """Return the type and the message of an error of another library on one line, cut after so many characters."""
    return textwrap.shorten(f"{type(error).__name__}: {error}", longest, placeholder=" …")


def _of_configuration(error: BaseException) -> bool:
    return type(error).__module__.split(".")[0] in ("hydra", "omegaconf", "yaml")


def _composing(error: BaseException) -> bool:
    """Return whether Hydra could not compose a configuration; its own message is then clearer than its cause."""
    return type(error).__name__ in ("ConfigCompositionException", "OverrideParseException", "MissingConfigException")


def is_mistake(error: BaseException) -> bool:
    """Return whether the user can correct an error (a wrong value, a file), so that it is not a bug."""
    return isinstance(error, ValueError | OSError) or (error.__cause__ is not None and is_mistake(error.__cause__))


@contextmanager
def one_line_errors() -> Iterator[None]:
    """End the program with `error: <one line>` and exit code 1 when the block fails for a reason the user can correct.

    The environment variable DERMOSCOPY_TRACEBACK=1 shows the traceback instead. Errors other than wrong values, wrong
    configurations and file errors are bugs and keep their traceback.
    """
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Hydra then raises the exception instead of printing half of it
    try:
        yield
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted; finished work is kept, and the same command continues from there", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        if _reader_is_gone():  # of a pipe, such as `| head`; what is left to print is dropped
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        if os.environ.get(TRACEBACK) == "1" or not (_of_configuration(error) or is_mistake(error)):
            raise
        hint = "" if is_mistake(error) or _composing(error) else f" ({TRACEBACK}=1 shows the traceback)"
        print(f"error: {reason(error)}{hint}", file=sys.stderr)
        sys.exit(1)


def _reader_is_gone() -> bool:
    """Return whether standard output is a pipe that nobody reads any more."""
    try:
        pipe = select.poll()
        pipe.register(sys.stdout.fileno(), 0)
        return any(event & select.POLLERR for _, event in pipe.poll(0))
    except (OSError, ValueError, AttributeError):  # captured, closed, or no such call on this system
        return False


@contextmanager
def fatal_errors() -> Iterator[None]:
    """End the program when the block fails, also by a bug; for blocks whose caller would suppress the error."""
    try:
        with one_line_errors():
            yield
    except Exception:
        traceback.print_exc()
        sys.exit(1)


def nearest(name: str, known: Iterable[str], count: int = 3) -> str:
    """Return "; did you mean a, b or c?" for the known names closest to `name`, or "" if none is close."""
    return did_you_mean(get_close_matches(name, list(known), n=count, cutoff=0.5))


def did_you_mean(names: Sequence[str]) -> str:
    """Return "; did you mean a, b or c?", or "" without names."""
    if not names:
        return ""
    *most, last = names
    return f"; did you mean {', '.join(most) + ' or ' if most else ''}{last}?"


def checked_names(names: Sequence[str], known: Collection[str], argument: str) -> tuple[str, ...]:
    """Return the names that an argument lists.

    Raises:
        ValueError: no list, an empty list, or an unknown name.
    """
    if not names or isinstance(names, str):
        raise ValueError(f"{argument} must be a list out of {list(known)}, got {names!r}")
    for name in names:
        if name not in known:
            raise ValueError(f"{argument} names {name!r}, it may name {list(known)}{nearest(str(name), known)}")
    return tuple(names)


def typed(key: str, value: object) -> str:
    """Return an override as it is typed in a shell; a list of names stands in brackets."""
    if isinstance(value, list | tuple):
        return shlex.quote(f"{key}=[{','.join(map(_entry, value))}]")
    if re.fullmatch(r"[A-Za-z0-9_./-]+", str(value)):
        return f"{key}={value}"
    return shlex.quote(f"{key}={_quoted(str(value))}")


def _entry(name: object) -> str:
    """Return an entry of a list, in quotes where Hydra would read a number, a word of its own or a sign."""
    text = str(name)
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text) and text.lower() not in ("true", "false", "null", "nan", "inf"):
        return text
    return _quoted(text)


def _quoted(text: str) -> str:
    """Return a text in double quotes as Hydra reads it: a backslash counts as one unless a quote follows."""
    return '"' + re.sub(r'(\\*)("|$)', lambda found: found[1] * 2 + ('\\"' if found[2] else ""), text) + '"'
