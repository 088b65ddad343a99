"""A gallery shows the images of the runs' own store, or says what to type."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from sweeps_on_disk import configure

from dermoscopy.masks.predicted import MASKS
from dermoscopy.report.gallery.runs import DRAWN_BY, are_drawn, shown_runs
from dermoscopy.report.results.findings import Findings
from dermoscopy.runs.tables import SweepResults, load_sweep

Make = Callable[..., tuple[SweepResults, Findings]]
AXES = {"network": ["small", "large"], "seed": ["0"]}


def test_a_missing_store_is_one_line_with_the_command(segmented: Make, tmp_path: Path) -> None:
    sweep, _ = segmented(AXES)
    for job in sweep.done:
        configure(job.last.folder, data={"store": "data/a b.h5", "masks": ["lesion"], "raw": "my images"})
    with pytest.raises(FileNotFoundError) as error:
        shown_runs(load_sweep(sweep.folder))
    message = str(error.value)
    assert str(tmp_path / "data" / "a b.h5") in message and "\n" not in message
    assert "python prepare.py data=demo 'data.size=[32,32]' 'data.raw=my images'" in message


def test_a_store_of_other_images_is_refused(segmented: Make) -> None:
    sweep, _ = segmented(AXES)
    file = sweep.folder / "1" / "job.json"
    record = json.loads(file.read_text())
    record["data"]["fingerprint"] = "0" * 64
    file.write_text(json.dumps(record))
    with pytest.raises(ValueError, match=r"has other images .* than network=large, seed 0 .* \(000000000000\)"):
        shown_runs(load_sweep(sweep.folder))


def test_masks_of_other_images_are_refused(segmented: Make) -> None:
    sweep, _ = segmented(AXES)
    with h5py.File(sweep.done[0].last.folder / MASKS, "a") as file:
        file.attrs["fingerprint"] = "0" * 64
    with pytest.raises(ValueError, match=r"masks\.h5 was predicted for other images"):
        shown_runs(sweep)


def test_what_is_not_on_disk_is_named(segmented: Make) -> None:
    sweep, _ = segmented({"network": ["small", "large"], "seed": ["0", "1"]})
    (sweep.done[0].last.folder / MASKS).unlink()
    (sweep.done[1].last.folder / "predictions.csv").unlink()
    runs, lacking = shown_runs(load_sweep(sweep.folder))
    assert [run.masks is None for run in runs] == [True, False, False]
    assert [line.split(":")[0] for line in lacking] == ["network=small, seed 0", "network=small, seed 1"]
    for job in sweep.done:
        (job.last.folder / "predictions.csv").write_text("id,something\na,1\n")
    with pytest.raises(ValueError, match=r"no finished job .* has a predictions\.csv that this version reads"):
        shown_runs(load_sweep(sweep.folder))


def test_a_moved_folder_keeps_its_store(classified: Make, demo_store: Path, tmp_path: Path) -> None:
    sweep, _ = classified(AXES)
    for job in sweep.done:
        configure(job.last.folder, data={"store": "data/demo.h5", "masks": [], "raw": None})
    shutil.move(tmp_path / "runs", tmp_path / "moved" / "runs")
    (tmp_path / "moved" / "data").mkdir()
    shutil.copy(demo_store, tmp_path / "moved" / "data" / "demo.h5")
    moved = tmp_path / "moved" / sweep.folder.relative_to(tmp_path)
    assert len(shown_runs(load_sweep(moved))[0]) == 2


def test_only_images_of_the_demo_are_drawn(classified: Make, demo_store: Path) -> None:
    sweep, _ = classified(AXES)
    data = {"store": str(demo_store), "masks": []}
    assert not are_drawn(sweep)
    for job, make in zip(sweep.done, ({"_target_": DRAWN_BY}, None), strict=True):
        configure(job.last.folder, data=data | {"make": make})
    assert not are_drawn(load_sweep(sweep.folder))
    configure(sweep.done[1].last.folder, data=data | {"make": {"_target_": DRAWN_BY}})
    assert are_drawn(load_sweep(sweep.folder))
    module, _, name = DRAWN_BY.rpartition(".")
    assert hasattr(__import__(module, fromlist=[name]), name)
