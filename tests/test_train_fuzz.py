"""Random settings of train.py: a training, or one line that says what is wrong; never a traceback."""

import contextlib
import io
import runpy
import sys
import tempfile
import warnings
from functools import cache

import pytest
from builders import ROOT, composed, ignore_known_warnings
from hydra.core.global_hydra import GlobalHydra
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from omegaconf import DictConfig

# Settings that make a training of one batch out of any configuration; they are not varied.
BASE = (
    *("data.raw=null", "data.size=[32,32]", "logger=csv", "trainer=cpu", "threads=1", "datamodule.batch_size=4"),
    "+debug=fast_dev_run",
)
FIXED = ("threads", "runs", "name", "data.store", "data.raw", "data.size", "tracking", "logger", "protocol", "trainer")
MODELS = (
    "model=classification protocol.backbone=test_resnet",
    "model=segmentation protocol.encoder=tu-test_resnet",
    "model=consistency mask_views=pair protocol.backbone=test_resnet",
)
VALUES = (
    *(
        "null",
        "0",
        "1",
        "-1",
        "2",
        "3",
        "0.5",
        "-0.5",
        "1.5",
        "1e-9",
        "1e9",
        "nan",
        "inf",
        "true",
        "false",
        "none",
        "auto",
    ),
    *("''", "foo", "lesion", "globules", "[]", "[globules]", "[lesion,lesion]", "[0.5,0.5]", "{}", "{a: 1}", "flips"),
)


def leaves(part: DictConfig, prefix: str = "") -> list[str]:
    """Return the full key of every value of a configuration."""
    keys: list[str] = []
    for name in part:
        key = f"{prefix}{name}"
        node = part._get_node(name)
        if isinstance(node, DictConfig) and not node._is_none() and not node._is_interpolation():
            keys += leaves(node, f"{key}.")
        if not str(name).startswith("_") and not key.startswith(FIXED):
            keys.append(key)
    return keys


@cache
def keys_of(model: str) -> list[str]:
    return leaves(composed("train", *model.split()))


@st.composite
def settings_of_a_run(draw) -> list[str]:
    model = draw(st.sampled_from(MODELS))
    keys = draw(st.lists(st.sampled_from(keys_of(model)), min_size=1, max_size=2, unique=True))
    values = draw(st.lists(st.sampled_from(VALUES), min_size=len(keys), max_size=len(keys)))
    assume(not any(key.startswith("epochs") and value in ("1e9",) for key, value in zip(keys, values, strict=True)))
    return [*model.split(), *(f"{key}={value}" for key, value in zip(keys, values, strict=True))]


@pytest.mark.fuzz
@settings(max_examples=10)  # each may train a batch, which takes a second
@given(overrides=settings_of_a_run())
def test_random_settings_train_or_are_refused_in_one_line(overrides, demo_store):
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        code, err = train(*BASE, f"data.store={demo_store}", *overrides)
    event("trained" if code == 0 else "refused")
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert "Traceback" not in err, (overrides, err[-1500:])
    assert (code, len(lines)) in ((0, 0), (1, 1)), (overrides, code, err[-500:])
    assert not lines or any(named(setting, lines[0]) for setting in overrides), (overrides, lines)


def named(setting: str, message: str) -> bool:
    """Return whether a message names the last part of a key, or its value."""
    key, _, value = setting.partition("=")
    return key.rpartition(".")[2] in message or (len(value) > 2 and value in message)


def train(*arguments: str) -> tuple[int, str]:
    """Run train.py in this process; return its exit code and what it wrote to standard error."""
    GlobalHydra.instance().clear()
    err, before, code = io.StringIO(), sys.argv, 0
    sys.argv = [str(ROOT / "train.py"), *arguments]
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ignore_known_warnings()
            runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as exit:
        code = int(exit.code or 0)
    except Exception as error:  # a bug: the program would end with a traceback
        code = 1
        err.write(f"Traceback: {type(error).__name__}: {error}")
    finally:
        sys.argv = before
    return code, err.getvalue()
