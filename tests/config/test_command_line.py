"""Arguments as typed become arguments of Hydra; what has no effect or cannot be read is refused in one line."""

import pytest
from omegaconf import OmegaConf

from dermoscopy.config.command_line import hydra_arguments, is_given, text_of


def test_options_are_read_wherever_they_stand():
    expected = ["--multirun", "seed=0,1", "zeroing=nothing"]
    for typed in (["-m", "seed=0,1", "zeroing=nothing"], ["seed=0,1", "--multirun", "zeroing=nothing"]):
        assert hydra_arguments("train.py", typed) == expected
    assert hydra_arguments("train.py", ["seed=0,1", "zeroing=nothing", "-m"]) == expected


def test_an_option_keeps_its_value_between_overrides(tmp_path):
    for option in ((f"--config-dir={tmp_path}",), ("-cd", str(tmp_path)), ("--config-dir", str(tmp_path))):
        typed = ["seed=1", *option, "data=demo"]
        assert hydra_arguments("prepare.py", typed) == [f"--config-dir={tmp_path}", "seed=1", "data=demo"]
    assert hydra_arguments("prepare.py", ["data=demo", "--cfg", "job"]) == ["--cfg=job", "data=demo"]


@pytest.mark.parametrize(
    ("script", "typed", "names"),
    [
        ("predict.py", "-m", ("-m", "train.py")),
        ("predict.py", "--multi", ("-m", "train.py")),
        ("predict.py", "hydra.mode=MULTIRUN", ("-m", "train.py")),
        ("predict.py", "views=flips", ("views is now tta",)),
        ("predict.py", "hydra.run.dir=x", ("hydra.run.dir=x", "relative paths")),
        ("predict.py", "hydra.verbose=true", ("hydra.verbose", "no effect")),
        ("predict.py", "hydra/launcher=joblib", ("hydra/launcher", "no effect")),
        ("train.py", "hydra/launcher=joblib", ("hydra/launcher", "-m")),
        ("train.py", "hydra.job.chdir=true", ("hydra.job.chdir=true", "relative paths")),
        ("train.py", "hydra.run.dir=/data", ("hydra.run.dir=/data", "runs=DIR")),
        ("train.py", "++hydra.sweep.subdir=x", ("hydra.sweep.subdir=x",)),
        ("train.py", "--config-name=other", ("--config-name", "--config-dir=DIR")),
        ("train.py", "--experimental-rerun=x", ("--experimental-rerun", "reproduce.py")),
        ("train.py", "--config-dir=nowhere", ("nowhere", "no folder")),
        ("train.py", "--resolve", ("--resolve", "--cfg job")),
        ("train.py", "--data=demo", ("data=demo",)),
        ("train.py", "--multirum", ("--multirum", "did you mean --multirun")),
        ("train.py", "data", ("data=VALUE",)),
        ("train.py", "=3", ("'=3'",)),
        ("train.py", "seed=0,1", ("seed=0,1", "add -m")),
        ("prepare.py", "workers=1,2", ("workers=1,2", "'workers=\"1,2\"'")),
        ("train.py", "data.size=[32,32", ("data.size=[32,32", "brackets")),
        ("train.py", "data.size=(32,32)", ("'data.size=[32,32]'",)),
        ("train.py", 'data.source.columns={"a b": dx}', ("before : has no quotes",)),
        ("train.py", "data.fit=a(b", ("data.fit=a(b", "'data.fit=\"a(b\"'")),
        ("train.py", 'data.fit=a"b(', ("quote the value twice",)),
        ("train.py", "runs=", ("runs= is empty",)),
        ("train.py", "runs=~nobody-here/x", ("runs=~nobody-here/x", "nobody-here")),
    ],
)
def test_an_argument_that_cannot_be_meant_is_refused_by_name(script, typed, names):
    with pytest.raises(ValueError, match=".") as error:
        hydra_arguments(script, ["trainer=cpu", typed] if script == "train.py" else [typed])
    assert [name for name in names if name not in str(error.value)] == [], str(error.value)


def test_keys_of_hydra_with_an_effect_pass():
    typed = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.job.chdir=false"]
    assert hydra_arguments("train.py", [*typed, "-m"]) == ["--multirun", *typed]
    assert hydra_arguments("predict.py", ["hydra.job.chdir=false"]) == ["hydra.job.chdir=false"]


def test_a_value_that_is_missing_or_null_is_none():
    cfg = OmegaConf.create({"run": "???", "out": None, "data": "demo"})
    assert text_of(cfg, "run") is None and text_of(cfg, "out") is None and text_of(cfg, "data") == "demo"
    assert is_given(cfg, "data") and not is_given(cfg, "run") and not is_given(cfg, "unknown")


@pytest.mark.parametrize("argument", ["optimizer=null", "split=-0.5", "augment=1", "callbacks=false"])
def test_a_value_that_is_no_choice_of_a_group_is_answered_with_the_choices(argument):
    with pytest.raises(ValueError, match=f"^{argument} names no choice of .*; the choices are "):
        hydra_arguments("train.py", [argument])
