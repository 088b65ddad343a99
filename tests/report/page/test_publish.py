"""A page is published with its row in the index, and not over one of other or of more data."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from written import write_report

from dermoscopy.runs.tables import load_sweep

EARLIER = """# zeroing

<!-- report -->
| fact | value |
| --- | --- |
| sweep | 2026-11-28_13-49-09, started 2026-11-28T13:49:09+00:00 |
| data | isic2018, 1816 train, 389 val, 389 test images, 64 x 64 px, fingerprint 3398bb19c45c |
| jobs | 18: 18 done, 0 failed |
<!-- /report -->
"""
Make = Callable[..., Path]


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
        assert "force=true" in str(caught.value)
    assert "d" * 12 not in (experiments / "zeroing" / "README.md").read_text() != page
    write_report(changed, experiments, force=True, command="python report.py experiment=zeroing reference=whole_50")
    page = (experiments / "zeroing" / "README.md").read_text()
    assert "d" * 12 in page
    assert "written by `python report.py experiment=zeroing reference=whole_50`" in page


def test_a_page_of_an_earlier_version_is_protected_by_its_readme(make_runs: Make, tmp_path: Path) -> None:
    (tmp_path / "zeroing").mkdir()
    (tmp_path / "zeroing" / "README.md").write_text(EARLIER)
    outdated = [tmp_path / "zeroing" / name for name in ("table.svg", "out_of_fold.csv")]
    for path in outdated:
        path.touch()
    sweep = load_sweep(make_runs())
    with pytest.raises(ValueError, match=r"is the page of other data, isic2018 \(2594 images, .*made_up \(300 images"):
        write_report(sweep, tmp_path)
    write_report(sweep, tmp_path, force=True)
    assert not any(path.exists() for path in outdated)


def test_a_page_with_results_is_not_replaced_by_a_sweep_that_has_none(make_runs: Make, tmp_path: Path) -> None:
    folder, page = make_runs(), tmp_path / "zeroing" / "README.md"
    write_report(load_sweep(folder), tmp_path)
    before = page.read_text()
    for number in range(9):
        shutil.rmtree(folder / str(number), ignore_errors=True)
    with pytest.raises(ValueError, match=rf"zeroing has the results of sweep {folder.name}.*force=true"):
        write_report(load_sweep(folder), tmp_path)
    assert page.read_text() == before
    write_report(load_sweep(folder), tmp_path, force=True)
    assert "no test score yet" in page.read_text()


def test_a_page_with_more_results_or_one_that_cannot_be_read_is_replaced_only_by_force(
    make_runs: Make, tmp_path: Path
) -> None:
    folder, page = make_runs(), tmp_path / "zeroing" / "jobs.csv"
    write_report(load_sweep(folder), tmp_path)
    page.write_text(page.read_text().replace("\n", "\r\n"))  # as an editor or a killed command may leave it
    with pytest.raises(ValueError, match=r"zeroing holds cannot be read.*jobs.csv is not the one.*force=true"):
        write_report(load_sweep(folder), tmp_path)
    write_report(load_sweep(folder), tmp_path, force=True)
    before = page.read_text()
    for number in range(4):
        shutil.rmtree(folder / str(number))
    with pytest.raises(ValueError, match=r"has the results of 7 jobs .*has those of 3: .*force=true"):
        write_report(load_sweep(folder), tmp_path)
    assert page.read_text() == before
    write_report(load_sweep(folder), tmp_path, force=True)
    assert page.read_text() != before
