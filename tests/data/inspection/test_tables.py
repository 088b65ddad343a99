"""Tables of a hand-made store with known numbers."""

import json

import numpy as np
import pandas as pd
import pytest
from builders import REAL

from dermoscopy.data.inspection import tables
from dermoscopy.data.prepare import prepare
from dermoscopy.data.raw.sources import FolderSource
from dermoscopy.data.store.frame import place
from dermoscopy.data.store.reader import Store, open_store
from dermoscopy.data.store.writer import Layout, Row, new_store

ATTRIBUTES = ("globules", "milia_like_cyst", "negative_network", "pigment_network", "streaks")


@pytest.fixture
def store(tmp_path) -> Store:
    """Store of four 4 x 4 px images; the lesion is the left half, but empty in the third and unknown in the fourth."""
    lesion = np.zeros((4, 4, 4), np.uint8)
    lesion[:2, :, :2] = 1
    lesion[3] = 255
    spots = np.zeros((4, 4, 4), np.uint8)
    spots[0, 0] = 1  # 4 pixels, 2 of them outside
    spots[1, :, 2:] = 1  # 8 pixels, all outside
    spots[2] = 1  # all of the image
    spots[3, 0, 0] = 1  # the lesion is unknown
    labels = [[1, 1], [1, 0], [0, -1], [-1, -1]]
    layout = Layout((4, 4), "pad", ("lesion", "spots"), ("sick", "old"), "made up", "recipe")
    sizes = [(30, 40), (30, 40), (40, 40), (20, 40)]
    with new_store(tmp_path / "a.h5", layout, 4) as writer:
        for row in range(4):
            image = np.full((4, 4, 3), 40 * row, np.uint8)
            mask = np.stack([lesion[row], spots[row]], axis=-1)
            frame = place(sizes[row], (4, 4), "pad")
            writer.append(Row(f"i{row}", f"g{min(row, 2)}", image, mask, labels[row], frame))
    return open_store(tmp_path / "a.h5")


@pytest.fixture
def pixels(store) -> tables.Pixels:
    return tables.count_pixels(store, "lesion")


def column(table: pd.DataFrame, name: str) -> list:
    return table[name].tolist()


def test_pixels_are_counted(pixels):
    assert pixels.known.tolist() == [[16, 16], [16, 16], [16, 16], [0, 16]]
    assert pixels.present.tolist() == [[8, 4], [8, 8], [0, 16], [0, 1]]
    assert pixels.outside.tolist() == [[0, 2], [0, 8], [0, 16], [-1, -1]]


def test_masks_are_counted_as_annotated_present_empty_and_full(store, pixels):
    table = tables.mask_areas(store, pixels).set_index("mask")
    assert table.loc["lesion", ["annotated", "present", "empty", "full"]].tolist() == [3, 2, 1, 0]
    assert table.loc["spots", ["annotated", "present", "empty", "full"]].tolist() == [4, 4, 0, 1]
    assert table.loc["lesion", "present %"] == pytest.approx(200 / 3)
    assert table.loc["lesion", "area median %"] == 50
    assert table.loc["spots", "area median %"] == pytest.approx((25 + 50) / 2)


def test_masks_outside_the_lesion_are_counted_where_the_lesion_is_known(store, pixels):
    table = tables.outside_lesion(store, pixels, "lesion")
    assert table.to_numpy().tolist() == [["spots", 3, 3, 2, 2, pytest.approx(100 * 26 / 28)]]
    worst = tables.worst_outside(store, pixels)
    assert column(worst, "image") == ["i2", "i1"]  # the larger of two that lie wholly outside comes first
    assert column(worst, "pixels") == [16, 8]


def test_without_a_lesion_mask_nothing_lies_outside_it(store):
    pixels = tables.count_pixels(store, "mole")
    assert (pixels.outside == -1).all()
    assert tables.worst_outside(store, pixels).empty


