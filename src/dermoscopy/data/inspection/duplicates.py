"""Near-duplicate images: a perceptual hash selects candidates, their fine details decide.

Pictures of one lesion must not lie in two subsets of a split, but may do so if their groups differ. Most photographs
of lesions are a dark spot on light skin, so that the hash alone, which sees the coarse picture, matches hundreds of
different lesions; hairs, dots and borders distinguish them.
"""

from collections.abc import Iterator
from functools import lru_cache, partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.fft import dctn, irfft2, rfft2
from scipy.ndimage import gaussian_filter

from dermoscopy.data.inspection.pictures import TURNS, grey, turned
from dermoscopy.data.store.reader import Store

SIDE = 32  # pixels of the picture that is hashed
KEPT = 8  # lowest frequencies of each axis: 64 bits
BLOCK = 128  # images compared with all others at a time
MOST = 20_000  # candidates whose details are compared, the closest first
DETAIL_SIDE = 128  # pixels, or the store's own size if that is smaller
FINEST, COARSEST = 128, 32  # details are structures between these fractions of the side
NEIGHBOURHOOD = 16  # fraction of the side over which contrast is equalised
CACHED = 4096  # pictures kept between comparisons
COLUMNS = ["id_a", "group_a", "id_b", "group_b", "distance", "similarity", "b_turned", "labels_that_differ"]


def perceptual_hashes(pictures: NDArray[np.floating]) -> NDArray[np.uint64]:
    """Return the 64-bit pHash of each picture in its eight orientations.

    A bit says whether one of the 8 x 8 lowest frequencies of the discrete cosine transform lies above their median.
    Flipping a picture changes the sign of its odd frequencies, and transposing it transposes them: one transform
    serves all orientations.

    Args:
        pictures: grey pictures, (N, S, S).

    Returns:
        (8, N), in the order of `pictures.TURNS`.

    Source:
        Zauner 2010, Implementation and benchmarking of perceptual image hash functions.
    """
    low = dctn(pictures, axes=(1, 2))[:, :KEPT, :KEPT]
    sign = (-1.0) ** np.arange(KEPT)
    rows, columns = sign[:, None], sign[None]
    factors = (np.ones((1, 1)), columns, rows, rows * columns)
    return np.stack([_bits(own * factor) for own in (low, low.swapaxes(1, 2)) for factor in factors])


def _bits(frequencies: NDArray[np.floating]) -> NDArray[np.uint64]:
    flat = frequencies.reshape(len(frequencies), KEPT * KEPT)
    above = flat > np.median(flat, axis=1, keepdims=True)
    return np.packbits(above, axis=1).view(np.uint64)[:, 0]


def close_pairs(hashes: NDArray[np.uint64], distance: int) -> NDArray[np.int64]:
    """Return all pairs of images whose hashes differ by at most `distance` bits in some orientation of the second.

    Returns:
        (P, 4): row a, row b > a, bits, orientation; the closest first.
    """
    blocks = [np.empty((0, 4), np.int64), *_blocks(hashes, distance)]
    pairs = np.concatenate(blocks)
    return pairs[np.argsort(pairs[:, 2], kind="stable")]


def _blocks(hashes: NDArray[np.uint64], distance: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, hashes.shape[1], BLOCK):
        own = hashes[0, start : start + BLOCK, None]
        bits = np.stack([np.bitwise_count(own ^ turn[None, start:]) for turn in hashes])  # (8, BLOCK, N - start)
        closest = bits.min(0)
        a, b = np.nonzero(np.triu(closest <= distance, 1))
        yield np.stack([a + start, b + start, closest[a, b], bits[:, a, b].argmin(0)], axis=1)


def details(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the fine structure of a grey picture (S, S), equalised in contrast, faded at the border; mean 0, norm 1.

    Without the equalisation, the edge of the dark spot that most lesions are would outweigh all else.
    """
    side = len(picture)
    window = np.hanning(side)
    fine = gaussian_filter(picture, side / FINEST) - gaussian_filter(picture, side / COARSEST)
    contrast = np.sqrt(gaussian_filter(fine**2, side / NEIGHBOURHOOD))
    fine *= window[:, None] * window / (contrast + 1)  # plus one grey level: weaker noise is no structure
    fine -= fine.mean()
    length = np.sqrt(np.square(fine).sum())  # np.linalg.norm waits for BLAS threads, for milliseconds on a busy machine
    return fine / length if length > 0 else fine


def similarity(a: NDArray[np.complex64], b: NDArray[np.complex64], side: int) -> float:
    """Return the maximum correlation of two pictures' details over all shifts, from their `rfft2`."""
    return float(irfft2(a * b.conj(), (side, side)).max())


def near_duplicates(store: Store, distance: int, least: float) -> tuple[pd.DataFrame, int, int]:
    """Return pairs of images that show the same thing, also flipped or rotated by multiples of 90°.

    Args:
        store: an open store.
        distance: maximum number of bits, of 64, by which two hashes differ.
        least: minimum similarity of the details of near-duplicates.

    Returns:
        The pairs with the columns `COLUMNS`, the most similar first; the number of candidates; the number of candidates
        compared.
    """
    image = store.image(mapped=True)
    small = np.stack([grey(image[row], store.frame[row], SIDE) for row in range(len(store))])
    candidates = close_pairs(perceptual_hashes(small), distance)
    side = min(DETAIL_SIDE, max(store.size))

    @lru_cache(CACHED)
    def spectrum(row: int, turn: int) -> NDArray[np.complex64]:
        return rfft2(turned(details(grey(image[row], store.frame[row], side)), turn))

    compared = candidates[:MOST]
    order = compared[np.lexsort(compared[:, 1::-1].T)].tolist()  # the picture of one row stays cached
    scores = [similarity(spectrum(a, 0), spectrum(b, turn), side) for a, b, _, turn in order]
    same = [(score, *pair) for score, pair in zip(scores, order, strict=True) if score >= least]
    rows = map(partial(_row, store), sorted(same, key=lambda entry: -entry[0]))
    return pd.DataFrame(rows, columns=COLUMNS), len(candidates), len(compared)


def _row(store: Store, pair: tuple[float, int, int, int, int]) -> tuple[object, ...]:
    score, a, b, bits, turn = pair
    differ = (store.label[a] != store.label[b]) & (store.label[a] >= 0) & (store.label[b] >= 0)
    names = " ".join(np.array(store.label_names, dtype=str)[differ])
    return store.ids[a], store.groups[a], store.ids[b], store.groups[b], bits, score, TURNS[turn], names
