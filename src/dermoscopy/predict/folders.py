"""Image files below a folder, and every other file there with the reason why it is left out."""

import os
import unicodedata
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dermoscopy.data.raw.patterns import SUFFIXES
from dermoscopy.data.raw.problems import Problem

SHOWN = 3  # names of each problem on the console, and problems
SYSTEM = ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "Thumbs.db", "desktop.ini")  # written by systems, as good as hidden
READ = f"names of images end with {', '.join(SUFFIXES)}"
Fault = tuple[str, str]  # problem and remedy

HIDDEN: Fault = ("hidden", "move it to a folder, or give it a name, that does not begin with a dot")
OTHER: Fault = ("of another type", f"convert it if it is an image: {READ}")
BARE: Fault = ("without suffix", f"if it is an image, add the suffix of its format: {READ}")
SPECIAL: Fault = ("neither file nor folder", "remove it")


@dataclass(frozen=True)
class ImageFolder:
    """Image files below a folder, and what is left out; reading the images adds to `problems` and `turned`.

    Attributes:
        root: the folder.
        files: by id, the relative path without suffix, in the order of the ids.
        problems: of image files; each stops the command unless on_error=skip.
        passed_over: files that are no images by their names, or hidden.
        folders: every folder that was read, with links resolved; empty for one file.
        turned: ids of images with an EXIF orientation by which viewers turn them.
    """

    root: Path
    files: dict[str, Path]
    problems: list[Problem] = field(default_factory=list)
    passed_over: list[Problem] = field(default_factory=list)
    folders: set[str] = field(default_factory=set)
    turned: list[str] = field(default_factory=list)

    @property
    def left_out(self) -> list[Problem]:
        """Files without a prediction, by name."""
        return sorted([*self.problems, *self.passed_over])

    def name(self, path: Path) -> str:
        """Return the path below the folder as text in one line, also where it holds line breaks or is no text."""
        text = os.fsencode(path.relative_to(self.root)).decode(errors="backslashreplace")
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)

    def leave_out(self, id: str, problem: str, remedy: str) -> None:
        """Turn an image into a problem."""
        self.problems.append(Problem(self.name(self.files.pop(id)), problem, remedy))


def find_images(path: str | Path) -> ImageFolder:
    """Return the image files below a folder, or the one file given.

    Links are followed, each folder once.

    Raises:
        FileNotFoundError: there is no such folder or file.
        ValueError: it holds no image file.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"images={path} does not exist: give a folder of images or one image")
    folder = ImageFolder(path if path.is_dir() else path.parent, {})
    by_id: dict[str, list[Path]] = defaultdict(list)
    for file, fault in _below(path, folder.folders) if path.is_dir() else [(path, _fault(path))]:
        if fault is not None:
            folder.passed_over.append(Problem(folder.name(file), *fault))
        else:
            id = unicodedata.normalize("NFC", file.relative_to(folder.root).with_suffix("").as_posix())
            by_id[id].append(file)
    if not by_id:
        there = describe(folder.passed_over)
        raise ValueError(f"images={path} holds no image file{there and f', but {there}'}; {READ}")
    for id, files in sorted(by_id.items()):
        if len(files) > 1:
            fault = f"{len(files)} images have the id {id}", "rename all but one"
            folder.problems.extend(Problem(folder.name(file), *fault) for file in files)
        elif not _is_text(id):
            folder.problems.append(Problem(folder.name(files[0]), "its name is no text in UTF-8", "rename it"))
        else:
            folder.files[id] = files[0]
    return folder


def describe(files: Iterable[Problem]) -> str:
    """Return how many files have each problem, most frequent first, and the names of the first few."""
    names: dict[str, list[str]] = defaultdict(list)
    for file in sorted(files):
        names[file.problem].append(file.file)
    ranked = sorted(names.items(), key=lambda item: -len(item[1]))
    parts = [f"{len(same)} {problem} ({first_of(same)})" for problem, same in ranked[:SHOWN]]
    others = sum(len(same) for _, same in ranked[SHOWN:])
    return ", ".join([*parts, f"{others} others"] if others else parts)


def first_of(names: Sequence[str]) -> str:
    """Return the first few names."""
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def _is_text(name: str) -> bool:
    return name.isascii() or name.encode(errors="ignore").decode() == name


def _below(root: Path, seen: set[str]) -> Iterator[tuple[Path, Fault | None]]:
    """Yield the files below a folder with the faults of those that are passed over; also folders that are not read.

    The folders that are read are added to `seen`.
    """
    waiting, links = deque([root]), deque[Path]()
    while waiting or links:
        folder = waiting.popleft() if waiting else links.popleft()
        if (real := os.path.realpath(folder)) in seen:  # by a link
            continue
        seen.add(real)
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            yield folder, (f"not opened ({error.strerror})", "change its permissions")
            continue
        for entry in entries:
            path = folder / entry.name
            if _is_folder(entry) and not _is_hidden(path):
                (links if entry.is_symlink() else waiting).append(path)
            else:
                yield path, HIDDEN if _is_hidden(path) else _fault(path)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    return entry.is_dir(follow_symlinks=False) or (entry.is_symlink() and Path(entry).is_dir())


def _is_hidden(path: Path) -> bool:
    return path.name.startswith(".") or path.name in SYSTEM


def _fault(path: Path) -> Fault | None:
    """Return why a file is passed over by its name; None for an image, also where a link to one leads nowhere."""
    if path.suffix.lower() not in SUFFIXES:
        return OTHER if path.suffix else BARE
    return None if path.is_file() or not path.exists() else SPECIAL
