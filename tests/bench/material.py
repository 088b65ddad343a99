"""Inputs of the measurements: synthetic files and the configuration of a training."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from PIL import Image

from dermoscopy.data.prepare import prepare
from dermoscopy.machine.hardware import has_bf16
from dermoscopy.runs.precision import BF16, FP32
from tests.builders import composed

ROOT = Path(__file__).parents[2]
DEMO = {"count": 120, "size": [224, 224]}  # enough for every subset of the split to have every label
ONE_BATCH = ("epochs=1", *(f"++trainer.limit_{subset}_batches=1" for subset in ("train", "val", "test")))
ONE_BATCH += ("datamodule.eval_batch_size=8",)
PRECISION = BF16 if has_bf16() else FP32  # of training steps
MASKS = 6
WIDTH, HEIGHT = 4000, 3000


def configuration(*overrides: str) -> DictConfig:
    """Return the configuration of train.py with some overrides."""
    return composed("train", *overrides)


def training(folder: Path, size: int, *overrides: str) -> DictConfig:
    """Return the configuration of a training on demo data of `size` px, whose store is written if it is missing."""
    cfg = configuration(*demo_data(folder, size), f"trainer.precision={PRECISION}", *overrides)
    if not Path(cfg.data.store).is_file():
        instantiate(cfg.data.make, workers=torch.get_num_threads())
        prepare(instantiate(cfg.data.source), cfg.data.store, cfg.data.size, cfg.data.fit, progress=False)
    return cfg


def demo_data(folder: Path, size: int, count: int = DEMO["count"]) -> list[str]:
    """Return the overrides for the demo data in `folder` and their store of `size` px."""
    values = {"raw": folder / "demo", "store": folder / f"demo-{size}.h5", "size": f"[{size},{size}]"}
    settings = {**DEMO, "count": count}
    values |= {f"make.{name}": str(value).replace(" ", "") for name, value in settings.items()}
    return [f"data.{name}={value}" for name, value in values.items()]


def photographs(folder: Path, count: int) -> list[str]:
    """Write `count` JPEG files of 4000 x 3000 px with six PNG masks per image; return their ids."""
    for name in ("images", *mask_patterns()):
        (folder / name).mkdir(parents=True)
    ids = [f"image{number:02d}" for number in range(count)]
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        list(pool.map(partial(_photograph, folder), ids, range(count)))
    return ids


def mask_patterns() -> dict[str, str]:
    """Return the file-name pattern per mask of `photographs`."""
    return {f"mask{number}": f"mask{number}/{{id}}.png" for number in range(MASKS)}


def files(folder: Path, id: str) -> list[Path]:
    """Return the mask files of one of the `photographs`."""
    return [folder / pattern.format(id=id) for pattern in mask_patterns().values()]


def _photograph(folder: Path, id: str, seed: int) -> None:
    """Write smooth colours with fine noise, and smooth blobs as masks: they compress about as well as photographs."""
    rng = np.random.default_rng(seed)
    noise = Image.effect_noise((WIDTH, HEIGHT), 24)
    bands = [Image.blend(band, noise, 0.1) for band in _smooth(rng, (30, 40, 3)).split()]
    Image.merge("RGB", bands).save(folder / f"images/{id}.jpg", quality=92)
    for path in files(folder, id):
        _smooth(rng, (24, 32)).point(lambda value: 255 * (value > 140)).save(path)


def _smooth(rng: np.random.Generator, shape: Sequence[int]) -> Any:
    coarse = Image.fromarray(rng.integers(0, 255, shape, dtype=np.uint8))
    return coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
