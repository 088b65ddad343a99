"""The folder for results: complete or unchanged, with a list of the files that were left out."""

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

from dermoscopy.data.raw.problems import Problem
from dermoscopy.machine.files import PART, write_atomically
from dermoscopy.predict.folders import ImageFolder, describe, first_of

LEFT_OUT = "left_out.csv"


def open_output(out: str | Path) -> Path:
    """Return the folder for the results, created if missing; called before anything is computed.

    Raises:
        OSError: the folder cannot be created or written.
    """
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except OSError as error:
        raise _unwritable(folder, error) from error
    return folder


@contextmanager
def new_results(out: Path) -> Iterator[Path]:
    """Yield a folder in which the block writes its files; when it ends without an error, they are moved to `out`.

    Files of the same names are replaced, others stay as they are. After an error nothing has changed.

    Raises:
        OSError: the folder cannot be created or written, or the disk is full.
    """
    created = not out.exists()
    open_output(out)
    try:
        with TemporaryDirectory(prefix=".", suffix=PART, dir=out) as name:
            yield Path(name)
            for folder, _, files in os.walk(name):
                place = out / Path(folder).relative_to(name)
                place.mkdir(exist_ok=True)
                for file in files:
                    Path(folder, file).replace(place / file)
    except OSError as error:
        raise _unwritable(out, error) from error
    finally:
        if created and not any(out.iterdir()):
            out.rmdir()


def _unwritable(out: Path, error: OSError) -> OSError:
    return OSError(f"out={out} cannot be written ({error.strerror or error}): name another folder")


def write_left_out(folder: ImageFolder, place: Path) -> None:
    """Write the files without a prediction, empty below the header if there is none: file, problem, remedy."""
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows([Problem._fields, *folder.left_out])
    write_atomically(place / LEFT_OUT, text.getvalue())


def notes(folder: ImageFolder, out: Path) -> list[str]:
    """Return a line about the files of a folder that were left out, and one about those with turned pixels."""
    lines, left_out = [], folder.left_out
    if left_out:
        total = len(left_out) + len(folder.files)
        lines.append(f"{len(left_out)} of {total} files left out: {describe(left_out)}; all are in {out / LEFT_OUT}")
    if turned := folder.turned:
        lines.append(
            f"{len(turned)} of {len(folder.files)} images have an EXIF orientation ({first_of(turned)}): their pixels "
            "were used as stored, and masks fit those; for upright ones, save the images upright"
        )
    return lines
