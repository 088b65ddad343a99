"""Sums of terms: parsing of the text, the terms that are built, and the configuration loss=sum."""

from functools import partial

import pytest
import torch
from builders import composed
from hydra.utils import instantiate
from torch import nn

from dermoscopy.losses.segmentation import BinaryCrossEntropy, Dice
from dermoscopy.losses.weighted_sum import LossSum, parse

TERMS = ("bce", "ce", "focal", "dice", "jaccard", "tversky", "lovasz")
LOGITS = torch.linspace(-2, 2, 36).reshape(1, 1, 6, 6)
TARGET = torch.ones(1, 1, 6, 6).tril() * 2 - 1


def chosen(*overrides: str, exclusive: bool = False) -> LossSum:
    """Return the loss of a command line."""
    return instantiate(composed("loss/sum", f"+exclusive={exclusive}", "+data.masks=[lesion]", *overrides).loss)


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("bce", {"bce": 1}),
        ("bce+0.1*dice", {"bce": 1, "dice": 0.1}),
        ("bce + 0.1 * dice", {"bce": 1, "dice": 0.1}),
        ("\tbce\n+\n0.1\t*dice ", {"bce": 1, "dice": 0.1}),
        (".5*bce-0.1*lovasz", {"bce": 0.5, "lovasz": -0.1}),
        ("- bce + dice", {"bce": -1, "dice": 1}),
        ("+bce", {"bce": 1}),
        ("2*bce*3 - dice*1.", {"bce": 6, "dice": -1}),
        ("1e-3*bce+1E+2*dice-2.5e1*focal", {"bce": 1e-3, "dice": 100, "focal": -25}),
        ("1_000*bce + 1_0.2_5e-0_1*dice", {"bce": 1000, "dice": 1.025}),
        ("0*bce+my_term2", {"bce": 0, "my_term2": 1}),
        ("e1*e", None),
        ("e1*1e1", {"e1": 10}),
    ],
)
def test_a_sum_is_parsed(text, weights):
    if weights is None:
        with pytest.raises(ValueError, match="exactly one name"):
            parse(text)
    else:
        assert parse(text) == pytest.approx(weights)
        assert list(parse(text)) == list(weights)


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        ("", ""),
        ("  ", "  "),
        ("+", "+"),
        ("5", "5"),
        ("bce+", "+"),
        ("bce+-dice", "+-dice"),
        ("bce dice", "dice"),
        ("2bce", "bce"),
        ("bce + 2 dice", "dice"),
        ("bce*dice", "bce*dice"),
        ("bce*", "*"),
        ("*bce", "*bce"),
        ("0.5*0.2 + bce", "0.5*0.2"),
        ("bce+bce", "bce"),
        ("bce + 0.1*dice - 2*bce", "bce"),
        ("2*(bce+dice)", "*(bce+dice)"),
        ("bce/2", "/2"),
        ("bce**2", "**2"),
        ("bce + dice*", "*"),
        ("0.1.2*bce", "0.1.2*bce"),
        (".*bce", ".*bce"),
        ("1__0*bce", "1__0*bce"),
        ("1e999*bce", "1e999*bce"),
        ("0,1*bce", ",1*bce"),
        ("bce+0.1*dice;", ";"),
        ("bce + __import__('os')", "('os')"),
    ],
)
def test_text_that_is_no_sum_is_refused_with_the_position_and_an_example(text, piece):
    with pytest.raises(ValueError) as refused:
        parse(text)
    message = str(refused.value)
    assert message.startswith(f"text {text!r} cannot be read at ")
    assert f" at {piece!r}: " in message
    assert message.endswith("write for example 'bce + 0.1*dice'")
    assert "\n" not in message


