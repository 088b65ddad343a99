"""Keys that nothing reads are refused with the nearest names."""

import pytest
from builders import CONF, composed
from hydra.errors import ConfigCompositionException
from omegaconf import OmegaConf, open_dict

from dermoscopy.config.unknown import check_known, dotted, is_read, nearest_keys, references, unknown_key


def added(program, *overrides):
    return composed(program, *overrides, with_hydra=True)


@pytest.mark.parametrize("program", ["train", "prepare", "reproduce", "report"])
def test_every_key_of_a_program_is_known(program):
    check_known(added(program), CONF, program)


@pytest.mark.parametrize(
    ("program", "override", "near"),
    [
        ("prepare", "+on_error=skip", "data.on_error"),
        ("prepare", "+data.sizes=[1,1]", "data.size"),
        ("prepare", "+inspection.lesions=x", "inspection.lesion"),
        ("predict", "+treshold=1", "threshold"),
        ("reproduce", "+tracking.url=x", "tracking.uri"),
        ("train", "+on_error=skip", "data.on_error"),
        ("train", "+lr=1", "optimizer.lr"),
        ("train", "+protocol.batchsize=1", "protocol.batch_size"),
        ("train", "+sweep.failfast=true", "sweep.fail_fast"),
        ("train", "+tracking.artefacts=x", "tracking.artifacts"),
        ("train", "+monitor.metrc=x", "monitor.metric"),
        ("train", "+mask_views=pair", "model=consistency"),
        ("train", "+callbacks.mine={a: 1}", "_target_"),
    ],
)
def test_an_added_key_that_nothing_reads_is_refused_with_the_nearest(program, override, near):
    with pytest.raises(ValueError, match=override.partition("=")[0].strip("+")) as error:
        check_known(added(program, override), CONF, program)
    assert near in str(error.value)


@pytest.mark.parametrize(
    "override",
    [
        "+trainer.max_steps=5",
        "+data.source.masks.other=o/{id}.png",
        "+model.metrics.mine={_target_: x}",
        "+callbacks.mine={_target_: x}",
        "+network.anything=1",
        "+protocol.width=3",
        "+width=3",
    ],
)
def test_keys_below_a_class_and_keys_that_another_key_reads_may_be_added(override):
    quoted = override.replace("o/{id}.png", "'o/{id}.png'")
    cfg = added("train", quoted)
    with open_dict(cfg):
        cfg.network.dropout = "${width}" if override == "+width=3" else "${protocol.width}"
    check_known(cfg, CONF, "train")


def test_axes_of_a_sweep_are_checked_before_its_jobs():
    cfg = added("train")
    check_known(
        cfg, CONF, "train", ["seed", "arm/ynet", "zeroing", "+trainer.max_steps", "network.dropout", "split.val"]
    )
    for axis, near in (("network.dropuot", "network.dropout"), ("+on_error", "data.on_error"), ("sead", "seed")):
        with pytest.raises(ValueError, match=near):
            check_known(cfg, CONF, "train", [axis])


@pytest.mark.parametrize(
    ("override", "names"),
    [
        ("on_error=skip", ("data.on_error",)),
        ("optimizer.lrr=1", ("optimizer.lr", "AdamW", "+optimizer.lrr=1")),
        ("trainer.max_steps=1", ("+trainer.max_steps=1",)),
        ("mask_views=pair", ("mask_views", "model=consistency")),
        ("data.raw=${x", ("data.raw=${x",)),
    ],
)
def test_what_hydra_does_not_know_is_answered_with_what_to_type(override, names):
    with pytest.raises(ConfigCompositionException) as error:
        composed("train", override.replace("${x", "'${x'"))
    answer = unknown_key(error.value, CONF, "train", [override]) or ""
    assert [name for name in names if name not in answer.replace("'", "")] == [], answer


def test_a_key_of_a_group_that_is_not_chosen_names_the_group():
    with pytest.raises(ConfigCompositionException) as error:
        composed("predict", "data.raw=x")
    assert "data=NAME" in str(unknown_key(error.value, CONF, "predict", ["data.raw=x"]))


def test_the_nearest_keys_end_alike():
    known = ("data.on_error", "seed", "data.seed", "network.dropout")
    assert nearest_keys("on_error", known) == "; did you mean data.on_error?"
    assert nearest_keys("x.seed", known) == "; did you mean seed or data.seed?"
    assert nearest_keys("network.dropuot", known) == "; did you mean network.dropout?"


def test_references_are_followed_from_where_they_stand():
    cfg = OmegaConf.create(
        {"a": {"b": "${.c}/${x.y}", "c": "${..d}"}, "l": ["${oc.select:e}", "${len:${f}}", "${g.${h}.0}"]}
    )
    assert set(references(cfg)) >= {"a.c", "x.y", "d", "e", "f", "g", "h"}
    assert is_read("x", {"x.y"}) and is_read("x.y.z", {"x.y"}) and not is_read("x.yy", {"x.y"})


def test_keys_of_stages_are_keys_of_the_run():
    names = dotted(
        OmegaConf.create({"model": {"a": 1}, "stages": [{"stage": "s", "model": {"b": 2}}], "hydra": {"c": 1}})
    )
    assert names == ["model", "model.a", "stages", "stage", "model.b"]


def test_a_plus_before_a_key_that_is_there_is_answered_with_the_key():
    with pytest.raises(ConfigCompositionException) as error:
        composed("prepare", "+data.source.grey_masks=allow")
    answer = unknown_key(error.value, CONF, "prepare", ["+data.source.grey_masks=allow"])
    assert answer == "data.source.grey_masks is in this configuration already: leave out the + before it"
