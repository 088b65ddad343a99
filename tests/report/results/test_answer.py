"""The answer of a sweep: right in direction, sure only where the tests are, and short for any number of arms."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dermoscopy.metrics.repeats import FIXED_SPLIT, FOLDS, OWN_SPLITS, Design, one_family
from dermoscopy.report.results.answer import Answer, Standing, answer, metric_phrase
from dermoscopy.report.results.comparisons import Basis, compare
from dermoscopy.report.results.findings import Findings

OWN = Design(OWN_SPLITS, 0.2)
NOISE = np.array([0.0, 0.001, -0.001, 0.002, -0.002])
SPREAD = 20 * NOISE
NAN = float("nan")


def table(**arms: Any) -> pd.DataFrame:
    """Return scores of arms x seeds."""
    rows = pd.DataFrame.from_dict(arms, orient="index")
    return rows.set_axis([f"arm={name}" for name in arms]).set_axis([f"seed {k}" for k in rows.columns], axis=1)


def found(scores: pd.DataFrame, trivial: float | None = None, **changes: Any) -> Findings:
    """Return findings on scores, as `find` does from files; the first arm is the reference."""
    options = {"metric": "test/none/average_precision", "design": OWN, "repeats": "seeds", "folds": 1} | changes
    basis = Basis(options["design"], options["repeats"], options["folds"], options.get("meaningful", 0.02))
    reference, score = str(scores.index[0]), options["metric"].split("/")[2]
    compared = compare(scores.drop(index=reference) - scores.loc[reference], basis.design, {})
    against = compare(scores - trivial if trivial is not None else scores.iloc[:0], basis.design, {})
    first, second = one_family([compared, against])
    predictors = None if trivial is None else pd.DataFrame({score: [trivial]}, index=["shuffled scores"])
    segmented = options.get("segmented", False)
    return Findings(
        options["metric"], True, segmented, reference, scores, basis, first, predictors, "", second, None, []
    )


def said(findings: Findings | None, done: int = 9, planned: int = 9) -> Answer:
    sweep: Any = SimpleNamespace(done=[None] * done, jobs=[None] * planned)
    spoken = answer(sweep, findings)
    assert 1 <= len(spoken.sentences) <= 2
    assert all(text.endswith(".") and "  " not in text and "nan" not in text for text in spoken.sentences)
    return spoken


def test_a_better_arm_is_named_with_effect_interval_repeats_and_design() -> None:
    spoken = said(found(table(plain=0.4 + 0 * NOISE, masks=0.5 + NOISE)))
    low, high = 0.1 - 0.0029, 0.1 + 0.0029  # t(4, .975) = 2.776, sd 0.00158, sqrt(1/5 + 0.2) = 0.632
    assert spoken.sentences == (
        f"In average precision without masks, masks is better than plain (difference +0.100, 95 % interval "
        f"{low - 0.0001:.3f} to {high:.3f}, 5 seeds with own splits).",
    )
    assert (spoken.best, spoken.standings) == (
        "arm=masks",
        {"arm=plain": Standing.REFERENCE, "arm=masks": Standing.BETTER},
    )


def test_where_lower_is_better_the_lower_arm_is() -> None:
    scores = table(plain=0.4 + 0 * NOISE, low=0.3 + NOISE, high=0.5 + NOISE)
    spoken = said(found(scores, metric="test/none/brier"))
    assert "(lower is better), low is better than plain (difference -0.100" in spoken.sentences[0]
    assert "; high is worse than it (difference +0.100" in spoken.sentences[0]
    assert spoken.best == "arm=low"
    assert [*spoken.standings.values()] == [Standing.REFERENCE, Standing.BETTER, Standing.WORSE]


@pytest.mark.parametrize("metric", ["test/none/brier/streaks", "test/none/hd95/lesion", "test/none/failure_rate"])
def test_the_direction_of_a_metric_of_one_label_is_that_of_the_metric(metric: str) -> None:
    assert found(table(a=NOISE, b=NOISE), metric=metric).lower_is_better
    assert not found(table(a=NOISE, b=NOISE), metric="test/none/dice/lesion").lower_is_better


def test_without_an_established_difference_the_answer_says_what_would_have_been_seen_and_what_would_show_more() -> None:
    spoken = said(found(table(plain=0.4 + 0 * NOISE, masks=0.41 + 12 * NOISE)))
    assert "masks is not shown to differ from plain (difference +0.010, 95 % interval -0.023 to 0.043" in spoken.text
    assert spoken.sentences[1].startswith(
        "In four of five sweeps like this, 5 seeds with own splits would show a difference of about 0.0"
    )
    assert "no number of seeds would show one of 0.02" in spoken.sentences[1]
    easier = said(found(table(plain=0.4 + 0 * NOISE, masks=0.41 + 8 * NOISE), design=Design(OWN_SPLITS, 0.05)))
    assert "; about 2 more seeds would show one of 0.02." in easier.sentences[1]
    assert spoken.best == "arm=masks"
    assert "one of" not in said(found(table(a=0 * NOISE, b=SPREAD), meaningful=None)).text


def test_the_reference_itself_may_be_the_best() -> None:
    spoken = said(found(table(plain=0.4 + 0 * NOISE, a=0.39 + SPREAD, b=0.38 + SPREAD)))
    assert "none of 2 other arms is shown to differ from plain, which has the best mean; the largest" in spoken.text
    assert "is that of b (difference -0.020" in spoken.text
    assert spoken.best == "arm=plain"
    rows = found(table(plain=0.4 + 0 * NOISE, a=0.39 + SPREAD, b=0.38 + SPREAD)).compared
    assert f"; each interval excludes a gain of more than {rows['high'].max():.3f}." in spoken.sentences[0]
    below = said(found(table(plain=0.4 + 0 * NOISE, a=0.2 + SPREAD, b=0.1 + 9 * NOISE), meaningful=None))
    assert "excludes a gain" not in below.text  # of differences that are established


def test_an_arm_that_is_best_only_before_the_correction_says_so() -> None:
    scores = {f"a{k}": 0.4 + 0.0001 * k + SPREAD for k in range(8)}
    spoken = said(found(table(plain=0.4 + 0 * NOISE, best=0.42 + 4 * NOISE[::-1], **scores)))
    row = found(table(plain=0.4 + 0 * NOISE, best=0.42 + 4 * NOISE[::-1], **scores)).compared.loc["arm=best"]
    assert row["p"] < 0.05 < row["p_holm"]
    assert "the best mean is that of best (" in spoken.text
    assert "not established after Holm's correction for 9 comparisons" in spoken.text


def test_arms_of_all_standings_are_counted_or_named_and_forty_do_not_fill_the_page() -> None:
    few = said(found(table(r=0.4 + 0 * NOISE, a=0.5 + NOISE, b=0.3 + NOISE, c=0.4 + NOISE, d=0.4 + SPREAD)))
    assert "a is better than r (" in few.text and "; b is worse than it (" in few.text
    assert "; c is equivalent to it within 0.02 (" in few.text
    assert "; for d no difference from it is established." in few.text
    many = {f"arm_{k}": 0.4 + (k % 4 - 1) / 20 + 0.0001 * k + NOISE + (k % 4 == 1) * SPREAD for k in range(40)}
    spoken = said(found(table(r=0.4 + 0 * NOISE, **many)))
    assert "20 of 40 other arms are better than r, most of all arm_39 (" in spoken.text
    assert "10 of 40 other arms are worse than it, most of all arm_0 (" in spoken.text
    assert "for 10 of 40 other arms no difference from it is established" in spoken.text
    assert len(spoken.text) < 800
    assert [*spoken.standings.values()].count(Standing.WORSE) == 10


def test_a_difference_that_is_sure_but_too_small_to_matter_says_so() -> None:
    spoken = said(found(table(plain=0.4 + 0 * NOISE, masks=0.41 + NOISE)))
    assert "masks is better than plain, though by less than 0.02 (" in spoken.text


def test_equal_arms_are_no_finding_about_the_arms() -> None:
    spoken = said(found(table(a=0.4 + NOISE, b=0.4 + NOISE, c=0.4 + NOISE)))
    assert spoken.text.startswith("All 3 arms have equal scores in all 5 seeds with own splits: ")
    assert set(spoken.standings.values()) == {Standing.REFERENCE, Standing.UNKNOWN}


def test_one_seed_establishes_nothing() -> None:
    spoken = said(found(table(plain=[0.4], a=[0.5], b=[0.3])))
    assert spoken.text.startswith("One seed establishes nothing: in average precision without masks, a has the best ")
    assert "of 3 arms, 0.500 (difference from plain +0.100)" in spoken.text
    assert (spoken.best, spoken.standings["arm=a"]) == ("arm=a", Standing.UNKNOWN)
    alone = said(found(table(plain=[0.4])))
    assert alone.sentences == (
        "Average precision without masks is 0.400.",
        "One seed establishes nothing: an interval needs at least two.",
    )


def test_a_single_arm_is_compared_with_the_best_trivial_predictor() -> None:
    spoken = said(found(table(a=0.4 + NOISE), trivial=0.3, design=Design(FOLDS, 0.25), repeats="folds", folds=5))
    assert spoken.sentences[0].startswith("Average precision without masks is 0.400 (95 % interval 0.39")
    assert spoken.sentences[0].endswith(", 5 folds).")
    assert spoken.sentences[1].startswith(
        "It is better than the best trivial predictor, shuffled scores (0.300; difference +0.100"
    )
    unsure = said(found(table(a=0.31 + SPREAD), trivial=0.3))
    assert "It is not shown to be better than the best trivial predictor" in unsure.sentences[1]
    assert "; in four of five sweeps like this, 5 seeds" in unsure.sentences[1]


def test_the_best_of_several_arms_that_does_not_beat_a_trivial_predictor_is_no_success() -> None:
    spoken = said(found(table(plain=0.2 + NOISE, a=0.3 + NOISE), trivial=0.5))
    assert "The best arm, a, is worse than the best trivial predictor, shuffled scores (0.500;" in spoken.text
    assert "trivial" not in said(found(table(plain=0.2 + NOISE, a=0.3 + NOISE), trivial=0.1)).text


def test_unfinished_sweeps_say_how_many_jobs_are_done() -> None:
    scores = table(plain=[0.4, 0.41, NAN], a=[0.5, NAN, 0.51], b=[NAN, NAN, NAN])
    spoken = said(found(scores), 4, 9)
    assert spoken.text.startswith("With 4 of 9 jobs done: One seed establishes nothing")
    assert said(None, 0, 9).text == "There is no test score yet: 0 of 9 jobs are done."
    apart = said(found(table(plain=[0.4, NAN], a=[NAN, 0.5])), 2, 4)
    assert apart.text == (
        "With 2 of 4 jobs done: Nothing can be compared yet: no seed of plain and of another arm is done."
    )
    later = said(found(table(plain=0.4 + 0 * NOISE, a=0.5 + NOISE, b=[0.5, *[NAN] * 4], c=[NAN] * 5)), 11, 20)
    assert "a is better than plain (" in later.text
    assert "; for b and c no difference from it is established." in later.text


def test_a_metric_that_is_undefined_everywhere_has_no_best_arm() -> None:
    spoken = said(found(table(plain=[NAN, NAN], a=[NAN, NAN])))
    assert "is undefined in every job that is done" in spoken.text
    assert spoken.best is None


def test_on_a_fixed_split_without_scores_of_single_images_nothing_is_established() -> None:
    spoken = said(found(table(plain=0.4 + 0 * NOISE, a=0.5 + NOISE), design=Design(FIXED_SPLIT)))
    assert "a is not shown to differ from plain (" in spoken.text
    assert "5 seeds on one fixed split" in spoken.text and "only with the scores of single images" in spoken.text


@pytest.mark.parametrize(
    ("metric", "segmented", "phrase"),
    [
        ("test/none/auroc", False, "AUROC without masks"),
        ("test/given/auroc", False, "AUROC with ground-truth masks"),
        ("test/revealed_30/auroc", False, "AUROC with 30 % of the ground-truth masks"),
        ("test/mine/auroc", False, "AUROC (mine)"),
        ("test/none/dice", True, "Dice"),
        ("test/flips_original/dice", True, "Dice with flips at test time at the original size"),
        ("test/none/hd95", True, "HD95 (lower is better)"),
    ],
)
def test_metrics_are_said_in_words(metric: str, segmented: bool, phrase: str) -> None:
    assert metric_phrase(found(table(a=NOISE, b=NOISE), metric=metric, segmented=segmented)) == phrase


def test_folds_of_several_seeds_are_counted_as_such() -> None:
    assert Basis(Design(FOLDS, 0.2), "repeats", 5, None).words(10) == "10 folds of 2 seeds"
    assert Basis(Design(FOLDS, 0.2), "folds", 5, None).words(5) == "5 folds"
    assert Basis(OWN, "seeds", 1, None).words(1) == "1 seed with own splits"


def test_names_of_any_characters_are_plain_text() -> None:
    spoken = said(found(table(**{"<b>|&": 0.4 + 0 * NOISE, 'é"\n*x*': 0.5 + NOISE})))
    assert 'é"\n*x* is better than <b>|& (' in spoken.text


def test_arms_without_a_common_repeat_or_a_score_are_said_not_to_be_compared() -> None:
    apart = said(found(table(plain=[NAN, 0.4, 0.41], best=[0.9, NAN, NAN], other=[NAN, 0.42, 0.42])))
    assert "is shown to differ from plain; the largest difference is that of other (" in apart.text
    assert "he best mean is that of best, which shares no seed with the reference" in apart.text
    lacking = said(found(table(plain=[NAN, NAN], a=[0.5, 0.6])))
    assert lacking.text.startswith(
        "Nothing can be compared: plain has no average precision without masks; reference=ARM"
    )