def test_terms_are_returned_weighted_by_name():
    terms = {
        "bce": BinaryCrossEntropy(exclusive=False, masks=(), pos_weight=None),
        "dice": Dice(exclusive=False, smooth=1.0),
    }
    costs = LossSum("dice - 0.5*bce", terms, (), None)(LOGITS, TARGET)
    assert list(costs) == ["dice", "bce"]
    assert costs["dice"] == terms["dice"](LOGITS, TARGET)
    assert costs["bce"] == -0.5 * terms["bce"](LOGITS, TARGET)


def test_only_the_named_terms_are_built():
    def refuse() -> nn.Module:
        raise AssertionError("built")

    loss = LossSum("mine", {"mine": nn.MSELoss, "other": refuse}, (), None)
    assert [type(part) for part in loss.terms.values()] == [nn.MSELoss]


def test_a_wrong_name_is_answered_with_all_names_and_the_nearest():
    with pytest.raises(ValueError, match=r"names 'lovaz', the terms are bce, dice, lovasz; did you mean lovasz\?"):
        LossSum("bce+lovaz", dict.fromkeys(("bce", "dice", "lovasz"), nn.MSELoss), (), None)


@pytest.mark.parametrize("exclusive", [False, True])
def test_every_configured_term_is_built_and_gives_a_number_in_fp32(exclusive):
    names = [name for name in TERMS if exclusive or name != "ce"]
    loss = chosen(f"loss.text={'+'.join(names)}", exclusive=exclusive)
    logits = torch.cat([-LOGITS, LOGITS], 1) if exclusive else LOGITS
    costs = loss(logits.bfloat16(), TARGET)
    assert list(costs) == names
    assert all(cost.shape == () and cost.dtype == torch.float32 and cost > 0 for cost in costs.values())


@pytest.mark.parametrize("text", ["bce+0.1*dice", "bce + 0.1 * dice", ".5*bce-1e-3*lovasz", "-0.1*dice+bce"])
def test_a_sum_on_the_command_line_needs_no_further_quotes(text):
    assert chosen(f"loss.text={text}").weights == parse(text)


def test_the_configured_default_is_cross_entropy_and_dice():
    assert chosen().weights == {"bce": 1, "dice": 1}


def test_an_argument_that_a_term_refuses_is_named_with_the_term():
    with pytest.raises(ValueError, match="terms.dice: smooth must be positive, got -1"):
        LossSum("bce+dice", {"bce": nn.MSELoss, "dice": partial(Dice, exclusive=False, smooth=-1)}, (), None)


def test_a_custom_term_is_one_more_entry():
    loss = chosen("loss.text=bce+2*mine", "+loss.terms.mine={_target_: torch.nn.MSELoss, _partial_: true}")
    assert loss(LOGITS, TARGET)["mine"].item() == pytest.approx(2 * (LOGITS - TARGET).square().mean().item())


def test_a_term_unsuitable_for_the_masks_fails_only_if_it_is_named():
    assert chosen("loss.text=bce")
    with pytest.raises(Exception, match="ce needs exclusive=true"):  # Hydra adds the key in the configuration
        chosen("loss.text=ce")


def test_weights_of_masks_reach_every_term_and_only_terms_that_know_them():
    bce = BinaryCrossEntropy(exclusive=False, masks=("a", "b"), pos_weight="auto")
    loss = LossSum("bce+dice", {"bce": bce, "dice": Dice(False, smooth=1.0)}, ("a", "b"), {"b": 2.0})
    assert [term.mask_weights.tolist() for term in loss.terms.values()] == [[1, 2], [1, 2]]
    lines = loss.fit_mask_weights(lambda: (torch.tensor([1, 2]), torch.tensor([4, 2])))
    assert lines == ["terms.bce.pos_weight=auto is a 4, b 1"]
    with pytest.raises(ValueError, match="mask_weights has no effect on the term mine, whose class MSELoss"):
        LossSum("mine", {"mine": nn.MSELoss}, ("a",), [2.0])
    with pytest.raises(ValueError, match=r"^mask_weights names \['c'\], but there are \['a'\]"):
        LossSum("dice", {"dice": Dice(False, smooth=1.0)}, ("a",), {"c": 2.0})
