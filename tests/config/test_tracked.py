"""MLflow has those settings as parameters that differ between arms or matter, and tags of the user's own."""

from types import SimpleNamespace

import pytest
from builders import composed
from omegaconf import OmegaConf

from dermoscopy.config import tracked
from dermoscopy.config.choices import settings_of
from dermoscopy.config.command_line import CONF
from dermoscopy.config.tracked import check_tags, job_run, selected


@pytest.fixture
def parameters(monkeypatch):
    """Return a function that composes a job and returns its parameters."""

    def make(axes, *overrides):
        config = composed("train", *overrides, with_hydra=True)
        hydra = SimpleNamespace(overrides=config.hydra.overrides, runtime=config.hydra.runtime)
        monkeypatch.setattr(tracked.HydraConfig, "get", lambda: hydra)
        names = [name for name in config if name not in ("hydra", "logger", "callbacks", "trainer")]
        return job_run(OmegaConf.masked_copy(config, names), {"axes": axes}, True, "bf16-mixed").parameters

    return make


@pytest.fixture(autouse=True)
def resolvers():
    OmegaConf.register_new_resolver("len", len, replace=True)  # as train.py does


def test_an_axis_its_part_and_a_typed_key_are_parameters_and_few_others(parameters):
    found = parameters({"zeroing": "cells8_80", "seed": "1"}, "zeroing=cells8_80", "seed=1", "datamodule.balance=0.5")
    assert {"zeroing": "cells8_80", "seed": 1, "zeroing.grid": 8, "datamodule.balance": 0.5}.items() <= found.items()
    assert found["trainer.precision"] == "bf16-mixed"
    assert {"optimizer.lr", "network.backbone", "datamodule.batch_size", "data.size"} <= found.keys()
    assert "datamodule.mean" not in found and "model.zeroing.grid" not in found
    assert len(found) < 40


def test_the_arms_of_an_experiment_show_what_any_of_them_changes(parameters):
    assert "zeroing" in settings_of(CONF, "arm/aux_head")
    assert {"network.segmenter", "model.validation_masks"} <= settings_of(CONF, "arm/cascade")
    assert settings_of(CONF, "optimizer.lr") == {"optimizer.lr"}
    found = parameters({"arm/aux_head": "views_only"}, "+experiment=aux_head", "arm/aux_head=views_only")
    assert found["arm/aux_head"] == "views_only"
    assert found["consistency.weight"] == 0.0


def test_the_list_of_parameters_can_be_changed(parameters):
    assert "datamodule.mean" in parameters({}, "tracking.parameters=[datamodule.mean]")
    assert selected({"a.b": 1, "a.bc": 2, "ab": 3}, {"a.b"}) == {"a.b": 1}


def test_tags_of_the_user_are_names_with_values_and_no_names_of_the_program():
    assert check_tags(None) == {}
    assert check_tags({"project": "a<b|c", 3: None}) == {"project": "a<b|c", "3": None}
    with pytest.raises(ValueError, match=r"tracking\.tags"):
        check_tags("lab")
    for name in ("arm", "mlflow.note.content"):
        with pytest.raises(ValueError, match=name):
            check_tags({name: 1})
