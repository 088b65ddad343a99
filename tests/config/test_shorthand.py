"""A sum of losses is written on the command line as it is read: loss=bce+0.1*dice."""

import pytest

from dermoscopy.config.shorthand import spell_out

FILES = {"sum", "labels"}


@pytest.mark.parametrize(
    ("argument", "spelled"),
    [
        ("loss=bce", ["loss=sum", "loss.text='bce'"]),
        ("loss=bce+0.1*dice", ["loss=sum", "loss.text='bce+0.1*dice'"]),
        ("loss=bce - 0.1 * lovasz", ["loss=sum", "loss.text='bce-0.1*lovasz'"]),
        ("loss='bce+dice'", ["loss=sum", "loss.text='bce+dice'"]),
        ("loss=bce, bce+dice", ["loss=sum", "loss.text='bce','bce+dice'"]),
        ("loss=sum", ["loss=sum"]),
        ("loss=labels,sum", ["loss=labels,sum"]),
        ("loss.text=bce", ["loss.text=bce"]),
        ("loss.pos_weight=auto", ["loss.pos_weight=auto"]),
        ("+loss=bce", ["+loss=bce"]),
        ("loss=", ["loss="]),
        ("loss", ["loss"]),
    ],
)
def test_a_sum_becomes_the_text_of_one_and_all_else_stays(argument, spelled):
    assert spell_out(["-m", argument, "seed=0,1"], FILES) == ["-m", *spelled, "seed=0,1"]


def test_sums_and_files_do_not_mix():
    with pytest.raises(ValueError, match=r"loss=bce,labels mixes sums of terms with files of losses \(labels\)"):
        spell_out(["loss=bce,labels"], FILES)


@pytest.mark.parametrize("option", [("--config-dir={}",), ("--config-dir", "{}"), ("-cd", "{}")])
def test_a_file_of_the_users_own_is_no_sum(tmp_path, option):
    (tmp_path / "loss").mkdir()
    (tmp_path / "loss" / "mine.yaml").touch()
    given = [part.format(tmp_path) for part in option]
    assert spell_out([*given, "loss=mine"], FILES) == [*given, "loss=mine"]
    assert spell_out([*given, "loss=bce"], FILES) == [*given, "loss=sum", "loss.text='bce'"]
    assert spell_out(["loss=mine"], FILES) == ["loss=sum", "loss.text='mine'"]


def test_lr_is_short_for_the_optimizers():
    assert spell_out(["lr=auto", "-m"], set()) == ["optimizer.lr=auto", "-m"]
