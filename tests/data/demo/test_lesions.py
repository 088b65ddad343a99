"""Lesions and patients of the demo follow the tables of their causal model."""

import numpy as np
import pandas as pd
import pytest

from dermoscopy.data.demo.lesions import (
    ATTRIBUTES,
    ATTRIBUTES_GIVEN_DIAGNOSIS,
    DIAGNOSES,
    MOST_PHOTOGRAPHS,
    REPEAT,
    Case,
    draw_case,
    lesion_of,
)


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return [draw_case(seed=0, lesion=lesion) for lesion in range(8000)]


def test_prevalences_follow_the_tables(cases: list[Case]) -> None:
    shares = {dx: np.mean([case.dx == dx for case in cases]) for dx in DIAGNOSES}
    assert shares == pytest.approx({"nv": 0.72, "mel": 0.20, "bkl": 0.08}, abs=0.02)
    marginal = [np.mean([name in case.attributes for case in cases]) for name in ATTRIBUTES]
    assert marginal == pytest.approx([0.23, 0.26, 0.12, 0.59, 0.10], abs=0.02)
    for dx in DIAGNOSES:
        ours = [case for case in cases if case.dx == dx]
        shares = [np.mean([name in case.attributes for case in ours]) for name in ATTRIBUTES]
        four_errors = 4 * np.sqrt(0.25 / len(ours))
        assert shares == pytest.approx(ATTRIBUTES_GIVEN_DIAGNOSIS[dx], abs=four_errors)


def test_melanoma_is_more_asymmetric_irregular_and_colourful_and_its_patients_are_older(cases: list[Case]) -> None:
    table = pd.DataFrame([vars(case) for case in cases])
    means = table.groupby("dx")[["asymmetry", "irregularity", "colours", "area", "age"]].mean()
    assert (means.loc["mel"] > means.loc["nv"]).all()


def test_about_one_photograph_in_twenty_repeats_a_lesion_and_none_has_too_many() -> None:
    lesions = [lesion_of(0, index) for index in range(6000)]
    photographs = np.bincount(lesions)
    assert np.mean([lesion != index for index, lesion in enumerate(lesions)]) == pytest.approx(REPEAT, abs=0.012)
    assert photographs.max() == MOST_PHOTOGRAPHS
