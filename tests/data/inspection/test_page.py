"""The page of a store: complete, self-contained, escaped, for any store; and prepare.py, which writes it."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from dermoscopy.data.inspection.duplicates import COLUMNS
from dermoscopy.data.inspection.page import inspect_store
from dermoscopy.data.store.frame import place
from dermoscopy.data.store.reader import open_store
from dermoscopy.data.store.writer import Layout, Row, new_store
from dermoscopy.machine.messages import PURPOSE

SETTINGS = {"lesion": "lesion", "distance": 12, "similarity": 0.7, "sample": 3, "seed": 0}


class Links(HTMLParser):
    """Collector of the links and resources of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.targets: list[str] = []
        self.loaded: list[str] = []
        self.tags: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.add(tag)
        self.anchors |= {values["id"]} if "id" in values else set()
        self.targets += [values["href"]] if "href" in values else []
        self.loaded += [values["src"]] if "src" in values else []


@pytest.fixture(scope="module")
def demo_page(demo_store, tmp_path_factory):
    return inspect_store(demo_store, tmp_path_factory.mktemp("page") / "demo.html", **SETTINGS)


def bare_store(path, masks=(), labels=(), count=3):
    layout = Layout((8, 8), "pad", masks, labels, "made up", "recipe")
    with new_store(path, layout, count) as writer:
        for index in range(count):
            image = np.random.default_rng(index).integers(0, 255, (8, 8, 3), dtype=np.uint8)
            mask = np.full((8, 8, len(masks)), 255, np.uint8)
            row = Row(f"i{index}", f"g{index}", image, mask, [-1] * len(labels), place((6, 8), (8, 8), "pad"))
            writer.append(row)
    return path


def test_a_page_is_self_contained_and_its_links_have_targets(demo_page):
    text = demo_page.page.read_text()
    assert PURPOSE in text
    links = Links(text)
    assert links.loaded and all(source.startswith("data:image/png;base64,") for source in links.loaded)
    assert links.targets and {target.removeprefix("#") for target in links.targets} <= links.anchors
    assert not links.tags & {"script", "link", "iframe"}
    assert not re.search(r"https?://|url\(|@import", text)


def test_a_page_has_its_sections_and_the_numbers_of_the_store(demo_page, demo_store):
    text = demo_page.page.read_text()
    store = open_store(demo_store)
    expected = {"facts", "sample", "sizes", "masks", "outside", "labels", "groups", "duplicates", "oddities"}
    assert Links(text).anchors == expected
    assert store.fingerprint in text
    assert pd.read_csv(demo_page.csv).columns.tolist() == COLUMNS
    assert demo_page.csv.name == "demo-near_duplicates.csv"


@pytest.mark.parametrize("masks, labels", [((), ()), (("lesion",), ("sick",)), (("spots",), ())])
def test_a_store_without_masks_labels_or_annotations_has_a_page_too(tmp_path, masks, labels):
    made = inspect_store(bare_store(tmp_path / "a.h5", masks, labels), None, **SETTINGS)
    assert made.page == tmp_path / "a-inspection.html"
    text = made.page.read_text()
    assert ("The store has no masks." in text) == (not masks)
    assert ("The store has no labels." in text) == (not labels)
    assert ("no label known: 3 (i0, i1, i2)" in made.findings) == bool(labels)
    assert any("label sick is never yes" in line for line in made.findings) == bool(labels)
    assert ("No findings." in text) == (not masks)


def test_names_are_escaped(tmp_path):
    path = bare_store(tmp_path / "<b>&.h5", ("<i>lesion",), ("<script>alert(1)</script>",))
    made = inspect_store(path, tmp_path / "page.html", **{**SETTINGS, "lesion": "<i>lesion"})
    text = made.page.read_text()
    assert "<script>" not in text and "<i>" not in text and "<b>&" not in text
    assert "&lt;script&gt;alert(1)" in text


@pytest.mark.parametrize("key, value", [("distance", 65), ("similarity", -0.1), ("sample", -1)])
def test_a_setting_out_of_its_range_is_named(demo_store, tmp_path, key, value):
    with pytest.raises(ValueError, match=f"inspection.{key} must .*{value}"):
        inspect_store(demo_store, tmp_path / "a.html", **{**SETTINGS, key: value})


def test_a_folder_as_page_is_refused(demo_store, tmp_path):
    with pytest.raises(ValueError, match=r"is a folder: name the page itself"):
        inspect_store(demo_store, tmp_path, **SETTINGS)


def test_a_missing_store_is_prepared_and_then_inspected(run_script, tmp_path):
    small = ("data.make.count=12", "data.make.size=[48,64]", "data.size=[32,32]", "inspection.sample=2")
    ended = run_script("prepare.py", "inspect=true", *small)
    assert ended.code == 0, ended.err
    assert "12 images of 32 x 32 px" in ended.out
    assert (tmp_path / "data/demo-32x32-inspection.html").is_file()
    assert (tmp_path / "data/demo-32x32-inspection-near_duplicates.csv").is_file()


def test_an_existing_store_is_inspected_without_its_raw_files_and_kept_as_it_is(run_script, demo_store, tmp_path):
    before = demo_store.stat().st_mtime_ns
    arguments = (f"data.store={demo_store}", "out=page.html", "inspection.sample=0", "inspection.distance=0")
    ended = run_script("prepare.py", "inspect=true", "data=isic2018", *arguments)
    assert ended.code == 0, ended.err
    assert "is inspected as it is" in ended.out
    assert (tmp_path / "page.html").is_file()
    assert demo_store.stat().st_mtime_ns == before


def test_without_a_store_and_raw_files_the_latter_are_requested(run_script):
    ended = run_script("prepare.py", "inspect=true", "data=isic2018")
    assert ended.code == 1
    assert "data.raw=DIR" in ended.error
