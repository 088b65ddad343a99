"""What the patterns of a source leave out of its folders, counted and named."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from dermoscopy.data.raw.mask_files import MaskFiles
from dermoscopy.data.raw.patterns import SUFFIXES, Matches, bare, is_folder, is_hidden_name, matched
from dermoscopy.data.raw.problems import listed, some

OTHER_SUFFIXES = (  # of images that are not read: named where a pattern passes over them
    *(".gif", ".heic", ".heif", ".avif", ".jp2", ".j2k", ".jfif", ".jpe", ".dcm", ".tga", ".ppm", ".pgm", ".svs"),
    *(".dng", ".cr2", ".nef", ".arw", ".psd", ".npy", ".mha", ".nii"),
)
DOCUMENTS = (  # not images, whatever their folder
    *(".txt", ".md", ".csv", ".tsv", ".json", ".xml", ".html", ".pdf", ".xls", ".xlsx", ".yaml", ".yml", ".log"),
    *(".db", ".ini"),
)


def notes(
    root: Path, images: Matches, masks: Mapping[str, Matches], ids: Collection[str], files: Mapping[str, MaskFiles]
) -> list[str]:
    """Return what is left out although nothing is wrong with it, a line each.

    Args:
        root: the folder of the data set.
        images: files that match the pattern of the images.
        masks: files that match the pattern of each mask.
        ids: of the images that are read.
        files: of each mask: where images may lack one, they are named; otherwise each is a problem of its own.
    """

    def named(paths: Iterable[Path]) -> str:
        return some([path.relative_to(root).as_posix() for path in sorted(set(paths))])

    every, lines = (images, *masks.values()), []
    lacking = {name: [id for id in ids if not matched(masks[name].files, id)] for name in masks}
    folders = [*images.folders, *(folder for name in masks if lacking[name] for folder in masks[name].folders)]
    if over := _passed_over(folders, images.parents, every):
        remedy = "to include them, change the pattern, or save them as JPEG or PNG"
        lines.append(f"not read, no pattern takes them: {named(over)} ({remedy})")
    if hidden := [path for matches in every for path in matches.hidden]:
        lines.append(f"not read, hidden: {named(hidden)}")
    if closed := [folder for matches in every for folder in matches.closed]:
        lines.append(f"not read, folders that cannot be opened: {named(closed)}")
    with_image = {id.split("/")[0] for id in ids}
    reached = _reached(masks.values())
    if empty := [path for name, path in images.classes.items() if name not in with_image and path not in reached]:
        lines.append(f"no classes, folders without an image: {named(empty)}")
    keys = {*ids, *map(bare, ids)}
    for name, matches in masks.items():
        if lonely := [path for id, paths in matches.files.items() if id not in keys for path in paths]:
            lines.append(f"masks {name} without an image: {named(lonely)}")
        if lacking[name] and files[name].missing != "stop":
            meaning = ", which is empty there" if files[name].missing == "empty" else ""
            lines.append(f"images without a mask {name}{meaning}, of {len(ids)}: {some(lacking[name])}")
    return lines


def instead(root: Path, images: Matches) -> str:
    """Return some names of what is there where no image matches: in the searched folders, else in the root."""
    over = [path.relative_to(root).as_posix() for path in _passed_over(images.folders, images.parents, [images])]
    return listed(over or sorted(path.name for path in root.iterdir()), 5) or "nothing"


def _passed_over(folders: Iterable[Path], parents: Iterable[Path], every: Collection[Matches]) -> list[Path]:
    """Return the files in folders, and images one folder below them or in `parents`, that no pattern takes."""
    taken = {path for matches in every for paths in matches.files.values() for path in paths}
    reached, files = _reached(every), []
    real = {folder.resolve() for folder in reached}  # links may lead to a folder that is read
    for folder in dict.fromkeys(folders):
        for path in _visible(folder):
            if not is_folder(path):
                files += [] if _is_document(path) else [path]
            elif path not in reached and path.resolve() not in real:
                files += _pictures(path)
    for folder in dict.fromkeys(parents):
        files += _pictures(folder)
    return sorted({path for path in files if path not in taken})


def _reached(matches: Iterable[Matches]) -> set[Path]:
    """Return the folders that patterns reach, and those above them."""
    folders = {folder for found in matches for folder in (*found.folders, *found.classes.values())}
    return folders | {parent for folder in folders for parent in folder.parents}


def _pictures(folder: Path) -> list[Path]:
    """Return the files in a folder whose names are those of images."""
    return [path for path in _visible(folder) if path.suffix.lower() in (*SUFFIXES, *OTHER_SUFFIXES)]


def _visible(folder: Path) -> list[Path]:
    try:
        return [path for path in sorted(folder.iterdir()) if not is_hidden_name(path.name)]
    except OSError:  # folders that cannot be opened have a line of their own
        return []


def _is_document(path: Path) -> bool:
    return path.suffix.lower() in DOCUMENTS or path.name.upper() in (
        "LICENSE",
        "LICENCE",
        "README",
        "COPYING",
        "NOTICE",
    )
