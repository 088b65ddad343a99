"""As many predictions are packed as fit, and what they lack is said."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dermoscopy.report.published import pack as module
from dermoscopy.report.published.pack import pack
from dermoscopy.report.published.record import HISTORY, IMAGES, JOBS, RECORD, Choice
from dermoscopy.runs.tables import load_sweep

Make = Callable[..., Path]


def conditions(files: dict[str, str]) -> set[str]:
    return {line.split(",")[2] for line in files[IMAGES].splitlines()[1:]}


def test_all_conditions_are_packed_or_only_the_compared_one_or_none(
    make_classified: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = load_sweep(make_classified({"zeroing": ["everything"], "seed": ["0"]}, ["none", "given"]))
    choice = Choice(metric="test/none/auroc")
    files, left_out = pack(sweep, choice, "command")
    assert (set(files), left_out) == ({RECORD, JOBS, HISTORY, IMAGES}, "")
    assert conditions(files) == {"none", "given"}
    monkeypatch.setattr(module, "LARGEST", len(files[IMAGES]) - 1)
    only, left_out = pack(sweep, choice, "command")
    assert (conditions(only), left_out) == ({"none"}, "")
    monkeypatch.setattr(module, "LARGEST", 100)
    files, left_out = pack(sweep, choice, "command")
    assert IMAGES not in files
    assert left_out.startswith("no images.csv: its 120 rows would have 0.0 MB")


def test_folds_need_all_conditions(make_classified: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = load_sweep(make_classified({"zeroing": ["everything"], "split.fold": ["0"]}, ["none", "given"]))
    choice = Choice(metric="test/none/auroc")
    monkeypatch.setattr(module, "LARGEST", len(pack(sweep, choice, "command")[0][IMAGES]) - 1)
    files, left_out = pack(sweep, choice, "command")
    assert IMAGES not in files and left_out.startswith("no images.csv: its 80 rows")
