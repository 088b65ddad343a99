"""The demo data with `masks_help`: the masks tell the diagnosis, the photograph does not."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.stats import chi2_contingency

from dermoscopy.data.demo.dataset import IMAGES, REGIONS, make_demo
from dermoscopy.data.demo.extents import NARROW, WIDE, WIDE_IN, draw_extents, hidden_diagnosis
from dermoscopy.data.demo.lesions import ATTRIBUTES, DIAGNOSES, draw_case


@pytest.mark.parametrize("dx", DIAGNOSES)
@pytest.mark.parametrize("size", [(192, 256), (64, 48), (32, 32)])
def test_the_widest_mask_is_that_of_the_diagnosis_and_none_is_empty(dx: str, size: tuple[int, int]) -> None:
    for index in range(20):
        areas = {name: mask.sum() / min(size) ** 2 for name, mask in draw_extents(1, index, dx, size).items()}
        assert tuple(areas) == ATTRIBUTES
        wide = areas.pop(WIDE_IN[dx])
        assert np.pi * WIDE[0] ** 2 * 0.9 < wide < np.pi * WIDE[1] ** 2 * 1.1
        pixel = 1 / min(size) ** 2
        for narrow in areas.values():
            assert pixel <= narrow < np.pi * NARROW[1] ** 2 + 8 * pixel
            assert wide > 3 * narrow


def test_every_disc_lies_inside_the_image_and_has_the_area_of_its_circle() -> None:
    for index in range(20):
        for mask in draw_extents(0, index, "nv", (192, 256)).values():
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            height, width = len(rows), len(columns)
            assert abs(height - width) <= 1  # not cut off by a border
            assert mask.sum() == pytest.approx(np.pi * height * width / 4, rel=0.05)


def test_the_diagnoses_are_equally_likely_and_independent_of_those_that_photographs_show() -> None:
    lesions = range(1500)
    table = pd.crosstab([draw_case(0, k).dx for k in lesions], [hidden_diagnosis(0, k) for k in lesions])
    assert table.sum().between(430, 570).all()  # 500 each, sd 18
    assert chi2_contingency(table).pvalue > 0.01


def test_photographs_are_those_of_the_plain_demo_and_labels_and_masks_are_not(tmp_path: Path) -> None:
    plain = make_demo(tmp_path / "plain", 12, (48, 64), workers=1)
    helped = make_demo(tmp_path / "helped", 12, (48, 64), masks_help=True, workers=1)
    labels = pd.read_csv(helped / "labels.csv")
    before = pd.read_csv(plain / "labels.csv")
    changed = ["dx", "malignant", *ATTRIBUTES]
    pd.testing.assert_frame_equal(labels.drop(columns=changed), before.drop(columns=changed))
    assert (labels[list(ATTRIBUTES)] == 1).all(axis=None)
    assert ((labels.dx == "mel") == (labels.malignant == 1)).all()
    assert (labels.dx != before.dx).any()
    for row in labels.itertuples():
        photograph = f"{IMAGES}/{row.image_id}.jpg"
        assert (helped / photograph).read_bytes() == (plain / photograph).read_bytes()
        files = {name: helped / REGIONS / f"{row.image_id}_attribute_{name}.png" for name in ATTRIBUTES}
        areas = {name: np.asarray(Image.open(file)).sum() for name, file in files.items()}
        assert max(areas, key=lambda name: areas[name]) == WIDE_IN[row.dx]


def test_a_folder_of_the_plain_demo_is_remade_with_the_other_labels_and_back(tmp_path: Path) -> None:
    tables = []
    for masks_help in (False, True, False):
        root = make_demo(tmp_path / "set", 6, (32, 40), masks_help=masks_help, workers=1)
        tables.append((root / "labels.csv").read_text())
    assert tables[0] == tables[2] != tables[1]
