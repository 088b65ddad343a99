"""What was tested on other data, labels, images or conditions is compared only with compare=anyway."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sweeps_on_disk import change

from dermoscopy.report.results.merged import merge
from dermoscopy.runs.selection import load_runs
from dermoscopy.runs.tables import load_sweep

Make = Callable[..., Path]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"data": {"fingerprint": "e" * 64}}, r"data: made_up \(fingerprint ffffffffffff\) in one; .*eeee.* in two"),
        ({"metrics": {"test/none/f1/nevus": 0.5}}, "labels or masks: .*globules, nevus.* in two"),
        ({"metrics": {}}, "mask conditions: no test metric is in all"),
    ],
)
def test_what_was_tested_on_other_things_is_compared_only_anyway(
    changes: dict[str, Any], named: str, make_runs: Make
) -> None:
    one, two = make_runs("one"), make_runs("two")
    if changes == {"metrics": {}}:
        for file in two.glob("*/job.json"):
            record = json.loads(file.read_text())
            record["metrics"] = {"test/flips/f1/globules": 0.5, "test/flips/f1/streaks": 0.5, "test/flips/f1": 0.5}
            file.write_text(json.dumps(record))
    else:
        change(two, **changes)
    sweeps = [load_sweep(one), load_sweep(two)]
    with pytest.raises(ValueError, match=f"not comparable: {named}.*; compare=anyway") as refused:
        merge(sweeps, "both")
    assert "\n" not in str(refused.value)
    if changes == {"metrics": {}}:
        with pytest.raises(ValueError, match="nothing to compare"):
            merge(sweeps, "both", True)
        return
    assert any(text.startswith("Compared in spite of differences: ") for text in merge(sweeps, "both", True).remarks)


def test_other_test_images_of_the_same_seed_are_refused(make_runs: Make) -> None:
    one, two = make_runs("one"), make_runs("two")
    file = two.parents[1] / "cells_801" / "split.csv"
    pd.read_csv(file).iloc[1:].to_csv(file, index=False)
    with pytest.raises(ValueError, match=r"test images: one and two have others \(seed 1\)"):
        merge([load_sweep(one), load_sweep(two)], "both")


def test_arms_without_a_seed_in_common_are_refused(make_runs: Make) -> None:
    runs = make_runs().parents[2]
    named = load_runs(["everything0"], runs) + load_runs(["cells_801"], runs)
    with pytest.raises(ValueError, match="zeroing=everything has seed 0, zeroing=cells_80 has seed 1"):
        merge(named, "both")
    assert len(merge(load_runs(["cells_800"], runs) + load_runs(["cells_801"], runs), "one").jobs) == 2


def test_unrecorded_test_images_are_compared_by_their_number_and_named(make_runs: Make) -> None:
    one, two = make_runs("one"), make_runs("two")
    for file in two.parents[1].glob("*/split.csv"):
        file.unlink()
    sweeps = [load_sweep(one), load_sweep(two)]
    assert merge(sweeps, "both").remarks == (
        "Which images were tested is not recorded for two: only their number was compared.",
    )
    change(two, data={"test": 59})
    with pytest.raises(ValueError, match="test images: one and two have others"):
        merge([load_sweep(one), load_sweep(two)], "both")
