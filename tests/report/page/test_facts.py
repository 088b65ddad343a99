"""Facts on a page: every job that is not done, and masks that reveal labels."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import ROOT

from dermoscopy.report.page.conditions import conditions_section
from dermoscopy.report.page.facts import STORE, _images, facts, leakage_warning, recorded
from dermoscopy.report.page.page import write_report
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


def change_data(sweep: Path, **changes: object) -> Path:
    for file in sweep.glob("*/job.json"):
        record = json.loads(file.read_text())
        record["data"] |= changes
        file.write_text(json.dumps(record))
    return sweep


def test_a_page_of_other_data_or_of_more_images_is_replaced_only_by_force(make_runs: Make, tmp_path: Path) -> None:
    sweep, experiments = make_runs(), tmp_path / "experiments"
    write_report(load_sweep(sweep), experiments)
    page = (experiments / "zeroing" / "README.md").read_text()
    write_report(load_sweep(change_data(sweep, fingerprint="e" * 64, train=500)), experiments)  # more of the same
    for change in ({"name": "demo"}, {"train": 499}):
        changed = load_sweep(change_data(sweep, fingerprint="d" * 64, **change))
        with pytest.raises(ValueError, match="made_up .600 images, fingerprint eeeeeeeeeeee.; .* is of") as caught:
            write_report(changed, experiments)
        assert f"experiments={sweep.parents[1] / 'report'}" in str(caught.value)
        assert "force=true" in str(caught.value)
    assert "d" * 12 not in (experiments / "zeroing" / "README.md").read_text() != page
    write_report(changed, experiments, force=True, command="python report.py experiment=zeroing reference=whole_50")
    page = (experiments / "zeroing" / "README.md").read_text()
    assert "d" * 12 in page
    assert "written by `python report.py experiment=zeroing reference=whole_50`" in page


def test_the_data_of_every_published_page_are_found_in_it() -> None:
    rows = [line for page in ROOT.glob("experiments/*/README.md") for line in page.read_text().splitlines()]
    rows = [row for row in rows if row.startswith("| data |")]
    assert rows
    for row in rows:
        assert len(STORE.findall(row)) == row.count("fingerprint")
        assert all(name.isidentifier() and _images(numbers) > 100 for name, numbers, _ in STORE.findall(row))


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
