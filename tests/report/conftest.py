"""Fixtures of the report tests: what an experiment is about, and scores of single images."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from dermoscopy.runs.files import SWEEP

ABOUT = {
    "question": "Do masks help, given as input?",
    "command": "python train.py +experiment=zeroing -m",
    "cost": "20 min | 2 cores",
    "expectation": "No.",
    "primary_metric": "test/none/average_precision",
}


@pytest.fixture
def with_about() -> Callable[..., Path]:
    """Return a function that lets a sweep on disk say what its experiment is about."""

    def change(sweep: Path, **changes: str) -> Path:
        record = json.loads((sweep / SWEEP).read_text())
        (sweep / SWEEP).write_text(json.dumps(record | {"about": ABOUT | changes}))
        return sweep

    return change


def scores_of(**arms: dict[str, list[float]]) -> pd.DataFrame:
    """Return a table of scores by arm and image, one per seed."""
    rows = [
        (arm, image, seed, value)
        for arm, images in arms.items()
        for image, values in images.items()
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["arm", "id", "seed", "value"])


@pytest.fixture
def make_scores() -> Callable[..., pd.DataFrame]:
    """Return a factory of scores of single images, see `scores_of`."""
    return scores_of