def test_labels_are_counted_and_unknown_ones_do_not_enter_the_prevalence(store):
    table = tables.label_balance(store).set_index("label")
    assert table.loc["sick"].tolist() == [2, 1, 1, pytest.approx(200 / 3)]
    assert table.loc["old"].tolist() == [1, 1, 2, 50]
    assert tables.co_occurrence(store)[["sick", "old"]].to_numpy().tolist() == [[2, 1], [1, 1]]
    assert column(tables.label_patterns(store), "labels") == ["sick?, old?", "old?", "sick", "sick, old"]


def test_sizes_padding_groups_and_oddities(store, pixels):
    assert tables.original_sizes(store)["width × height"].tolist() == ["40 × 30", "40 × 20", "40 × 40"]
    assert tables.padding_and_crop(store)["padding %"].tolist() == [25, 25, 0, 50]
    assert tables.padding_and_crop(store)["cut off %"].tolist() == [0, 0, 0, 0]
    assert tables.group_sizes(store).to_numpy().tolist() == [[1, 2, 2, "g0, g1"], [2, 1, 2, "g2"]]
    odd = tables.oddities(store, pixels, "lesion").set_index("what")
    assert odd["images"].tolist() == [1, 0, 1, 0, 1]
    assert odd.loc["no label known", "for example"] == "i3"
    assert odd.loc["lesion annotated but empty", "for example"] == "i2"
    assert odd.loc["spots covers all of the image", "for example"] == "i2"


def test_many_sizes_are_summed_up(store, monkeypatch):
    monkeypatch.setattr(tables, "LONGEST", 1)
    table = tables.original_sizes(store)
    assert column(table, "width × height") == ["40 × 30", "2 other sizes"]
    assert table["images"].sum() == len(store)


def test_the_facts_name_the_raw_files_and_the_fingerprint(demo_store):
    store = open_store(demo_store)
    values = tables.facts(store).set_index("")["store"]
    assert values["raw files"] == json.loads(store.source)["root"]
    assert values["fingerprint"] == store.fingerprint


def test_label_balance_is_that_of_the_underlying_masks(demo_store):
    store = open_store(demo_store)
    present = tables.mask_areas(store, tables.count_pixels(store, "lesion")).set_index("mask")["present"]
    yes = tables.label_balance(store).set_index("label")["yes"]
    assert (present[list(ATTRIBUTES)] <= yes[list(ATTRIBUTES)]).all()  # a mask may vanish when it is made small


@pytest.mark.skipif(not REAL.is_dir(), reason="the real data lies beside the project only where it was put")
def test_misplaced_masks_are_those_listed_for_the_real_data(tmp_path):
    listed = pd.read_csv(REAL / "attribute_outside_lesion.csv").iloc[::4]
    folders = {"lesion": ("ISIC2018_Task1_Training_GroundTruth", "segmentation")}
    folders |= {name: ("ISIC2018_Task2_Training_GroundTruth_v3", f"attribute_{name}") for name in ATTRIBUTES}
    (tmp_path / "images").mkdir()
    for name in listed["image_id"].unique():
        (tmp_path / "images" / f"{name}.jpg").symlink_to(REAL / f"ISIC2018_Task1-2_Training_Input/{name}.jpg")
        for folder, ending in folders.values():
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / f"{name}_{ending}.png").symlink_to(REAL / folder / f"{name}_{ending}.png")
    masks = {name: f"{folder}/{{id}}_{ending}.png" for name, (folder, ending) in folders.items()}
    source = FolderSource(tmp_path, images="images/{id}.jpg", masks=masks)
    store = open_store(prepare(source, tmp_path / "a.h5", (256, 256), workers=1, progress=False))
    worst = tables.worst_outside(store, tables.count_pixels(store, "lesion")).set_index(["image", "mask"])
    for row in listed.itertuples():
        inside = 1 - worst.loc[(row.image_id, row.attribute), "outside %"] / 100
        assert inside == pytest.approx(row.fraction_inside_lesion, abs=0.0006)
