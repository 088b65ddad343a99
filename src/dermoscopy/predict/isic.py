"""Files as the ISIC challenges take them: masks under their names, and a table of the probabilities of labels."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from torch import Tensor

from dermoscopy.machine.files import write_atomically
from dermoscopy.machine.messages import nearest
from dermoscopy.predict.folders import Fault
from dermoscopy.predict.rows import bare
from dermoscopy.predict.segmentation import MaskFiles

FORMATS = OWN, ISIC = "own", "isic"
LESION = "lesion"  # of Task 1 of ISIC 2018, and of the challenges before it
ATTRIBUTES = ("globules", "milia_like_cyst", "negative_network", "pigment_network", "streaks")  # of Task 2
CLASSES = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")  # of Task 3
SUBMISSION, IMAGE = "submission.csv", "image"
NAME = re.compile(r"ISIC_\d{7}", re.ASCII)
DIGITS = re.compile(r"\d{7}", re.ASCII)  # by which the official scorer finds the masks of an image
UNNAMED: Fault = ("no name of the challenge's", "rename it to ISIC_ and seven digits")


@dataclass(frozen=True)
class ChallengeFiles(MaskFiles):
    """Files for the masks of images: `ISIC_x_segmentation.png` (Task 1), `ISIC_x_attribute_<mask>.png` (Task 2).

    They lie side by side, also those of images in subfolders. The official scorer ignores `masks.csv` beside them.

    Raises:
        ValueError: the challenge has no such masks, not together, or takes no probabilities of pixels.
    """

    def __post_init__(self) -> None:
        known = (LESION, *ATTRIBUTES)
        if unknown := [name for name in self.names if name not in known]:
            raise ValueError(
                f"format=isic has no name for the mask {unknown[0]}, which the run segments: the challenge has "
                f"{', '.join(known)}{nearest(unknown[0], known)}"
            )
        if LESION in self.names and len(self.names) > 1:
            raise ValueError(
                f"format=isic takes {LESION} (Task 1) or attributes (Task 2), not both in one folder, the run segments "
                f"{', '.join(self.names)}: train one for each task"
            )
        if self.probabilities:
            raise ValueError("format=isic takes no probabilities of pixels: leave probabilities out")

    def picture_name(self, id: str, mask: str) -> str:
        """Return the name of a mask's picture."""
        return f"{bare(id)}_segmentation.png" if mask == LESION else f"{bare(id)}_attribute_{mask}.png"

    @property
    def line(self) -> str:
        """Words on the files, and on the masks of the task that the run lacks."""
        if LESION in self.names:
            return f"{self.picture_name('ISIC_x', LESION)}: as Task 1 takes them"
        lacking = [name for name in ATTRIBUTES if name not in self.names]
        but = f", which also wants {', '.join(lacking)}" if lacking else ""
        return f"{self.picture_name('ISIC_x', 'NAME')}: as Task 2 takes them{but}"


def misnamed(ids: Iterable[str], segments: bool) -> dict[str, Fault]:
    """Return what is wrong with the names of images, and what to do about it, by id.

    The challenge knows no folders. It takes any name in a table; of masks only those that its scorer can find.
    """
    users: dict[str, list[str]] = defaultdict(list)
    for id in ids:
        users[bare(id)].append(id)
    faults: dict[str, Fault] = {}
    for name, same in users.items():
        if segments and not NAME.fullmatch(name):
            faults |= dict.fromkeys(same, UNNAMED)
        elif len(same) > 1:
            faults |= dict.fromkeys(same, (f"{len(same)} images are called {name}", "rename all but one"))
    return faults


def check_names(ids: Iterable[str], segments: bool) -> None:
    """Refuse images of a store that `misnamed` finds.

    Raises:
        ValueError: there are some.
    """
    if faults := misnamed(ids, segments):
        id, (problem, remedy) = min(faults.items())
        raise ValueError(
            f"images of the store that format=isic cannot name: {len(faults)}, as {id} ({problem}): {remedy}, and "
            "prepare them again"
        )


def check_vacant(out: Path, files: MaskFiles, ids: Iterable[str]) -> None:
    """Refuse a folder with other files that the official scorer would take for masks.

    Raises:
        ValueError: there are some.
    """
    written = {name for id in ids for name in files.pictures(id)}
    found = out.iterdir() if out.is_dir() else ()
    if others := sorted(path.name for path in found if DIGITS.search(path.stem) and path.name not in written):
        raise ValueError(
            f"out={out} holds {others[0]}, not of this command, which the official scorer would take for a mask: "
            "name another folder"
        )


def label_columns(labels: Sequence[str], exclusive: bool) -> dict[str, str]:
    """Return the columns of probabilities by their labels, in order: the classes of Task 3, else the labels' names.

    Raises:
        ValueError: a label has the name of the column of images.
    """
    by_class = {name.upper(): name for name in labels}
    if exclusive and sorted(by_class) == sorted(CLASSES) and len(labels) == len(CLASSES):
        return {by_class[name]: name for name in CLASSES}
    if IMAGE in labels:
        raise ValueError(
            f"format=isic: a label of the run is called {IMAGE}, which is the column of the images' names; train one "
            "with another name"
        )
    return {name: name for name in labels}


def write_submission(ids: Sequence[str], odds: Tensor, labels: Sequence[str], exclusive: bool, folder: Path) -> str:
    """Write `submission.csv`, one row per image: its name and the probability of each label; return words on it.

    Probabilities have double precision, in which they round to 1 for log-odds above 36, in single precision above 16:
    images would be tied that are not, and the official scorer counts one with two likeliest classes as wrong.

    Args:
        ids: (N,) of the images.
        odds: (N, L) log-odds.
        labels: names of the L labels.
        exclusive: whether an image has exactly one of them.
        folder: for the file.
    """
    names = label_columns(labels, exclusive)
    probability = dict(zip(labels, odds.double().sigmoid().cpu().numpy().T, strict=True))
    table = pd.DataFrame({IMAGE: [bare(id) for id in ids]} | {names[label]: probability[label] for label in names})
    write_atomically(folder / SUBMISSION, table.to_csv(index=False))
    return f"{SUBMISSION}: {len(table)} images, columns {', '.join(names.values())}"
