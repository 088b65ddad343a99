"""Sweeps whose test images are in a store: segmenters with predicted masks, and classifiers."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sweeps_on_disk import configure

from dermoscopy.data.store.reader import open_store
from dermoscopy.evaluation.segmentation import evaluate
from dermoscopy.masks.predicted import MASKS, PredictedMasks, write_masks
from dermoscopy.report.results.findings import Findings, find
from dermoscopy.runs.tables import SweepResults, load_sweep

NAMES = ["lesion", "streaks"]
LABELS = ["malignant", "streaks"]
Found = tuple[SweepResults, Findings]


def found(sweep: Path) -> Found:
    """Return a sweep and its findings."""
    loaded = load_sweep(sweep)
    findings = find(loaded)
    assert findings is not None
    return loaded, findings


@pytest.fixture
def segmented(make_segmented: Callable[..., Path], demo_store: Path) -> Callable[..., Found]:
    """Return a function that writes a sweep of segmenters with masks.h5, whose predictions.csv was computed from it."""

    def make(axes: Mapping[str, Sequence[str]], exclusive: bool = False) -> Found:
        store = open_store(demo_store)
        jobs = int(np.prod([len(values) for values in axes.values()]))
        sweep = make_segmented(axes, ["done"] * jobs)
        for number in range(jobs):
            file = sweep / str(number) / "job.json"
            record = json.loads(file.read_text())
            folder = Path(record["stages"][-1]["folder"])
            split = pd.read_csv(folder / "split.csv")
            index = np.flatnonzero(split["subset"] == "test")
            planes = [store.mask_names.index(name) for name in NAMES]
            noise = np.random.default_rng(number).integers(0, 160, (len(index), *store.size, len(NAMES)))
            truth = store.mask()[index][..., planes] == 1
            probability = (noise + 95 * truth).clip(0, 255).astype(np.uint8)
            masks = PredictedMasks(store.ids[index], tuple(NAMES), exclusive, store.fingerprint, probability)
            write_masks(folder / MASKS, masks)
            result = evaluate(probability, index, store, NAMES, exclusive, hd95=False)
            result.images.assign(tta="none").to_csv(folder / "predictions.csv", index=False)
            file.write_text(json.dumps(record | {"metrics": result.metrics("none")}))
        return found(sweep)

    return make


@pytest.fixture
def classified(make_sweep: Callable[..., Path], demo_store: Path) -> Callable[..., Found]:
    """Return a function that writes a sweep of classifiers of the first 12 images of the demo store."""

    def make(
        axes: Mapping[str, Sequence[str]],
        conditions: Sequence[str] = ("none", "given"),
        labels: Sequence[str] = LABELS,
        exclusive: bool = False,
        suffix: str = "",
    ) -> Found:
        store = open_store(demo_store)
        jobs = int(np.prod([len(values) for values in axes.values()]))
        sweep = make_sweep(axes, ["done"] * jobs, "attributes")
        for number in range(jobs):
            file = sweep / str(number) / "job.json"
            record = json.loads(file.read_text())
            folder = Path(record["stages"][-1]["folder"])
            rng, rows = np.random.default_rng(number), []
            for image in range(12):
                for place in conditions:
                    for k, label in enumerate(labels):
                        row = [str(store.ids[image]), str(store.groups[image]), place, label]
                        rows.append([*row, (image + k) % 2, rng.normal(), -0.1])
            columns = ["id", "group", "mask_condition", "label", "truth", "logit", "threshold"]
            pd.DataFrame(rows, columns=columns).to_csv(folder / "predictions.csv", index=False)
            configure(folder, data={"store": str(demo_store), "masks": [], "raw": None}, exclusive_labels=exclusive)
            data = {"name": "demo", "fingerprint": store.fingerprint, "size": list(store.size)}
            numbers = {"train": 100, "val": 8, "test": 12}
            metrics = {"test/none/average_precision": 0.4 + 0.01 * number}
            arm = record["arm"] + (suffix if number else "")  # names that the file system does not take
            file.write_text(json.dumps(record | {"arm": arm, "data": data | numbers, "metrics": metrics}))
        return found(sweep)

    return make
