"""The page receives what the files of the runs hold."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from builders import random_masks

from dermoscopy.data.store.reader import open_store
from dermoscopy.masks.predicted import MASKS, write_masks
from dermoscopy.report.gallery.content import Content, label_arrays
from dermoscopy.report.gallery.runs import shown_runs
from dermoscopy.report.results.findings import Findings
from dermoscopy.runs.tables import SweepResults

Make = Callable[..., tuple[SweepResults, Findings]]
AXES = {"zeroing": ["everything", "cells_80"], "seed": ["0", "1"]}


def content_of(found: tuple[SweepResults, Findings]) -> Content:
    return Content(shown_runs(found[0])[0], found[1])


def test_labels_of_an_image_are_those_of_each_run_by_mask_condition(classified: Make) -> None:
    content = content_of(classified(AXES))
    header, id = content.header(), str(content.runs[0].store.ids[3])
    image = content.image(id, ["random"], {})
    assert header["labels"] == ["malignant", "streaks"] and header["repeats"] == ["seed 0", "seed 1"]
    assert [arm["name"] for arm in header["arms"]] == ["image only", "cells_80"]
    assert [arm["reference"] for arm in header["arms"]] == [True, False]
    assert header["condition"] == "none" and header["conditions"] == ["none", "given"]
    assert [entry["run"] for entry in image["runs"]] == [0, 1, 2, 3]
    table = content.runs[2].labels
    assert table is not None
    row = table[(table["id"] == id) & (table["mask_condition"] == "given") & (table["label"] == "streaks")].iloc[0]
    probability, decided = image["runs"][2]["labels"]["given"]
    assert probability[1] == pytest.approx(1 / (1 + np.exp(-row["logit"])), abs=6e-4)
    assert decided[1] == (row["logit"] > row["threshold"])
    assert image["facts"][:2] == [1, 0] and row["truth"] == 0
    assert header["runs"][2]["thresholds"]["given"][0] == pytest.approx(1 / (1 + np.exp(0.1)), abs=6e-4)
    assert "planes" not in image and image["pictures"]["0"].startswith("data:image/jpeg;base64,")


def test_of_exclusive_labels_the_most_probable_one_is_predicted_and_there_is_no_threshold(classified: Make) -> None:
    content = content_of(classified(AXES, exclusive=True))
    arrays = label_arrays(content.runs[0], content.conditions, content.labels)
    assert arrays is not None
    assert (arrays.present.sum(-1) == 1).all() and np.isnan(arrays.threshold).all()
    assert (arrays.present.argmax(-1) == arrays.probability.argmax(-1)).all()
    assert content.header()["runs"][0]["thresholds"]["none"] == [None, None]


def test_what_a_run_was_not_tested_for_is_absent(classified: Make) -> None:
    content = content_of(classified(AXES))
    table = content.runs[0].labels
    assert table is not None
    some = table[(table["mask_condition"] == "none") & (table["label"] == "streaks")]
    content.runs[0].__dict__["labels"] = some
    content.predicted[0] = label_arrays(content.runs[0], content.conditions, content.labels)
    labels = content.image(some["id"].iloc[0], [], {})["runs"][0]["labels"]
    assert list(labels) == ["none"] and labels["none"][0][0] is None and labels["none"][1][0] == 0


def test_runs_of_the_same_masks_share_their_truth(segmented: Make) -> None:
    content = content_of(segmented({"network": ["small", "large"], "seed": ["0"]}))
    run = content.runs[0]
    id = sorted(run.ids)[0]
    image = content.image(id, [], {})
    assert image["targets"] == [{"runs": [0, 1]}]
    truth = run.truth(id)
    assert image["present"] == [bool((truth[..., k] == 1).any()) for k in range(2)]
    assert image["facts"] == [int(value) for value in run.store.label[run.rows[id]]]
    assert content.header()["masks"] == ["lesion", "streaks"] and content.header()["runs"][1]["masks"] == [0, 1]


def test_a_network_of_labels_and_masks_shows_both(classified: Make, demo_store: Path) -> None:
    sweep, findings = classified(AXES)
    store = open_store(demo_store)
    for job in sweep.done:
        write_masks(job.last.folder / MASKS, random_masks(store, range(12)))
    content = content_of((sweep, findings))
    image = content.image(str(store.ids[0]), [], {})
    assert image["targets"] == [{"runs": [0, 1, 2, 3]}] and "none" in image["runs"][0]["labels"]
    assert content.header()["masks"] == list(store.mask_names)
