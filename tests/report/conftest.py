"""Fixtures of the report tests: the header of an experiment, and scores of single images."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

HEADER = """# @package _global_
# question: Do masks help,
#   given as input?
# command: python train.py +experiment=zeroing -m
# cost: 20 min | 2 cores
#
# not part of anything
epochs: 3
# expected: too late to count
"""


@pytest.fixture
def header(tmp_path: Path) -> Path:
    file = tmp_path / "zeroing.yaml"
    file.write_text(HEADER)
    return file


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
