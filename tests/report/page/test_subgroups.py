"""A page says how a score differs between subgroups of the images, also when it is made again without the store."""

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from sweeps_on_disk import configure

from dermoscopy.data.store.metadata import write_metadata
from dermoscopy.report.page.page import make_page, read_page, write_page
from dermoscopy.report.page.subgroups import subgroup_table
from dermoscopy.report.published.record import Choice
from dermoscopy.report.results.findings import find
from dermoscopy.report.results.metadata import image_metadata
from dermoscopy.runs.tables import SweepResults, load_sweep

Make = Callable[..., Path]


@pytest.fixture
def sweep(make_segmented: Make, demo_store: Path, tmp_path: Path) -> SweepResults:
    """A sweep of segmenters whose store knows sex, age, and a column with one value."""
    folder = make_segmented({"network": ["small", "large"], "split.fold": ["0", "1", "2"]}, ["done"] * 6)
    store = tmp_path / "store.h5"
    shutil.copy(demo_store, store)
    with h5py.File(store, "a") as file:
        count = len(file["id"])
        rows = [(("male", "female", "")[k % 3], str(20 + k % 60), "x") for k in range(count)]
        write_metadata(file, ["sex", "age", "same"], rows)
    for stage in folder.parents[1].glob("*/config.yaml"):
        configure(stage.parent, data={"store": str(store), "masks": ["lesion", "streaks"]})
    return load_sweep(folder)


def test_the_score_of_each_subgroup_is_that_of_its_images(sweep: SweepResults) -> None:
    metadata, lacking = image_metadata(sweep)
    assert lacking == "" and [*metadata] == ["sex", "age", "same"]
    findings = find(sweep)
    assert findings is not None
    table, _ = subgroup_table(sweep, findings)
    assert set(table["column"]) == {"sex", "age"}  # of the third all images have the same value
    assert set(table["arm"]) == {"network=small", "network=large"}  # the reference and the best one
    own = table[(table["arm"] == "network=large") & (table["subgroup"] == "male")].iloc[0]
    ids = metadata.index[metadata["sex"] == "male"]
    assert own["images"] == len(ids)
    per_fold = []
    for job in sweep.done:
        if job.arm == "network=large":
            images = job.last.predictions
            assert images is not None
            per_fold.append(
                images[(images["size"] == "store") & images["id"].isin(ids)].groupby("mask")["dice"].mean().mean()
            )
    assert own["value"] == pytest.approx(np.nanmean(per_fold))


def test_a_page_with_subgroups_is_made_again_without_the_store(sweep: SweepResults, tmp_path: Path) -> None:
    files = write_page(make_page(sweep, Choice()), tmp_path / "first")
    page = (tmp_path / "first" / "index.html").read_text()
    assert "Subgroups of the test images" in page and "sex: male" in page and "age: under 30" in page
    assert "worst in" in page and "of twenty differences one is expected to" in page
    assert (tmp_path / "first" / "metadata.csv").read_text().startswith("id,sex,age,same\n")
    shutil.rmtree(sweep.folder.parents[2])
    (tmp_path / "store.h5").unlink()
    again = write_page(read_page(tmp_path / "first", {}, ""), tmp_path / "second")
    assert [file.read_bytes() for file in again] == [file.read_bytes() for file in files]


def test_data_without_metadata_have_no_such_section(make_runs: Make, tmp_path: Path) -> None:
    page = make_page(load_sweep(make_runs()), Choice())
    assert "metadata.csv" not in page.files and "subgroups.csv" not in page.files
