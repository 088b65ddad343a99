"""Sums of losses on the command line: loss=bce+0.1*dice."""

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
def test_a_sum_becomes_loss_text_and_other_arguments_are_unchanged(argument, spelled):
    assert spell_out(["-m", argument, "seed=0,1"], FILES) == ["-m", *spelled, "seed=0,1"]


def test_a_mix_of_sums_and_files_is_refused():
    with pytest.raises(ValueError, match=r"loss=bce,labels .*\(labels\)"):
        spell_out(["loss=bce,labels"], FILES)


@pytest.mark.parametrize("option", [("--config-dir={}",), ("--config-dir", "{}"), ("-cd", "{}")])
def test_a_file_in_config_dir_is_no_sum(tmp_path, option):
    (tmp_path / "loss").mkdir()
    (tmp_path / "loss" / "mine.yaml").touch()
    option = [part.format(tmp_path) for part in option]
    assert spell_out([*option, "loss=mine"], FILES) == [*option, "loss=mine"]
    assert spell_out([*option, "loss=bce"], FILES) == [*option, "loss=sum", "loss.text='bce'"]
    assert spell_out(["loss=mine"], FILES) == ["loss=sum", "loss.text='mine'"]


def test_lr_is_short_for_that_of_the_optimizer():
    assert spell_out(["lr=auto", "-m"], set()) == ["optimizer.lr=auto", "-m"]
