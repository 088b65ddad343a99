"""Fixtures that write sweeps of segmenters to disk, with synthetic scores per image."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sweeps_on_disk import configure

from dermoscopy.data.store.reader import open_store
from dermoscopy.evaluation.summary import summarise
from dermoscopy.metrics.repeats import OWN_SPLITS, Design, one_family
from dermoscopy.metrics.segmentation import image_scores
from dermoscopy.report.results.comparisons import Basis, compare
from dermoscopy.report.results.conditions import AREA, COMPARED, SHARES, Curves, area_below

MASKS = ["lesion", "streaks"]
GAIN = {"small": 0.0, "large": 0.2}


def scored(ids: Sequence[str], gain: float, rng: np.random.Generator) -> pd.DataFrame:
    """Return the content of predictions.csv: every image with both masks, at both sizes, two images per group."""
    rows = []
    for number, id in enumerate(ids):
        for mask in MASKS:
            counts = rng.integers(1, 100, 4)
            counts[0] += 200 * (gain + 0.3)
            for size, factor in (("store", 1), ("original", 16)):
                scores = {name: value.item() for name, value in image_scores(counts[None, None]).items()}
                areas = {"truth": factor * counts[[0, 2]].sum(), "predicted": factor * counts[:2].sum()}
                areas["pixels"] = factor * counts.sum()
                row = {"id": id, "group": f"g{number // 2}", "mask": mask, "size": size, "hd95": np.nan}
                rows.append(row | scores | areas)
    return pd.DataFrame(rows)


@pytest.fixture
def make_images() -> Callable[..., pd.DataFrame]:
    """Return a factory of the content of predictions.csv, see `scored`."""
    return scored


@pytest.fixture
def make_segmented(make_sweep: Callable[..., Path], demo_store: Path) -> Callable[..., Path]:
    """Return a function that writes a sweep of segmenters and returns its folder.

    Each job tests a third of the demo store: with folds that of its fold, else the same third in all jobs.
    """
    store = open_store(demo_store)

    def make(axes: Mapping[str, Sequence[str]], states: Sequence[str], tta: Sequence[str] = ("none",)) -> Path:
        sweep = make_sweep(axes, states, "encoders")
        for job in sweep.glob("[0-9]*"):
            record = json.loads((job / "job.json").read_text())
            folder, fold = Path(record["stages"][-1]["folder"]), record["fold"]
            tested = np.arange(len(store)) % 3 == (fold or 0)
            gain = GAIN.get(record["axes"].get("network"), 0.1)
            table = scored(store.ids[tested].tolist(), gain, np.random.default_rng([record["seed"], fold or 0]))
            table.to_csv(folder / "predictions.csv", index=False)
            subset = np.where(tested, "test", "train")
            pd.DataFrame({"id": store.ids, "subset": subset}).to_csv(folder / "split.csv", index=False)
            data = {"store": str(demo_store), "masks": MASKS}
            split = {} if fold is None else {"k": 3, "fold": fold}
            network = record["axes"].get("network")
            monitor = {"metric": "val/dice"}
            configure(folder, data=data, model={"tta": list(tta)}, split=split, network=network, monitor=monitor)
            size = {"parameters": int(1e6 * (1 + gain)), "trainable": int(1e6)}
            result = {"metrics": {}, "seconds": 110.0, "epochs": 10} | size
            (folder / "result.json").write_text(json.dumps(result))
            epochs = pd.DataFrame({"epoch": [0, 0, 1, 1], "mode": ["train", "val"] * 2, "dice": 0.4, "loss": 1.0})
            epochs.assign(stage="masks", seconds=3.0).to_csv(folder / "history.csv", index=False)
            record["metrics"] = _recorded(table) if record["status"] == "done" else {}
            numbers = {"train": int((~tested).sum()), "val": 0, "test": int(tested.sum())}
            record["data"] = {"name": "demo", "fingerprint": store.fingerprint, "size": list(store.size)} | numbers
            (job / "job.json").write_text(json.dumps(record))
        return sweep

    return make


def _recorded(table: pd.DataFrame) -> dict[str, float]:
    """Return the test metrics as recorded by a run."""
    scores = summarise(table)
    suffix = scores["size"].map({"store": "", "original": "_original"})
    part = ("/" + scores["mask"]).replace("/mean", "")
    names = "test/none" + suffix + "/" + scores["metric"] + part
    return dict(zip(names, scores["mean"], strict=True))


def curves_of(places: Sequence[str], heights: Sequence[float]) -> Curves:
    """Return curves of two arms with three seeds: one scores about 0.5 everywhere, the other about `heights`."""
    wobble = np.array([0.0, 0.01, 0.02])
    rows = {place: [0.5 + wobble, value + 1.3 * wobble] for place, value in zip(places, heights, strict=True)}
    tables = {name: pd.DataFrame(row, ["zeroing=everything", "zeroing=nothing"]) for name, row in rows.items()}
    lacking = tuple(name for name in SHARES if name not in tables)
    if not lacking:
        tables[AREA] = area_below(tables)
    basis, places = Basis(Design(OWN_SPLITS), "seeds", 1, 0.02), [name for name in COMPARED if name in tables]
    differences = (tables[name].drop("zeroing=everything") - tables[name].loc["zeroing=everything"] for name in places)
    compared = one_family([compare(table, basis.design, {}) for table in differences])
    return Curves(
        "none", "auroc", "zeroing=everything", basis, tables, lacking, dict(zip(places, compared, strict=True))
    )


@pytest.fixture
def make_curves() -> Callable[..., Curves]:
    """Return a factory of the curves of two arms, see `curves_of`."""
    return curves_of
