"""Pictures of a page: their visible part and their orientations."""

import numpy as np

from dermoscopy.data.inspection.pictures import TURNS, colour, histograms, turned, visible
from dermoscopy.data.store.frame import place


def test_the_visible_part_leaves_out_the_padding():
    image = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    assert (visible(image, np.array(place((40, 80), (8, 8), "pad"))) == image[2:6]).all()
    assert (visible(image, np.array(place((80, 40), (8, 8), "pad"))) == image[:, 2:6]).all()
    assert (visible(image, np.array(place((40, 80), (8, 8), "crop"))) == image).all()
    assert visible(image, np.array(place((1, 4000), (8, 8), "pad"))).shape == (1, 8, 3)


def test_the_names_of_the_turns_describe_them():
    picture = np.arange(6).reshape(2, 3)
    expected = {
        "as it is": picture,
        "mirrored left to right": np.fliplr(picture),
        "mirrored top to bottom": np.flipud(picture),
        "rotated by 180°": np.rot90(picture, 2),
        "transposed": picture.T,
        "rotated by 90° clockwise": np.rot90(picture, -1),
        "rotated by 90° anticlockwise": np.rot90(picture),
        "transposed and rotated by 180°": np.rot90(picture.T, 2),
    }
    for turn, name in enumerate(TURNS):
        assert (turned(picture, turn) == expected[name]).all(), name


def test_a_histogram_is_an_embedded_picture_and_colours_repeat():
    assert histograms({"a": np.arange(9)}, "px").startswith("data:image/png;base64,")
    assert colour(0) == colour(8) != colour(1)
