"""Objects built from the configuration; the error of a constructor names the key that a user types."""

import errno
import re
from collections.abc import Sequence

import pytest
from hydra.errors import InstantiationException
from omegaconf import OmegaConf

from dermoscopy.config.build import build, plain, typed_key

TRUST = ["builtins", __name__]
CONFIG = OmegaConf.create(
    {
        "zeroing": {"_target_": "dermoscopy.masks.zeroing.Zeroing", "p": 2.0, "grid": 1, "per_channel": False},
        "model": {"_target_": "builtins.dict", "zeroing": "${zeroing}", "own": {"_target_": "builtins.int", "x": "a"}},
        "callbacks": {"first": {"_target_": "builtins.dict"}, "second": {"_target_": "builtins.dict", "days": 1}},
        "trainer": {"callbacks": "${oc.dict.values:callbacks}"},
    }
)


def miss(checkpoint):
    if checkpoint is None:
        raise OSError(errno.ENOSPC, "No space left on device")
    raise FileNotFoundError(f"checkpoint {checkpoint} does not exist")


def named(labels: Sequence[str]):
    return labels


def refuse(p, other=None):
    raise ValueError(f"p must lie in [0, 1], got {p}" if other is None else other)


def test_refused_code_is_named_with_its_key_and_what_trusts_it():
    parts = {"network": {"_target_": "mine.Net"}, "loss": {"a-b": [{"_target_": "yours.Loss", "_partial_": True}]}}
    config = OmegaConf.create({"trust": ["ours"], **parts, "model": {"network": "${network}", "loss": "${loss}"}})
    with pytest.raises(ValueError, match=r"^network\._target_=mine\.Net .* trust=\[ours,mine,yours\]$"):
        build(config.model)
    config.trust = ["mine"]
    with pytest.raises(ValueError, match=r"^loss\.a-b\.0\._target_=yours\.Loss .* trust=\[mine,yours\]$"):
        build(config.model)


def test_a_refused_argument_is_named_by_its_key():
    config = OmegaConf.create(
        {
            "trust": TRUST,
            "zeroing": {"_target_": f"{__name__}.refuse", "p": 2.0},
            "model": {"_target_": "builtins.dict", "zeroing": "${zeroing}"},
        }
    )
    with pytest.raises(ValueError, match=r"^zeroing.p must lie in \[0, 1\], got 2.0$"):
        build(config.model)


def test_a_message_without_an_argument_is_unchanged():
    config = OmegaConf.create(
        {"trust": TRUST, "part": {"_target_": f"{__name__}.refuse", "p": 1, "other": "data.masks is empty"}}
    )
    with pytest.raises(ValueError, match="^data.masks is empty$"):
        build(config.part)


def test_a_missing_file_is_named_by_its_key_and_other_errors_are_unchanged():
    config = OmegaConf.create({"trust": TRUST, "part": {"_target_": f"{__name__}.miss", "checkpoint": "nowhere.pt"}})
    with pytest.raises(FileNotFoundError, match="^part.checkpoint nowhere.pt does not exist$"):
        build(config.part)
    full = OmegaConf.create({"trust": TRUST, "part": {"_target_": f"{__name__}.miss", "checkpoint": None}})
    with pytest.raises((InstantiationException, OSError), match="No space left"):
        build(full.part)


def test_the_key_of_a_part_is_the_one_that_a_user_sets():
    assert typed_key(CONFIG, "model.zeroing")[0] == "zeroing"
    assert typed_key(CONFIG, "model.own")[0] == "model.own"
    assert typed_key(CONFIG, "trainer.callbacks[1]")[0] == "callbacks.second"
    assert typed_key(CONFIG, "trainer.callbacks[1]")[1].days == 1
    assert typed_key(OmegaConf.create({"terms": {"my-term": {"x": 1}}}), "terms.my-term")[0] == "terms.my-term"
    assert typed_key(CONFIG, "trainer.callbacks1")[0] == "callbacks.second"  # as Hydra writes it


def test_arguments_replace_those_of_the_part():
    part = OmegaConf.create({"trust": TRUST, "part": {"_target_": "builtins.dict", "a": 1, "b": 2}}).part
    assert build(part, b=3) == {"a": 1, "b": 3}
    assert build(part, _partial_=True)(a=5) == {"a": 5, "b": 2}


def test_a_plain_part_has_only_python_values():
    part = plain(OmegaConf.create({"a": {"b": [1, 2]}, "c": "${a.b}"}))
    assert part == {"a": {"b": [1, 2]}, "c": [1, 2]}
    assert type(part["c"]) is list
    assert plain(OmegaConf.create({"a": 1, "c": "${a}"}), resolve=False) == {"a": 1, "c": "${a}"}


def takes(p, other=None):
    raise ValueError(f"this needs p={p}: set other=null, not x.other=1")


class Base:
    def __init__(self, width):
        self.width = width


class Derived(Base):
    def __init__(self, depth, **base):
        super().__init__(**base)
        self.depth = depth


def test_an_argument_that_a_message_says_to_set_is_named_by_its_key():
    config = OmegaConf.create({"trust": TRUST, "part": {"_target_": f"{__name__}.takes", "p": 1, "other": 2}})
    with pytest.raises(ValueError, match=r"^this needs part\.p=1: set part\.other=null, not x\.other=1$"):
        build(config.part)


def test_an_argument_that_a_class_does_not_take_is_refused_with_the_nearest():
    inner = {"_target_": f"{__name__}.Derived", "_partial_": True, "depth": 1, "width": 2, "_convert_": "all"}
    config = OmegaConf.create({"trust": TRUST, "part": {"_target_": "builtins.dict", "inner": inner}})
    assert build(config.part)["inner"]().width == 2
    config.part.inner.widht = 3
    with pytest.raises(ValueError, match=r"^part\.inner\.widht is no argument of Derived; did you mean width"):
        build(config.part)


def test_names_that_are_no_texts_are_shown_as_they_are_typed():
    part = {"_target_": f"{__name__}.named", "labels": "${data.labels}"}
    for given, shown in (([1, "a"], '["1",a]'), ("mel", "[mel]"), ([True], '["true"]')):
        config = OmegaConf.create({"trust": TRUST, "data": {"labels": given}, "datamodule": part})
        with pytest.raises(
            ValueError, match=rf"^data\.labels must be a list.*: type 'data\.labels={re.escape(shown)}'$"
        ):
            build(config.datamodule)
