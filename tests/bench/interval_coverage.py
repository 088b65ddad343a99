"""Coverage of intervals over test images: scores of simulated test sets against those of infinitely many images.

Scores of a label are normal with a shift for positives (binormal), of two predictors that share a part of each image.
Labels are as frequent as the five attributes of ISIC 2018 Task 2, so the rarest has 16 positives in 389 test images.
Images of a group resemble each other. Dice of the images with a mask is 0 for some and else has a beta distribution.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import stats

from dermoscopy.metrics.intervals import interval, jackknife
from dermoscopy.metrics.segmentation import Areas
from dermoscopy.metrics.statistics import Floats
from dermoscopy.metrics.weighted_classification import tuned_name
from dermoscopy.report.results.label_predictions import Predictions
from dermoscopy.report.results.mask_scores import MaskScores

PREVALENCE = np.array([0.04, 0.07, 0.23, 0.26, 0.59])  # streaks, negative network, globules, milia, pigment network
RULE = "best_f1"
SCORES = ("auroc", "average_precision", tuned_name("f1", RULE), tuned_name("recall", RULE), "dice")
IMAGES = 389
REPLICATES = 500
MISSED, DICE = 0.15, (3.0, 1.5)  # share of images with a Dice of 0; parameters of the beta distribution of the others
SHARED, ALIKE = 0.6, 0.7  # correlation of two predictors on an image, of two images of a group


@dataclass(frozen=True)
class Population:
    """What a predictor would score on infinitely many images.

    Attributes:
        shift: of the scores of positives.
        threshold: (5,) with the best F1.
        scores: by name, (5,) per label.
    """

    shift: float
    threshold: Floats
    scores: dict[str, Floats]


@cache
def population(auroc: float) -> Population:
    """Return the exact scores of a binormal predictor, by integration over its thresholds."""
    shift = float(np.sqrt(2) * stats.norm.ppf(auroc))
    at = np.linspace(-8, 8 + shift, 40001)[:, None]
    recall, alarms = stats.norm.sf(at - shift), stats.norm.sf(at)
    predicted = PREVALENCE * recall + (1 - PREVALENCE) * alarms
    precision = PREVALENCE * recall / predicted
    f1 = 2 * PREVALENCE * recall / (predicted + PREVALENCE)
    best = f1.argmax(0)
    area = ((recall[:-1] - recall[1:]) * (precision[:-1] + precision[1:]) / 2).sum(0)
    values = (np.full(5, auroc), area, f1.max(0), recall[best, 0])
    mean_dice = np.full(5, (1 - MISSED) * DICE[0] / sum(DICE))
    return Population(shift, at[best, 0], dict(zip(SCORES, (*values, mean_dice), strict=True)))


def coverage(auroc: float, other: float, most: int, sets: int, seed: int) -> Iterator[dict[str, object]]:
    """Yield the coverage of 95 % intervals, one row per score, label or macro mean, quantity and method.

    Args:
        auroc, other: of the two predictors.
        most: images per group, from 1 to this.
        sets: number of simulated test sets; every fourth also has the slower bootstrap, for comparison.
        seed: of all draws.
    """
    rng = np.random.default_rng(seed)
    covered: dict[tuple[str, str, str, str], list[bool]] = {}
    for number in range(sets):
        for key, inside in _one(rng, (auroc, other), most, with_bootstrap=number % 4 == 0):
            covered.setdefault(key, []).append(inside)
    for (score, labels, quantity, method), inside in covered.items():
        row = {"auroc": auroc, "other": other, "most": most, "score": score, "labels": labels}
        yield row | {"quantity": quantity, "method": method, "sets": len(inside), "coverage": float(np.mean(inside))}


def _one(
    rng: np.random.Generator, auroc: tuple[float, float], most: int, with_bootstrap: bool
) -> Iterator[tuple[tuple[str, str, str, str], bool]]:
    """Yield whether the intervals of one test set contain the scores on infinitely many images."""
    own = [population(value) for value in auroc]
    labelled, masked = test_set(rng, own, most)
    for score in SCORES:
        for labels, columns in (("rarest", slice(0, 1)), ("macro", slice(None))):
            tables = [_part(table, columns) for table in (masked if score == "dice" else labelled)]
            once = np.array([table.score(score, np.ones((1, IMAGES)))[0] for table in tables])
            if np.isnan(once).any():
                continue  # no positive at all
            true = [float(one.scores[score][columns].mean()) for one in own]
            left_out = jackknife(tables, score)
            draws = _bootstrap(rng, tables, score) if with_bootstrap else None
            for quantity, weight in (("single", np.array([1, 0])), ("difference", np.array([-1, 1]))):
                ends = {"jackknife": interval(once @ weight, left_out @ weight, bounded=quantity == "single")}
                if draws is not None:
                    ends["percentile"] = tuple(np.nanquantile(draws @ weight, [0.025, 0.975]))
                for method, (low, high) in ends.items():
                    yield (score, labels, quantity, method), low <= np.dot(true, weight) <= high


def _bootstrap(rng: np.random.Generator, tables: list[Predictions | MaskScores], score: str) -> Floats:
    """Return the scores (R, 2) of two predictors on resamples of the groups of images."""
    member = tables[0].group.astype(int)
    groups = member.max() + 1
    weight = rng.multinomial(groups, np.full(groups, 1 / groups), size=REPLICATES)[:, member].astype(float)
    return np.stack([table.score(score, weight) for table in tables], axis=1)


def test_set(rng: np.random.Generator, own: list[Population], most: int) -> tuple[list[Predictions], list[MaskScores]]:
    """Draw labels, logits and Dice of two predictors on one test set."""
    sizes = rng.integers(1, most + 1, size=IMAGES)
    group = np.repeat(np.arange(IMAGES), sizes)[:IMAGES]
    alike = ALIKE if most > 1 else 0.0

    def normal() -> Floats:
        both = rng.normal(size=(IMAGES, 5))[group], rng.normal(size=(IMAGES, 5))
        return np.sqrt(alike) * both[0] + np.sqrt(1 - alike) * both[1]

    truth = (normal() < stats.norm.ppf(PREVALENCE)).astype(float)
    shared, shared_dice = normal(), normal()
    ids, groups = np.arange(IMAGES).astype(object), group.astype(object)
    labelled, masked = [], []
    for one in own:
        logit = np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * normal() + one.shift * truth
        labelled.append(Predictions(ids, groups, truth, logit, one.threshold, RULE))
        rank = stats.norm.cdf(np.sqrt(SHARED) * shared_dice + np.sqrt(1 - SHARED) * normal())
        dice = stats.beta.ppf(np.maximum(rank - MISSED, 0) / (1 - MISSED), *DICE)
        masked.append(MaskScores(ids, groups, {"dice": np.where(truth == 1, dice, np.nan)}, Areas(truth, truth, truth)))
    return labelled, masked


def _part(table: Predictions | MaskScores, columns: slice) -> Predictions | MaskScores:
    """Return a table of some of the labels."""
    if isinstance(table, MaskScores):
        areas = Areas(*(area[:, columns] for area in table.areas))
        return MaskScores(table.id, table.group, {"dice": table.metrics["dice"][:, columns]}, areas)
    truth, logit = table.truth[:, columns], table.logit[:, columns]
    return Predictions(table.id, table.group, truth, logit, np.asarray(table.threshold)[columns], RULE)
