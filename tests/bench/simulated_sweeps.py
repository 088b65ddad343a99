"""Simulated sweeps whose true differences are known: scores with known components of variance, and real learners.

Both give predictions of labels on test images, so that the functions of a report compare them as they compare a run's.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from dermoscopy.metrics.repeats import FIXED_SPLIT, FOLDS, Design
from dermoscopy.metrics.statistics import Floats
from dermoscopy.report.results.label_predictions import Predictions

TEST, TRAIN = 0.2, 0.7  # shares of the images; the others are for validation
FOLDS_PER_SEED = 5
Split = tuple[NDArray[np.int64], NDArray[np.int64]]  # places of the training and of the test images
Tables = dict[tuple[str, str], Predictions]  # by arm and repeat


@dataclass(frozen=True)
class Components:
    """Components of variance of the logits of a binormal score, whose total within a label is 1.

    Attributes:
        images, prevalence: number of images, share of positives.
        shared: variance of what is difficult about an image, for all arms.
        own: variance of what is difficult about an image for one arm, in each of its trainings.
        training: standard deviation of the shift of positives from one training to another, on the same images.
        training_set: the same from one set of training images to another; sets that share images have a part of it in
            common, in proportion.
    """

    images: int = 600
    prevalence: float = 0.3
    shared: float = 0.5
    own: float = 0.2
    training: float = 0.1
    training_set: float = 0.05


def arms(number: int) -> list[str]:
    """Return the names of the arms; the first one is the reference."""
    return [f"arm {k}" for k in range(number)]


def splits(rng: np.random.Generator, kind: str, repeats: int, images: int) -> dict[str, Split]:
    """Return training and test images of each repeat.

    Args:
        rng: draws the splits.
        kind: of `Design`; folds are those of as many partitions as the repeats need.
        repeats: number of repeats.
        images: number of images.
    """
    test, train = round(TEST * images), round(TRAIN * images)
    drawn: dict[str, Split] = {}
    for repeat in range(repeats):
        seed, fold = divmod(repeat, FOLDS_PER_SEED) if kind == FOLDS else (repeat, 0)
        if fold == 0 and not (kind == FIXED_SPLIT and drawn):
            order = rng.permutation(images)
        turned = np.roll(order, -fold * test)
        drawn[f"{seed} fold {fold}" if kind == FOLDS else str(seed)] = turned[-train:], turned[:test]
    return drawn


def design(kind: str) -> Design:
    """Return the design with the ratio of test to training images of these splits."""
    return Design(kind, 0.0 if kind == FIXED_SPLIT else TEST / TRAIN)


def from_components(
    rng: np.random.Generator, kind: str, repeats: int, aurocs: list[float], parts: Components
) -> Tables:
    """Draw the predictions of a sweep.

    Args:
        rng: of all draws.
        kind: of `Design`.
        repeats: number of repeats.
        aurocs: per arm, what it scores on infinitely many images, in the mean over trainings and training images.
        parts: components of variance.
    """
    number = parts.images
    truth = (np.arange(number) < parts.prevalence * number).astype(float)
    shared = np.sqrt(parts.shared) * rng.normal(size=number)
    drawn = splits(rng, kind, repeats, number)
    tables: Tables = {}
    for arm, auroc in zip(arms(len(aurocs)), aurocs, strict=True):
        of_images = shared + np.sqrt(parts.own) * rng.normal(size=number)
        influence, mean_shift = rng.normal(size=number), _mean_shift(auroc, parts)
        for repeat, (train, test) in drawn.items():
            shift = mean_shift + parts.training * rng.normal()
            shift += parts.training_set * influence[train].sum() / np.sqrt(len(train))
            noise = np.sqrt(1 - parts.shared - parts.own) * rng.normal(size=len(test))
            tables[arm, repeat] = _predictions(test, truth, of_images[test] + noise + shift * truth[test])
    return tables


def _mean_shift(auroc: float, parts: Components) -> float:
    """Return the mean shift of positives: AUROC = P(N(shift, 2 + var(shift)) > 0)."""
    return float(stats.norm.ppf(auroc) * np.sqrt(2 + parts.training**2 + parts.training_set**2))


def _predictions(test: NDArray[np.int64], truth: Floats, logit: Floats) -> Predictions:
    test, order = np.sort(test), np.argsort(test)
    ids = test.astype(object)
    return Predictions(ids, ids, truth[test, None], logit[order, None])


def from_learners(rng: np.random.Generator, kind: str, repeats: int, number: int, views: bool, images: int) -> Tables:
    """Train ridge regressions on random features of synthetic images; all arms are equally good.

    Each measurement of an image says as much about its label as any other. Each training draws its own 40 random
    features, tanh(measurements x weights + offset), as a network draws its initial weights.

    Args:
        rng: of all draws.
        kind: of `Design`.
        repeats: number of repeats.
        number: number of arms.
        views: whether each arm sees 10 measurements of its own, so that it errs on other images than the others do;
            else all see the same 10.
        images: number of images.
    """
    truth = (rng.random(images) < 0.3).astype(float)
    measured = rng.normal(size=(images, 10 * (number if views else 1))) + 0.35 * truth[:, None]
    drawn = splits(rng, kind, repeats, images)
    tables: Tables = {}
    for place, arm in enumerate(arms(number)):
        seen = measured[:, 10 * place :][:, :10] if views else measured
        for repeat, (train, test) in drawn.items():
            tables[arm, repeat] = _predictions(test, truth, _trained(rng, seen, truth, train)[test])
    return tables


def _trained(rng: np.random.Generator, seen: Floats, truth: Floats, train: NDArray[np.int64]) -> Floats:
    """Return the predictions of a ridge regression on random features for all images, (N,)."""
    features = np.tanh(seen @ rng.normal(size=(seen.shape[1], 40)) / np.sqrt(seen.shape[1]) + rng.normal(size=40))
    own, label = features[train] - features[train].mean(0), truth[train] - truth[train].mean()
    weight = np.linalg.solve(own.T @ own + 3.0 * np.eye(40), own.T @ label)
    return features @ weight
