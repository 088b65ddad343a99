"""Facts on a page: every job that is not done, and masks that reveal labels."""

import json
from collections.abc import Callable
from pathlib import Path

from dermoscopy.report.page.conditions import conditions_section
from dermoscopy.report.page.facts import facts, leakage_warning, recorded
from dermoscopy.runs.tables import load_sweep

Make = Callable[..., Path]


def add_leakage(sweep: Path) -> None:
    for file in sweep.glob("*/job.json"):
        record = json.loads(file.read_text())
        record["data"]["label_leakage"] = {"globules": "globules", "melanoma": "lesion"}
        file.write_text(json.dumps(record))


def test_labels_that_a_mask_reveals_are_named(make_classified: Make, make_curves: Make) -> None:
    folder, made_up = make_classified({"seed": ["0"]}, ["none", "given"]), make_curves(["none", "given"], [0.5, 0.9])
    assert leakage_warning(load_sweep(folder)) == ""
    assert "New images have no ground-truth masks" in conditions_section(made_up, leakage=False).text
    add_leakage(folder)
    warning = leakage_warning(load_sweep(folder))
    assert "from whether a ground-truth mask is empty: globules, melanoma (mask lesion)." in warning
    assert "no evidence of skill" in warning
    assert "only the columns without ground-truth masks" in conditions_section(made_up, leakage=True).text


def test_there_is_no_warning_if_no_masks_were_given(make_classified: Make) -> None:
    folder = make_classified({"seed": ["0"]}, ["none", "predicted"])
    add_leakage(folder)
    assert leakage_warning(load_sweep(folder)) == ""


def hardware(folder: Path) -> str:
    return dict(facts(load_sweep(folder)).rows)["hardware"]  # type: ignore[arg-type]


def test_the_precision_of_the_training_is_named_where_it_is_recorded(make_classified: Make) -> None:
    folder = make_classified({"seed": ["0"]}, ["none"])
    assert hardware(folder).endswith("2 threads")
    for file in folder.glob("*/job.json"):
        record = json.loads(file.read_text())
        record["stages"] = [stage | {"precision": "bf16-mixed"} for stage in record["stages"]]
        file.write_text(json.dumps(record))
    assert hardware(folder).endswith("2 threads, bf16-mixed")


def said(folder: Path) -> str:
    section = recorded(load_sweep(folder))
    assert section is not None
    return "\n".join(text for _, text in section.items)


def test_what_the_jobs_recorded_is_on_the_page(make_runs: Make) -> None:
    folder = make_runs()
    assert "Initial weights: not recorded" in said(folder)
    for file in folder.glob("*/job.json"):
        weights = [{"part": "network", "origin": "scratch"}]
        words = ["validation has one image with <streaks>"] if file.parent.name == "0" else []
        record = json.loads(file.read_text()) | {"initial_weights": weights, "warnings": words}
        file.write_text(json.dumps(record))
    assert "Initial weights of network: random (from scratch)." in said(folder)
    assert "validation has one image with <streaks> (1 of 7 jobs)" in said(folder)
