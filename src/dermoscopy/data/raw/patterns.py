"""Files that patterns match.

A pattern is relative to a folder and holds `{id}`; `*` matches anything within a name, `**/` any folders, `{id}.*`
any image file; the name of an HDF5 file stands for a folder of the images that it holds. Suffixes match in capitals
too. Names are compared in one Unicode form (NFC), because some systems store an accent as a letter of its own. Links
to folders are followed, each folder once; hidden files and folders are not.
"""

import os
import re
import unicodedata
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dermoscopy.data.raw import containers
from dermoscopy.data.raw.containers import is_container

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")  # matched by a pattern that ends in ".*"
SYSTEM = ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "Thumbs.db", "desktop.ini")  # written by systems, as good as hidden
TOKENS = {"{id}": r"(?P<id>[^/]+)", "{class}": r"(?P<folder>[^/]+)", "**/": r"(?:.*/)?", "*": "[^/]*", "?": "[^/]"}
TOKEN = re.compile("|".join(re.escape(token) for token in TOKENS))


class Matches:
    """Files below a folder that match a pattern, and what was met on the way to them.

    Args:
        root: the folder.
        pattern: relative to it.

    Attributes:
        files: paths by id, or by class/id where the pattern holds a class.
        hidden: files that would match if they or a folder of theirs were not hidden.
        folders: folders whose files were compared with the pattern.
        classes: folders that `{class}` matches, by name.
        parents: folders that hold those.
        closed: folders that cannot be opened.
    """

    def __init__(self, root: Path, pattern: str) -> None:
        self.files: dict[str, list[Path]] = defaultdict(list)
        self.hidden: list[Path] = []
        self.folders: list[Path] = []
        self.classes: dict[str, Path] = {}
        self.parents: list[Path] = []
        self.closed: list[Path] = []
        segments = [_form(name) for name in pattern.split("/") if name not in ("", ".")]
        self._root, self._literal = root, {name for name in segments if not TOKEN.search(name)}
        self._any_suffix = segments[-1].endswith(".*")
        expression = re.compile(_expression("/".join(segments)), re.DOTALL)
        for folder in dict.fromkeys(self._walk(root, segments)):
            hidden = self.is_hidden(folder)
            if not hidden:
                self.folders.append(folder)
            self._compare(folder, expression, hidden)
        self.files = {id: sorted(paths) for id, paths in self.files.items()}

    def is_hidden(self, path: Path) -> bool:
        """Return whether a path or a folder of its below the root is hidden, and the pattern does not spell it."""
        names = path.relative_to(self._root).parts
        return any(is_hidden_name(name) for name in names if _form(name) not in self._literal)

    def _compare(self, folder: Path, expression: re.Pattern[str], hidden: bool) -> None:
        """Compare the files of one folder with the pattern."""
        above = _form(folder.relative_to(self._root).as_posix())
        for found in containers.names(folder) if is_container(folder) else map(_name, self._entries(folder)):
            name = _form(found)
            match = expression.fullmatch(name if above == "." else f"{above}/{name}")
            if match is None or (self._any_suffix and Path(name).suffix.lower() not in SUFFIXES):
                continue
            if hidden or (is_hidden_name(name) and name not in self._literal):
                self.hidden.append(folder / found)
                continue
            names = match.groupdict()
            self.files["/".join(filter(None, (names.get("folder"), names["id"])))].append(folder / found)

    def _walk(self, folder: Path, segments: list[str]) -> Iterator[Path]:
        """Yield the folders whose files the last segment is compared with."""
        head, rest = segments[0], segments[1:]
        if not rest:
            yield folder
        elif head == "**":
            for below in self._tree(folder):
                yield from self._walk(below, rest)
        elif not TOKEN.search(head) and (is_folder(folder / head) or is_container(folder / head)):
            yield from self._walk(folder / head, rest)
        else:
            name = re.compile(_part(head))
            for entry in self._entries(folder):
                if name.fullmatch(_form(entry.name)) and is_folder(entry):
                    below = Path(folder, entry.name)
                    if "{class}" in head and not self.is_hidden(below):
                        self.classes[_form(entry.name)] = below
                        self.parents.append(folder)
                    yield from self._walk(below, rest)

    def _tree(self, folder: Path) -> Iterator[Path]:
        """Yield a folder and all below it: each real folder once, so that links may form a loop."""
        seen: set[str] = set()
        waiting, links = deque([folder]), deque[Path]()
        while waiting or links:
            current = waiting.popleft() if waiting else links.popleft()
            if (real := os.path.realpath(current)) in seen:
                continue
            seen.add(real)
            yield current
            for entry in self._entries(current):
                if is_folder(entry):
                    (links if entry.is_symlink() else waiting).append(Path(current, entry.name))

    def _entries(self, folder: Path) -> list["os.DirEntry[str]"]:
        try:
            with os.scandir(folder) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError:
            if folder not in self.closed and not self.is_hidden(folder):
                self.closed.append(folder)
            return []


def matched(files: Mapping[str, list[Path]], id: str) -> list[Path]:
    """Return the files of one mask of one image; a pattern for masks need not hold the class."""
    return files.get(id) or files.get(bare(id), [])


def bare(id: str) -> str:
    """Return an id without its class."""
    return id.rpartition("/")[2]


def is_folder(path: "Path | os.DirEntry[str]") -> bool:
    """Return whether a path is a folder or a link to one; False where a link leads nowhere or in a circle."""
    try:
        return path.is_dir()
    except OSError:
        return False


def is_hidden_name(name: str) -> bool:
    """Return whether systems hide a file or folder of this name, or wrote it for themselves."""
    return (name.startswith(".") and name != "..") or name in SYSTEM


def _name(entry: "os.DirEntry[str]") -> str:
    return entry.name


def _form(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _part(segment: str) -> str:
    """Return one name of a pattern as a regular expression without groups."""
    parts, tokens = TOKEN.split(segment), TOKEN.findall(segment)
    pieces = ["[^/]+" if token.startswith("{") else TOKENS[token] for token in tokens]
    return re.escape(parts[0]) + "".join(a + re.escape(b) for a, b in zip(pieces, parts[1:], strict=True))


def _expression(pattern: str) -> str:
    """Return the pattern as a regular expression; a repeated name, as in {id}/{id}.jpg, must match the same text."""
    parts, tokens = TOKEN.split(pattern), TOKEN.findall(pattern)
    references = {"{id}": "(?P=id)", "{class}": "(?P=folder)"}
    pieces = [re.escape(parts[0])]
    for index, (token, part) in enumerate(zip(tokens, parts[1:], strict=True)):
        repeated = token in references and token in tokens[:index]
        text = re.escape(part) if index < len(tokens) - 1 else _any_case(part)
        pieces += [references[token] if repeated else TOKENS[token], text]
    return "".join(pieces)


def _any_case(end: str) -> str:
    """Return the literal end of a pattern as a regular expression that takes its suffix in any case."""
    stem, point, suffix = end.rpartition(".")
    if not point or "/" in suffix:
        return re.escape(end)
    return re.escape(stem + point) + f"(?i:{re.escape(suffix)})"


def distinguished(paths: Sequence[Path]) -> str:
    """Return the names of files with their folders where those differ, and what makes equal names different."""
    if len({path.parent for path in paths}) > 1:
        top = Path(os.path.commonpath([path.parent for path in paths]))
        return ", ".join(path.relative_to(top).as_posix() for path in paths)
    doubled = len({_form(path.name) for path in paths}) < len(paths)
    return ", ".join(path.name for path in paths) + ("; in two Unicode forms" if doubled else "")
