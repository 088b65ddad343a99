"""Which test images a gallery shows: those on which arms disagree, those with the highest loss, and a random sample."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import expit

from dermoscopy.report.gallery.runs import ShownRun

SEED = 0  # of the random sample
DISAGREEMENT, LOSS, RANDOM = "disagreement", "loss", "random"


def label_scores(runs: Sequence[ShownRun], condition: str) -> pd.DataFrame:
    """Return how much arms disagree on the labels of each image, and how wrong they are.

    Disagreement is the standard deviation of the probability over arms, averaged over labels. Loss is the cross-entropy
    of the known labels, averaged over labels and arms; of exclusive labels that of the true one. The runs of an arm
    that tested an image are averaged first.

    Args:
        runs: of which those with labels in this mask condition count.
        condition: the mask condition.

    Returns:
        Indexed by id, columns disagreement (NaN where fewer than two arms tested the image) and loss (NaN where no
        label is known).
    """
    parts = []
    for run in runs:
        if run.labels is None:
            continue
        rows = run.labels[run.labels["mask_condition"] == run.condition(condition)]
        truth, logit = rows["truth"].to_numpy(float), rows["logit"].to_numpy(float)
        counts = truth == 1 if run.job.last.configuration.exclusive_labels else ~np.isnan(truth)
        loss = np.where(counts, np.logaddexp(0, np.where(truth == 1, -logit, logit)), np.nan)
        own = {"id": rows["id"], "part": rows["label"], "arm": run.job.arm, "value": expit(logit), "loss": loss}
        parts.append(pd.DataFrame(own))
    return _scores(parts)


def mask_scores(runs: Sequence[ShownRun]) -> pd.DataFrame:
    """Return how much arms disagree on the masks of each image, and how wrong they are; see `label_scores`.

    Disagreement is the standard deviation of Dice over arms, averaged over masks; loss is 1 - Dice, averaged over masks
    and arms.
    """
    parts = []
    for run in runs:
        if run.scores is not None:
            own = {"id": run.scores["id"], "part": run.scores["mask"], "arm": run.job.arm}
            parts.append(pd.DataFrame({**own, "value": run.scores["dice"], "loss": 1 - run.scores["dice"]}))
    return _scores(parts)


def _scores(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    if not parts:
        return pd.DataFrame({DISAGREEMENT: [], LOSS: []}, dtype=float)
    of_arms = pd.concat(parts).groupby(["id", "part", "arm"])[["value", "loss"]].mean()
    values = of_arms["value"].groupby(["id", "part"])
    spread = values.std(ddof=0).where(values.count() > 1)
    return pd.DataFrame({DISAGREEMENT: spread.groupby("id").mean(), LOSS: of_arms["loss"].groupby("id").mean()})


def orders(scores: pd.DataFrame) -> dict[str, list[str]]:
    """Return the ids of all images in up to three orders: most disagreement first, highest loss first, and at random.

    An order in which every value is undefined, such as the disagreement of one arm, is left out; images whose value is
    undefined are left out of an order. Equal values keep the order of the ids.
    """
    ordered = {}
    for name in (DISAGREEMENT, LOSS):
        values = scores[name].dropna().sort_index().sort_values(ascending=False, kind="stable")
        if len(values):
            ordered[name] = [str(id) for id in values.index]
    ids = sorted(str(id) for id in scores.index)
    return ordered | {RANDOM: [ids[k] for k in np.random.default_rng(SEED).permutation(len(ids))]}


def rounds(ordered: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    """Yield the images that the k-th place of each order adds to those before, for k = 1, 2, ... to the longest order.

    So after k rounds the images are exactly the first k of each order, and the random ones are a sample of all images.
    """
    seen: set[str] = set()
    for place in range(max(len(ids) for ids in ordered.values())):
        new = dict.fromkeys(ids[place] for ids in ordered.values() if place < len(ids))
        yield [id for id in new if id not in seen]
        seen.update(new)
