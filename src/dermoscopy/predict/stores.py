"""A store on which runs are evaluated: checks that it fits them, its batches, and the record of the evaluation."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dermoscopy.data.batches.pixels import Pixels
from dermoscopy.data.store.reader import Store
from dermoscopy.machine.files import write_json
from dermoscopy.machine.messages import nearest
from dermoscopy.machine.provenance import code, sha256
from dermoscopy.runs.files import EVALUATION
from dermoscopy.runs.recorded import RecordedStage


def check_store(store: Store, stages: Sequence[RecordedStage]) -> list[str]:
    """Return a line for each size and fit in which the training images of the runs differ from those of a store.

    Raises:
        ValueError: the store lacks a mask that the runs segment.
    """
    for name in stages[0].masks:
        if name not in store.mask_names:
            available = ", ".join(store.mask_names) or "none"
            raise ValueError(
                f"{store.path} lacks the mask {name}, which the run segments; its masks: {available}"
                f"{nearest(name, store.mask_names)}"
            )
    lines = []
    for size, fit in dict.fromkeys((stage.stored_size, stage.fit) for stage in stages):
        if (size, fit) != (store.size, store.fit):
            lines.append(f"images of {_px(store.size, store.fit)}, trained on images of {_px(size, fit)}")
    return lines


def _px(size: tuple[int, int], fit: str) -> str:
    return f"{size[0]} x {size[1]} px ({fit})"


def read_store(
    store: Store, stage: RecordedStage, rows: NDArray[np.integer], batch_size: int
) -> Iterator[tuple[Tensor, NDArray[np.int32]]]:
    """Yield the images of store rows in batches, with their rows of its `frame`.

    They are reduced as in training if the store has the size of the training store; else they keep their size.
    """
    pixels = Pixels(store, [], "map", stage.reduce if store.size == stage.stored_size else 1)
    pixels.load(torch.device("cpu"))
    for part in np.array_split(rows, range(batch_size, len(rows), batch_size)):
        yield pixels.take_images(torch.from_numpy(part)), store.frame[part]


def write_record(folder: Path, stages: Sequence[RecordedStage], store: Store, facts: Mapping[str, object]) -> None:
    """Write evaluation.json: the evaluated weights, the data and the code."""
    checkpoints = {str(stage.checkpoint.resolve()): sha256(stage.checkpoint) for stage in stages}
    data = {"store": str(store.path.resolve()), "fingerprint": store.fingerprint}
    write_json(folder / EVALUATION, {"checkpoints": checkpoints, **data, **facts, "code": code()})
