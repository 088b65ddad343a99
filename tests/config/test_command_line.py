"""Values as typed on the command line; YAML would turn keys of stages into numbers."""

import pytest
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from dermoscopy.config.command_line import as_typed, check_command, check_hydra, is_given


@pytest.fixture
def typed(monkeypatch):
    """Composes a configuration as if these arguments had been typed."""

    def type_in(*arguments):
        hydra = OmegaConf.create({"overrides": {"task": list(arguments)}})
        monkeypatch.setattr(HydraConfig, "get", lambda: hydra)
        return OmegaConf.merge({"run": "???", "out": None}, OmegaConf.from_dotlist(list(arguments)))

    return type_in


@pytest.mark.parametrize("text", ["12e5", "007", "[12e5,007]", "1_000", "ab12", "runs/run/ab12"])
def test_a_key_is_returned_as_typed(typed, text):
    assert as_typed(typed(f"run={text}"), "run") == text


def test_a_value_that_is_missing_or_null_is_none(typed):
    cfg = typed("data=demo")
    assert as_typed(cfg, "run") is None and as_typed(cfg, "out") is None and as_typed(cfg, "data") == "demo"
    assert is_given(cfg, "data") and not is_given(cfg, "run") and not is_given(cfg, "unknown")


@pytest.mark.parametrize(
    ("typed", "sweeps", "names"),
    [
        ("hydra.job.chdir=true", True, ("hydra.job.chdir=true", "relative paths")),
        ("hydra.run.dir=/data", True, ("hydra.run.dir=/data", "runs=DIR")),
        ("hydra.sweep.dir=x", True, ("hydra.sweep.dir=x", "runs=DIR")),
        ("++hydra.sweep.subdir=x", True, ("hydra.sweep.subdir=x",)),
        ("hydra.run.dir=x", False, ("hydra.run.dir=x", "relative paths")),
        ("hydra.mode=MULTIRUN", False, ("-m", "train.py")),
    ],
)
def test_keys_of_hydra_that_would_move_a_program_are_refused_by_name(typed, sweeps, names):
    with pytest.raises(ValueError, match="hydra|-m") as error:
        check_hydra(["hydra.verbose=true", typed], sweeps)
    assert [name for name in names if name not in str(error.value)] == []


def test_other_keys_of_hydra_pass():
    check_hydra(
        ["hydra.job.chdir=false", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.mode=MULTIRUN"], True
    )


@pytest.mark.parametrize("argument", ["-m", "--multirun", "hydra.job.chdir=true", "views=flips"])
def test_a_program_that_does_not_sweep_refuses_what_it_cannot_do(monkeypatch, argument):
    monkeypatch.setattr("sys.argv", ["predict.py", "run=1", argument])
    with pytest.raises(ValueError, match=r"-m|hydra\.job\.chdir|views is now tta"):
        check_command("predict.py")
