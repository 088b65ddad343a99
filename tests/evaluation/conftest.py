"""Artificial images with known masks, and a store of them."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dermoscopy.data.prepare import prepare
from dermoscopy.data.raw.sources import FolderSource
from dermoscopy.data.store.reader import Store, open_store

MakeStore = Callable[..., tuple[Store, FolderSource]]


@pytest.fixture
def make_store(tmp_path: Path) -> MakeStore:
    """A function that writes masks, by image id and name, as files and prepares them."""

    def make(
        masks: Mapping[str, Mapping[str, np.ndarray]], size: tuple[int, int], fit: str
    ) -> tuple[Store, FolderSource]:
        root = tmp_path / "raw"
        names = list(dict.fromkeys(name for drawn in masks.values() for name in drawn))
        for folder in ("images", *names):
            (root / folder).mkdir(parents=True, exist_ok=True)
        for id, drawn in masks.items():
            shape = next(iter(drawn.values())).shape
            Image.fromarray(np.zeros((*shape, 3), np.uint8)).save(root / "images" / f"{id}.png")
            for name, mask in drawn.items():
                Image.fromarray(mask.astype(np.uint8) * 255).save(root / name / f"{id}.png")
        patterns = {name: f"{name}/{{id}}.png" for name in names}
        source = FolderSource(root, "images/{id}.png", patterns, missing_masks="allow")
        return open_store(prepare(source, tmp_path / "store.h5", size, fit, workers=1, progress=False)), source

    return make
