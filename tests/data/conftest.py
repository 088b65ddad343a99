"""Images for tests of splits."""

import numpy as np
import pytest


@pytest.fixture
def images():
    """Ids, groups and labels (with one rare label and unknowns) of 1000 images, some of the same lesion."""
    rng = np.random.default_rng(0)
    ids = np.array([f"IMG_{i:04d}" for i in range(1000)])
    groups = np.array([f"G{i}" for i in rng.integers(0, 800, 1000)])
    labels = (rng.random((1000, 3)) < (0.04, 0.25, 0.6)).astype(np.int8)
    labels[rng.random((1000, 3)) < 0.05] = -1
    return ids, groups, labels
