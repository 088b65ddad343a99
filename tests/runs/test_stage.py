"""The result of a stage is read as it was written; a rerun moves it aside once."""

import math

from dermoscopy.machine.files import write_json
from dermoscopy.runs.stage import Stage, finished, result_of, set_aside


def test_a_result_is_read_as_it_was_written_with_undefined_values_as_nan(tmp_path):
    assert finished(tmp_path) is None
    write_json(tmp_path / "result.json", {"metrics": {"f1": 0.5, "f1/rare": math.nan}, "epochs": 3})
    result = finished(tmp_path)
    assert result["metrics"]["f1"] == 0.5
    assert math.isnan(result["metrics"]["f1/rare"])
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def rerun(folder, name):
    return Stage("only", 1, "k", folder / "k", 0, rerun=name)


def test_a_rerun_moves_the_older_result_aside_once_and_keeps_its_own(tmp_path):
    write_json(tmp_path / "k" / "result.json", {"metrics": {}, "old": True})
    first = rerun(tmp_path, "first")
    assert result_of(rerun(tmp_path, None))["old"]
    assert result_of(first) is None
    set_aside(first)
    assert finished(tmp_path / "k") is None
    assert finished(tmp_path / "replaced" / "k")["old"]
    write_json(tmp_path / "k" / "result.json", {"metrics": {}, "new": True})
    set_aside(first)
    assert result_of(first)["new"]
    assert result_of(rerun(tmp_path, "second")) is None
