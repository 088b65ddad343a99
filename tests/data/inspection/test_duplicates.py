"""Near-duplicates: the hash against its definition; turned and shifted pictures match, different ones do not."""

from pathlib import Path

import numpy as np
import pytest
from scipy.fft import rfft2
from scipy.ndimage import gaussian_filter, zoom

from dermoscopy.data.inspection.duplicates import close_pairs, details, near_duplicates, perceptual_hashes, similarity
from dermoscopy.data.inspection.pictures import TURNS, turned
from dermoscopy.data.store.frame import Frame
from dermoscopy.data.store.reader import Store, open_store
from dermoscopy.data.store.writer import Layout, Row, new_store

SIDE = 64


def scenes(count: int, seed: int = 0) -> np.ndarray:
    """Return random textures, coarse and fine, to stand for different lesions."""
    noise = np.random.default_rng(seed).normal(size=(count, SIDE, SIDE))
    mixed = gaussian_filter(noise, (0, 6, 6)) * 12 + gaussian_filter(noise, (0, 1, 1))
    mixed -= mixed.min(axis=(1, 2), keepdims=True)
    return np.uint8(255 * mixed / mixed.max(axis=(1, 2), keepdims=True))


def stored(path: Path, pictures: list[np.ndarray], groups: list[str], labels: list[list[int]] | None = None) -> Store:
    layout = Layout((SIDE, SIDE), "stretch", (), ("sick",) if labels else (), "made up", "recipe")
    with new_store(path, layout, len(pictures)) as writer:
        for index, (picture, group) in enumerate(zip(pictures, groups, strict=True)):
            image = np.repeat(picture[..., None], 3, axis=2)
            mask = np.empty((SIDE, SIDE, 0), np.uint8)
            label = labels[index] if labels else []
            writer.append(Row(f"i{index}", group, image, mask, label, Frame(SIDE, SIDE, 0, 0, SIDE, SIDE)))
    return open_store(path)


def bits(hashes: np.ndarray) -> np.ndarray:
    return np.unpackbits(hashes[..., None].view(np.uint8), axis=-1)


def test_the_hash_is_the_sign_of_low_frequencies_relative_to_their_median():
    picture = np.random.default_rng(0).normal(size=(32, 32))
    position = np.pi * (2 * np.arange(32) + 1) / 64
    waves = np.cos(np.arange(8)[:, None] * position) * np.where(np.arange(8)[:, None] == 0, np.sqrt(2), 2)
    low = waves @ picture @ waves.T / 2  # the transform by its formula; a factor common to all bits does not count
    scale = np.where(np.arange(8) == 0, np.sqrt(2), 1)
    low *= scale[:, None] * scale  # the code's transform is not orthonormal
    assert (bits(perceptual_hashes(picture[None])[0]) == (low > np.median(low)).ravel()).all()


@pytest.mark.parametrize("turn", range(8))
def test_the_hash_of_a_turn_is_that_of_the_turned_picture(turn):
    pictures = scenes(20).astype(float)
    expected = perceptual_hashes(np.stack([turned(picture, turn) for picture in pictures]))[0]
    assert (perceptual_hashes(pictures)[turn] == expected).all()


def test_close_pairs_are_those_of_a_plain_loop():
    hashes = np.random.default_rng(0).integers(0, 2**64, (8, 300), dtype=np.uint64)
    hashes[3, 280] = hashes[0, 5] ^ np.uint64(0b101)
    pairs = {tuple(pair) for pair in close_pairs(hashes, 16).tolist()}
    expected = set()
    for a in range(300):
        for b in range(a + 1, 300):
            away = [int(hashes[0, a] ^ turn).bit_count() for turn in hashes[:, b]]
            if min(away) <= 16:
                expected.add((a, b, min(away), away.index(min(away))))
    assert pairs == expected
    assert (5, 280, 2, 3) in pairs


def test_similarity_is_one_for_the_same_details_wherever_they_lie():
    a, b = (details(scene.astype(np.float32)) for scene in scenes(2))
    shifted = np.roll(a, (3, -5), (0, 1))
    assert similarity(rfft2(a), rfft2(shifted), SIDE) == pytest.approx(1, abs=1e-5)
    assert similarity(rfft2(a), rfft2(b), SIDE) < 0.3
    assert not details(np.full((SIDE, SIDE), 7, np.float32)).any()


@pytest.mark.parametrize("turn", [0, 1, 3, 5])
def test_a_picture_matches_its_turned_brighter_cropped_and_noisy_copy_but_no_other(tmp_path, turn):
    pictures = list(scenes(12))
    noise = np.random.default_rng(1).normal(0, 3, (SIDE, SIDE))
    closer = zoom(pictures[4][1:-1, 1:-1].astype(float), SIDE / (SIDE - 2), order=1)
    again = np.uint8(np.clip(0.8 * turned(closer, turn) + 30 + noise, 0, 255))
    groups = [f"g{index}" for index in range(13)]
    store = stored(tmp_path / "a.h5", [*pictures, again], groups, [[0]] * 12 + [[1]])
    pairs, candidates, compared = near_duplicates(store, 12, 0.7)
    assert pairs[["id_a", "group_a", "id_b", "group_b"]].to_numpy().tolist() == [["i4", "g4", "i12", "g12"]]
    assert pairs["labels_that_differ"].tolist() == ["sick"]
    back = turned(turned(np.arange(9).reshape(3, 3), turn), TURNS.index(pairs["b_turned"][0]))
    assert (back == np.arange(9).reshape(3, 3)).all()
    assert 1 <= compared == candidates


def test_a_store_without_similar_pictures_has_no_pairs(tmp_path):
    pairs, candidates, compared = near_duplicates(stored(tmp_path / "a.h5", list(scenes(3)), ["a", "a", "b"]), 0, 0.7)
    assert pairs.empty
    assert candidates == compared == 0
