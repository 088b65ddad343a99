"""The content of a gallery: what its page knows of arms, runs and images, as plain lists and dictionaries for JSON."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from dermoscopy.contracts import NOT_ANNOTATED
from dermoscopy.data.store.reader import Store
from dermoscopy.report.gallery.pictures import OWN, PRESENT, THRESHOLDS, levels, packed, photograph
from dermoscopy.report.gallery.runs import ShownRun
from dermoscopy.report.results.arms import VALIDATION_MASKS
from dermoscopy.report.results.findings import Findings

Json = dict[str, Any]
DIGITS = 3  # of probabilities


@dataclass(frozen=True, eq=False)
class LabelArrays:
    """Predicted labels of a run, for N images, C mask conditions and L labels.

    Attributes:
        rows: row of each image by id.
        probability: (N, C, L), NaN where it was not predicted.
        present: bool (N, C, L), whether the label is predicted: above the run's threshold or, if labels are exclusive,
            the most probable one.
        threshold: (C, L) as a probability; NaN where there is none.
        truth: (N, L) 0, 1, NaN unknown.
    """

    rows: dict[str, int]
    probability: NDArray[np.float64]
    present: NDArray[np.bool_]
    threshold: NDArray[np.float64]
    truth: NDArray[np.float64]


def label_arrays(run: ShownRun, conditions: Sequence[str], labels: Sequence[str]) -> LabelArrays | None:
    """Return the predicted labels of a run; None if it predicts none."""
    if run.labels is None:
        return None
    table, ids = run.labels, list(run.labels["id"].unique())
    columns = {"id": ids, "mask_condition": list(conditions), "label": list(labels)}
    image, condition, label = (pd.Categorical(table[name], kinds).codes for name, kinds in columns.items())
    logit, threshold = (np.full((len(ids), len(conditions), len(labels)), np.nan) for _ in range(2))
    truth = np.full((len(ids), len(labels)), np.nan)
    logit[image, condition, label], threshold[image, condition, label] = table["logit"], table["threshold"]
    truth[image, label] = table["truth"]
    if exclusive := run.job.last.configuration.exclusive_labels:
        likeliest = np.where(np.isnan(logit), -np.inf, logit).argmax(-1)
        present = (np.arange(len(labels)) == likeliest[..., None]) & ~np.isnan(logit)
    else:
        present = logit > threshold
    first = np.full(threshold.shape[1:], np.nan) if exclusive else np.fmin.reduce(threshold)  # equal for all images
    return LabelArrays({id: row for row, id in enumerate(ids)}, expit(logit), present, expit(first), truth)


class Content:
    """Content of a gallery of these runs, to which images are added one by one.

    Args:
        runs: in the order in which they are shown.
        findings: names the arms, their reference and the mask condition that is shown first.
    """

    def __init__(self, runs: Sequence[ShownRun], findings: Findings) -> None:
        self.runs, self.findings = runs, findings
        tables = [run.labels for run in runs if run.labels is not None]
        self.labels = list(dict.fromkeys(name for table in tables for name in table["label"].unique()))
        self.conditions = list(dict.fromkeys(name for table in tables for name in table["mask_condition"].unique()))
        self.masks = list(dict.fromkeys(name for run in runs if run.masks is not None for name in run.masks.names))
        self.stores = list(dict.fromkeys(run.store for run in runs))
        stored = [name for store in self.stores for name in store.label_names]
        self.facts = list(dict.fromkeys([*self.labels, *stored]))
        self.arms = list(dict.fromkeys(run.job.arm for run in runs))
        self.repeats = list(dict.fromkeys(str(run.job.repeat) for run in runs))
        self.predicted = [label_arrays(run, self.conditions, self.labels) for run in runs]

    def header(self) -> Json:
        """Return all but the images."""
        names, place = self.findings.names, self.findings.metric.split("/")[1]
        own = [VALIDATION_MASKS] if place == VALIDATION_MASKS else []
        return {
            "arms": [
                {"name": names.get(arm, arm), "full": arm, "reference": arm == self.findings.reference}
                for arm in self.arms
            ],
            "repeats": self.repeats,
            "labels": self.labels,
            "facts": self.facts,
            "conditions": [*own, *self.conditions],
            "condition": place,
            "masks": self.masks,
            "thresholds": THRESHOLDS.tolist(),
            "own": OWN,
            "flag": PRESENT,
            "unknown": NOT_ANNOTATED,
            "sizes": [list(store.size) for store in self.stores],
            "runs": [self._run(number) for number in range(len(self.runs))],
        }

    def _run(self, number: int) -> Json:
        run, predicted = self.runs[number], self.predicted[number]
        masks = () if run.masks is None else run.masks.names
        shown = {
            "arm": self.arms.index(run.job.arm),
            "repeat": self.repeats.index(str(run.job.repeat)),
            "store": self.stores.index(run.store),
            "masks": [self.masks.index(name) for name in masks],
            "exclusive": run.masks is not None and run.masks.exclusive,
        }
        if predicted is not None:
            shown["validation"] = run.condition(VALIDATION_MASKS)
            shown["likeliest"] = run.job.last.configuration.exclusive_labels
            shown["thresholds"] = dict(zip(self.conditions, _rounded(predicted.threshold), strict=True))
        return shown

    def image(self, id: str, chosen: Sequence[str], scores: Json) -> Json:
        """Return what the page knows of an image.

        Args:
            id: of the image.
            chosen: why it is shown.
            scores: by which images can be sorted; None: undefined.
        """
        tested = [number for number, run in enumerate(self.runs) if id in run.ids]
        first = self.runs[tested[0]]
        shown = {
            store: store.image(mapped=True)[_row(store, id)] for store in self._each(tested, lambda run: run.store)
        }
        entry: Json = {
            "id": id,
            "group": str(first.store.groups[first.rows[id]]),
            "chosen": list(chosen),
            "scores": scores,
            "facts": self._facts(id, tested),
            "pictures": {str(self.stores.index(store)): photograph(pixels) for store, pixels in shown.items()},
            "runs": [{"run": number} | self._labels(number, id) for number in tested],
        }
        segmented = [number for number in tested if id in self.runs[number].mask_rows]
        if segmented:
            # Runs that predict the same masks of the same store share their truth; each truth comes before its runs.
            targets = self._each(segmented, _target)
            truths = [self.runs[numbers[0]].truth(id) for numbers in targets.values()]
            order = [number for numbers in targets.values() for number in numbers]
            coded = [self._coded(number, id) for number in order]
            entry["targets"] = [{"runs": numbers} for numbers in targets.values()]
            entry["present"] = self._present(list(targets.values()), truths)
            entry["planes"] = packed([*truths, *coded])
        return entry

    def _each(self, numbers: Sequence[int], key: Callable[[ShownRun], Any]) -> dict[Any, list[int]]:
        grouped: dict[Any, list[int]] = {}
        for number in numbers:
            grouped.setdefault(key(self.runs[number]), []).append(number)
        return grouped

    def _coded(self, number: int, id: str) -> NDArray[np.uint8]:
        run = self.runs[number]
        assert run.masks is not None
        return levels(run.masks.probability[run.mask_rows[id]], run.masks.exclusive)

    def _present(self, targets: Sequence[Sequence[int]], truths: Sequence[NDArray[np.uint8]]) -> list[bool | None]:
        """Return for each mask whether any pixel of its truth is present, None if no pixel is known."""
        present: list[bool | None] = [None] * len(self.masks)
        for numbers, truth in zip(targets, truths, strict=True):
            masks = self.runs[numbers[0]].masks
            assert masks is not None
            for name, plane in zip(masks.names, np.moveaxis(truth, -1, 0), strict=True):
                if (plane != NOT_ANNOTATED).any():
                    present[self.masks.index(name)] = bool((plane == 1).any())
        return present

    def _facts(self, id: str, tested: Sequence[int]) -> list[int | None]:
        """Return the true labels of an image: of its predictions, and further ones of its store."""
        known: dict[str, int] = {}
        for number in tested:
            store, predicted = self.runs[number].store, self.predicted[number]
            values = dict(zip(store.label_names, store.label[_row(store, id)].tolist(), strict=True))
            if predicted is not None:
                values |= dict(zip(self.labels, predicted.truth[predicted.rows[id]].tolist(), strict=True))
            known |= {name: int(value) for name, value in values.items() if value in (0, 1)}
        return [known.get(name) for name in self.facts]

    def _labels(self, number: int, id: str) -> Json:
        """Return probabilities and decisions of a run for an image, by mask condition."""
        predicted = self.predicted[number]
        if predicted is None:
            return {}
        row = predicted.rows[id]
        values, decided = _rounded(predicted.probability[row]), predicted.present[row].astype(int).tolist()
        pairs = zip(self.conditions, values, decided, strict=True)
        return {"labels": {name: [p, yes] for name, p, yes in pairs if any(value is not None for value in p)}}


def _row(store: Store, id: str) -> int:
    return int(np.flatnonzero(store.ids == id)[0])


def _target(run: ShownRun) -> tuple[object, ...]:
    assert run.masks is not None
    return run.store, run.masks.names, run.masks.exclusive


def _rounded(values: NDArray[np.float64]) -> list[list[float | None]]:
    """Return numbers for JSON, which has no NaN."""
    return [[None if np.isnan(value) else round(value, DIGITS) for value in row] for row in values.tolist()]
