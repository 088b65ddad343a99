"""Counts of the masks of a store, from memory and from the disk alike."""

import numpy as np
import pytest


@pytest.mark.parametrize("memory", ["memory", "map"])
@pytest.mark.parametrize("train_images", [None, 40])
def test_pixels_are_counted_in_the_training_images_alone(make_data, memory, train_images):
    masks = ["globules", "streaks"]
    data = make_data(masks=masks, memory=memory, train_images=train_images)
    rows = np.flatnonzero(data.subset == "train")
    if train_images:
        rows = rows[np.argsort(data.store.ids[rows])[:train_images]]
    stored = data.store.mask()[rows][..., [data.store.mask_names.index(name) for name in masks]]
    present, absent = data.mask_pixels()
    assert present.tolist() == (stored == 1).sum((0, 1, 2)).tolist()
    assert absent.tolist() == (stored == 0).sum((0, 1, 2)).tolist()
    assert (present > 0).all() and (absent > 0).all()
