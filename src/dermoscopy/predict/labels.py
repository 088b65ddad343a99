"""The labels of a folder of images, as probabilities."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn

from dermoscopy.data.colour import apply_colour, normalisation
from dermoscopy.data.problems import Problem, table
from dermoscopy.files import write_atomically
from dermoscopy.predict.folder import Decoded, ImageFolder, decode
from dermoscopy.predict.stage import TrainedStage

LABELS = "labels.csv"


def predict_labels(
    network: nn.Module,
    stage: TrainedStage,
    folder: ImageFolder,
    batch_size: int = 64,
    workers: int | None = None,
    on_error: str = "stop",
    progress: bool = False,
) -> pd.DataFrame:
    """Predict the labels of images without any masks, a batch at a time, on the network's device.

    Args:
        network: maps (image, None) to logits (B, L).
        stage: where the network comes from.
        folder: the images.
        batch_size: images a batch.
        workers: threads that decode; None: one a core.
        on_error: `stop` checks all files, then raises one table of all problems; `skip` leaves those images out.
        progress: whether to show a progress bar, if a person is looking.

    Returns:
        ``id`` and the probability of each label, a row an image, in the order of the ids.

    Raises:
        ValueError: an argument or a file is wrong, or no image is left.
    """
    if on_error not in ("stop", "skip"):
        raise ValueError(f"on_error must be stop or skip, got {on_error}")
    for name, value in (("batch_size", batch_size), ("workers", workers)):
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    normalise = normalisation(stage.mean, stage.std)
    ids, probabilities, problems = [], [], list(folder.problems)
    with closing(decode(folder, stage.size, stage.fit, ahead=2 * batch_size, workers=workers)) as images:
        for batch in _batches(_tracked(images, len(folder.files), progress), batch_size):
            problems += [entry.problem for entry in batch if entry.problem is not None]
            read = [(entry.id, entry.image) for entry in batch if entry.image is not None]
            if read and (on_error == "skip" or not problems):
                ids += [id for id, _ in read]
                probabilities.append(_probabilities(network, normalise, [image for _, image in read]))
    _report(problems, folder.root, on_error, left=len(ids))
    columns = pd.DataFrame(np.concatenate(probabilities), columns=list(stage.labels))
    return pd.concat([pd.Series(ids, name="id"), columns], axis=1)


def _report(problems: Sequence[Problem], root: Path, on_error: str, left: int) -> None:
    """Say what is wrong with which file, and stop if that was asked for or no image is left."""
    if not problems:
        return
    found = f"problems with files in {root}: {len(problems)}"
    if on_error == "stop":
        raise ValueError(f"{found}; mend them, or leave these images out with on_error=skip\n{table(problems)}")
    if not left:
        raise ValueError(f"{found}; no image is left\n{table(problems)}")
    print(f"{found}; these images are left out\n{table(problems)}")


def _tracked(images: Iterator[Decoded], count: int, progress: bool) -> Iterator[Decoded]:
    looking = progress and sys.stderr.isatty()
    return iter(track(images, "images", count, console=Console(stderr=True), disable=not looking))


def _batches(images: Iterator[Decoded], size: int) -> Iterator[list[Decoded]]:
    while batch := list(islice(images, size)):
        yield batch


@torch.inference_mode()
def _probabilities(network: nn.Module, normalise: Tensor, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Probabilities (B, L) of images (H, W, 3)."""
    device = next(network.parameters()).device
    network.eval()
    image = torch.from_numpy(np.stack(images)).to(device).permute(0, 3, 1, 2).contiguous().float()
    logits = network(apply_colour(normalise.to(device), image), None)
    probabilities: NDArray[np.float32] = logits.float().sigmoid().cpu().numpy()
    return probabilities


def open_output(out: str | Path) -> Path:
    """Return the folder for the results, made if it is not there, before anything is computed for it.

    Raises:
        OSError: it cannot be made or written.
    """
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except OSError as error:
        raise OSError(f"out={folder} cannot be written ({error.strerror}): name another folder") from error
    return folder


def write_labels(predicted: pd.DataFrame, folder: Path) -> str:
    """Write ``labels.csv``, whole or not at all; return a line that says what it holds.

    Columns: id, then one a label with its probability, the sigmoid of the network's logit.
    """
    path = folder / LABELS
    write_atomically(path, predicted.to_csv(index=False))
    return f"{path}: {len(predicted)} images, {predicted.shape[1] - 1} labels"
