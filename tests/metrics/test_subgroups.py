"""Scores of subgroups are those of their images alone, and intervals tell real differences from chance."""

import numpy as np
import pytest

from dermoscopy.metrics.subgroups import bands, subgroup_scores


class Given:
    """A predictor with a known value per image, whose score is the weighted mean."""

    def __init__(self, values, ids=None):
        self.values = np.asarray(values, float)
        self.id = np.array(ids or [f"i{k}" for k in range(len(self.values))], dtype=object)
        self.group = self.id

    def score(self, name, weight):
        with np.errstate(invalid="ignore"):
            return weight @ self.values / weight.sum(axis=1)


def test_ages_are_in_bands_few_numbers_are_themselves_and_others_in_quarters():
    ages = np.array([10, 29.9, 30, 44, 60, 80, np.nan], np.float32)
    assert bands("age_approx", ages).tolist() == [
        *["under 30"] * 2, *["30 to 44"] * 2, "60 to 74", "75 and over", ""
    ]  # fmt: skip
    assert bands("score", np.array([0, 2, np.nan], np.float32)).tolist() == ["0", "2", ""]
    quarters = bands("diameter", np.arange(8, dtype=np.float32))
    assert len(set(quarters)) == 4 and quarters[0].startswith("under ") and quarters[-1].endswith(" and over")


def test_rare_texts_are_one_subgroup():
    sites = np.array([f"s{k}" for k in range(15) for _ in range(15 - k)] + [""])
    names = bands("site", sites)
    assert len(set(names)) == 13 and names[-1] == ""  # eleven, the others, and unknown
    assert names[0] == "s0" and names[-2] == "others"


def test_a_subgroup_has_the_score_of_its_images_and_differs_from_the_other_known_ones():
    rng = np.random.default_rng(0)
    value = rng.normal(0.5, 0.1, 300)
    sex = {f"i{k}": ("male", "female", "")[k % 3] for k in range(300)}
    value[0::3] += 0.2
    table = subgroup_scores([Given(value)], {"sex": sex}, "dice")
    assert table["subgroup"].tolist() == ["male", "female"] and table["images"].tolist() == [100, 100]
    male = table.iloc[0]
    assert male["value"] == pytest.approx(value[0::3].mean())
    assert male["difference"] == pytest.approx(value[0::3].mean() - value[1::3].mean())
    assert male["low"] < male["value"] < male["high"]
    assert male["difference_low"] > 0.1 and table.iloc[1]["difference_high"] < -0.1


def test_intervals_of_differences_cover_none_where_there_is_none():
    missed = 0
    for seed in range(200):
        value = np.random.default_rng(seed).normal(0.5, 0.1, 120)
        of_image = {f"i{k}": "ab"[k % 2] for k in range(120)}
        row = subgroup_scores([Given(value)], {"c": of_image}, "dice").iloc[0]
        missed += not row["difference_low"] <= 0 <= row["difference_high"]
    assert missed <= 20  # 10 are expected


def test_small_subgroups_have_a_value_but_no_interval_and_repeats_are_averaged():
    ids = [f"i{k}" for k in range(40)]
    of_image = {id: "rare" if k < 5 else "common" for k, id in enumerate(ids)}
    one, two = Given(np.full(40, 0.2), ids), Given(np.full(40, 0.4), ids)
    table = subgroup_scores([one, two], {"skin": of_image}, "dice").set_index("subgroup")
    assert table.loc["rare", "value"] == pytest.approx(0.3) and table.loc["rare", "images"] == 5
    assert table.loc["rare", ["low", "difference", "difference_high"]].isna().all()


def test_bands_stand_in_the_order_of_their_numbers():
    ages = np.random.default_rng(1).uniform(5, 90, 400).astype(np.float32)
    names = dict(zip((f"i{k}" for k in range(400)), bands("age", ages), strict=True))
    table = subgroup_scores([Given(ages / 100)], {"age": names}, "dice")
    assert table["subgroup"].tolist() == ["under 30", "30 to 44", "45 to 59", "60 to 74", "75 and over"]
    assert table["value"].is_monotonic_increasing
