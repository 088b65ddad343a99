"""Tests of the files of evaluated labels: counts equal scikit-learn's, earlier rows keep their digits, pictures."""

import pandas as pd
import pytest
import torch
from matplotlib.image import imread
from sklearn.metrics import confusion_matrix
from torch.nn.functional import one_hot

from dermoscopy.evaluation.classification import confusion_table, prediction_rows, with_earlier, write_label_files
from dermoscopy.evaluation.pictures.classification import draw_confusion, draw_reliability
from dermoscopy.machine.randomness import generator
from dermoscopy.metrics.classification import label_scores

NAMES = ("melanoma", "nevus", "vascular")
N = 60
THRESHOLDS = torch.tensor([-1.0, 0.1, 0.5])


@pytest.fixture
def tested():
    """Logits, labels that may occur together, and exclusive labels, (N, 3) each; some labels are unknown."""
    draw = generator("tested labels")
    logits = torch.randn((N, 3), generator=draw)
    several = (torch.rand((N, 3), generator=draw) < 0.4).float()
    several[torch.rand((N, 3), generator=draw) < 0.1] = torch.nan
    one = one_hot(torch.randint(0, 3, (N,), generator=draw), 3).float()
    one[::9], one[1::9, 2] = 0, torch.nan
    return logits, several, one


def rows_of(condition, logits, label, names=NAMES, exclusive=False, thresholds=THRESHOLDS):
    ids = [f"image{k:02}" for k in range(len(logits))]
    images = {"id": ids, "group": ["NA", *ids[1:]], "mask_condition": condition}
    return prediction_rows(images, names, label, logits, thresholds[: len(names)], exclusive)


def matrix_of(table, label):
    """Return the counts of one label in scikit-learn's form: rows are true, columns predicted."""
    rows = table[table["label"] == label]
    return rows.pivot_table(index="truth", columns="predicted", values="count").sort_index().sort_index(axis=1)


def test_counts_of_labels_agree_with_scikit_learn_at_their_thresholds(tested):
    logits, label, _ = tested
    table = confusion_table(rows_of("none", logits, label), NAMES, exclusive=False)
    for k, name in enumerate(NAMES):
        known = ~label[:, k].isnan()
        expected = confusion_matrix(label[known, k], logits[known, k] > THRESHOLDS[k])
        assert (matrix_of(table, name).to_numpy() == expected).all()
        assert table[table["label"] == name]["threshold"].tolist() == [THRESHOLDS[k]] * 4


def test_counts_of_exclusive_labels_agree_with_scikit_learn_and_with_the_accuracy(tested):
    logits, _, label = tested
    table = confusion_table(rows_of("none", logits, label, exclusive=True), NAMES, exclusive=True)
    known = (label == 1).any(1) & ~label.isnan().any(1)
    expected = confusion_matrix(label[known].argmax(1), logits[known].argmax(1))
    assert (matrix_of(table, "").to_numpy() == expected).all()
    assert table["threshold"].isna().all()  # the likeliest label needs none
    right = table[table["truth"] == table["predicted"]]["count"].sum() / table["count"].sum()
    assert right == pytest.approx(label_scores(logits, label, NAMES, True, None, "zero")["accuracy"])


def test_logits_of_exclusive_labels_match_the_softmax_and_unknown_rows_have_no_truth(tested):
    logits, _, label = tested
    rows = rows_of("none", logits, label, exclusive=True).pivot_table(index="id", columns="label", values="logit")
    assert torch.allclose(torch.tensor(rows.to_numpy()).sigmoid(), logits.softmax(1), atol=1e-6)
    table = rows_of("none", logits, label, exclusive=True)
    classes = table.groupby("id")["predicted_class"].agg(lambda names: "".join(set(names))).tolist()
    assert classes == [NAMES[k] for k in logits.argmax(1)]
    truth = table.groupby("id")["truth"].count()
    assert set(truth) == {0, 3}
    assert (truth == 0).sum() == len(label[::9]) + len(label[1::9])


@pytest.mark.parametrize("exclusive", [False, True])
def test_unknown_labels_are_not_counted(tested, tmp_path, exclusive):
    unknown = torch.full((N, 3), torch.nan)
    write_label_files(tmp_path, rows_of("none", tested[0], unknown, exclusive=exclusive), NAMES, exclusive, "none")
    counts = pd.read_csv(tmp_path / "confusion.csv")["count"]
    assert len(counts) == (9 if exclusive else 12) and not counts.any()


def test_rows_of_an_earlier_test_keep_their_digits_and_thresholds(tested, tmp_path):
    logits, label, _ = tested
    path = tmp_path / "predictions.csv"
    rows_of("given", logits, label).assign(threshold=0.0).to_csv(path, index=False)
    before = path.read_text().splitlines()[1:]
    for _ in range(2):  # a condition that is tested again replaces its rows
        table = with_earlier(path, rows_of("none", logits, label))
        write_label_files(tmp_path, table, NAMES, exclusive=False, condition="none")
    after = path.read_text().splitlines()
    assert after[0] == "id,group,mask_condition,label,truth,logit,threshold"
    assert [line for line in after if ",given," in line] == before
    assert len(after) == 1 + 2 * len(before)
    counts = pd.read_csv(tmp_path / "confusion.csv").set_index(["mask_condition", "label", "truth", "predicted"])[
        "count"
    ]
    hits = ((label == 1) & (logits > 0)).sum(0), ((label == 1) & (logits > THRESHOLDS)).sum(0)
    for condition, expected in zip(("given", "none"), hits, strict=True):
        assert [counts[condition, name, 1, 1] for name in NAMES] == expected.tolist()
    for name in ("confusion.png", "reliability.png"):
        assert imread(tmp_path / name).shape[1] > 300


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_pictures_contain_counts_shares_and_calibration(tested):
    logits, label, _ = tested
    rows = rows_of("none", logits[:, :1], label[:, :1], NAMES[:1])
    counts = confusion_table(rows, NAMES[:1], exclusive=False)
    words = texts(draw_confusion(counts, "a title"))
    assert {"a title", "melanoma", "predicted (logit > -1.00)", "true", "yes", "no"} <= set(words)
    for truth in (1, 0):
        of_truth = counts[counts["truth"] == truth]["count"]
        assert {f"{count}\n{count / of_truth.sum():.0%}" for count in of_truth} <= set(words)
    words = texts(draw_reliability(rows, NAMES[:1], "a title"))
    error = label_scores(logits[:, :1], label[:, :1], NAMES[:1], False, None, "zero")["ece"]
    assert f"melanoma, ECE {error:.3f}" in words
    numbers = [int(text) for text in words[2:] if text.isdecimal()][:-2]  # the last two are ticks, 0 and 1
    assert sum(numbers) >= (~label[:, 0].isnan()).sum()


def test_exclusive_labels_share_one_matrix_and_at_most_six_others_are_drawn(tested):
    logits, _, label = tested
    counts = confusion_table(rows_of("none", logits, label, exclusive=True), NAMES, exclusive=True)
    assert set(NAMES) <= set(texts(draw_confusion(counts, "")))
    many = [f"label{k}" for k in range(8)]
    rows = rows_of("none", logits.repeat(1, 3)[:, :8], label.repeat(1, 3)[:, :8], many, thresholds=torch.zeros(8))
    for figure in (draw_reliability(rows, many, "A"), draw_confusion(confusion_table(rows, many, False), "A")):
        assert texts(figure)[0] == "A, 6 of 8 labels"
        assert sum(text.startswith("label") for text in texts(figure)) == 6
