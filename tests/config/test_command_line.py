"""Values as typed on the command line; YAML would turn keys of stages into numbers."""

import pytest
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from dermoscopy.config.command_line import as_typed, is_given


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
