"""Paths and names are taken as typed; ~ is the home folder, on the command line and in files."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from dermoscopy.config.texts import as_text, expand_home, expand_homes, is_text, names_of, names_weights


def read(argument):
    return OverridesParser.create().parse_override(argument)


PLAIN = ("data/x.h5", "a b", "$HOME/a", "back\\slash", "end\\", "a:b", "%x", "*", "007", "${data.name}.h5", "ab12")
ODD = ("a=b", "my (1)", "a,b", "a[1]", "[x]", "ü", "{x}", "it's", 'say "x"', "a#b", "a;b", "`x`", "é'\"", "(x", "12e5")
ODD += ("1_000", "true", "[12e5,007]", "a~b")


@pytest.mark.parametrize("text", [*PLAIN, *ODD])
def test_a_path_with_any_characters_is_read_as_typed(text):
    assert read(f"data.raw={as_text('data.raw', text, sweeps=False)}").value() == text


@pytest.mark.parametrize("text", PLAIN)
def test_a_plain_path_stays_without_quotes(text):
    assert as_text("data.raw", text, sweeps=False) == text


@pytest.mark.parametrize("text", ["'a,b'", '"a,b"'])
def test_quotes_of_the_user_are_read_once(text):
    assert read(f"data.raw={as_text('data.raw', text, sweeps=False)}").value() == "a,b"


def test_null_is_no_text():
    assert as_text("out", "null", sweeps=False) == "null"
    assert read("out=" + as_text("out", '"null"', sweeps=False)).value() == "null"


def test_paths_with_commas_are_swept_over_unless_they_are_quoted(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    swept = read("split.file=" + as_text("split.file", "a.csv,~/b (1).csv,'c,d'", sweeps=True))
    assert list(swept.sweep_iterator()) == ["a.csv", read("x='/home/me/b (1).csv'")._value, read("x='c,d'")._value]
    assert as_text("split.file", "choice(a,b)", sweeps=True) == "choice(a,b)"
    assert not read("split.file=" + as_text("split.file", "'a,b'", sweeps=True)).is_sweep_override()


@pytest.mark.parametrize(
    ("key", "typed", "path"),
    [
        ("data.raw", "~", "/home/me"),
        ("out", "~/x", "/home/me/x"),
        ("run", "[~/a,b]", "[/home/me/a,b]"),
        ("tracking.uri", "sqlite:///~/x.db", "sqlite:////home/me/x.db"),
        ("network.segmenter.checkpoint", "~/best.ckpt", "/home/me/best.ckpt"),
        ("network.segmenter.pretrained", "~/w/x.pth", "/home/me/w/x.pth"),
        ("weights", "~/w", "/home/me/w"),
        ("images", "./~", "./~"),
        ("images", "a~b", "a~b"),
        ("name", "~x", "~x"),
    ],
)
def test_the_home_folder_is_expanded_at_the_beginning_of_a_path(monkeypatch, key, typed, path):
    monkeypatch.setenv("HOME", "/home/me")
    assert expand_home(key, typed) == path


def test_the_home_folder_is_expanded_in_files_as_well(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    data = {
        "raw": "~/photos",
        "store": "data/${.name}.h5",
        "name": 2024,
        "source": {"csv": "~/t.csv", "root": "${data.raw}"},
    }
    cfg = OmegaConf.create({"runs": "~/runs", "name": "~x", "data": data, "network": {"checkpoint": None}})
    expand_homes(cfg)
    assert cfg.runs == "/home/me/runs" and cfg.name == "~x" and cfg.network.checkpoint is None
    assert cfg.data == {
        "raw": "/home/me/photos",
        "store": "data/2024.h5",
        "name": "2024",
        "source": {"csv": "/home/me/t.csv", "root": "/home/me/photos"},
    }


def test_a_file_as_pretrained_is_read_as_typed_and_a_flag_stays_one(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    key = "network.pretrained"
    values = ("~/w/x.pth", "a (1).safetensors", "true", "imagenet", "'~/x.pt'", "true,~/x.pth")
    assert [names_weights(key, value) for value in values] == [True, True, False, False, True, True]
    assert not names_weights("name", "x.pth")
    assert read(f"{key}={as_text(key, '~/w/x.pth', sweeps=False)}").value() == "/home/me/w/x.pth"
    assert read(f"{key}={as_text(key, 'a (1).pth', sweeps=False)}").value() == "a (1).pth"
    swept = read(f"{key}={as_text(key, 'true,imagenet,~/x (1).pth', sweeps=True)}")
    assert list(swept.sweep_iterator()) == [True, "imagenet", read("x='/home/me/x (1).pth'")._value]


def test_pretrained_is_a_file_or_a_flag(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    network = {"pretrained": "~/w/x.pth", "segmenter": {"pretrained": True}, "classifier": {"pretrained": "ssl"}}
    protocol = {"pretrained": "~/y.pth", "backbone": "~z"}
    cfg = OmegaConf.create({"weights": "~/w", "network": network, "protocol": protocol})
    expand_homes(cfg)
    assert cfg.weights == "/home/me/w" and cfg.network.pretrained == "/home/me/w/x.pth"
    assert cfg.network.segmenter.pretrained is True and cfg.network.classifier.pretrained == "ssl"
    assert cfg.protocol == {"pretrained": "/home/me/y.pth", "backbone": "~z"}


def test_keys_of_paths_are_known():
    known = (
        "data.raw",
        "split.file",
        "datamodule.predicted",
        "network.checkpoint",
        "data.source.masks.lesion",
        "weights",
    )
    others = ("data", "seed", "data.size", "loss.text", "network.pretrained", "model.weights")
    assert all(map(is_text, known)) and not any(map(is_text, others))


def test_names_of_runs_are_read_from_a_list_as_typed():
    assert names_of("[12e5, 'a b',007]") == ["12e5", "a b", "007"] and names_of("a,b") == ["a,b"]
