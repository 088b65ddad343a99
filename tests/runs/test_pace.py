"""The estimated seconds of an epoch in the folder of a stage."""

from dermoscopy.runs.pace import read_pace, remove_pace, write_pace


def test_an_estimate_is_read_as_written_until_it_is_removed(tmp_path):
    assert read_pace(tmp_path) is None
    remove_pace(tmp_path)
    write_pace(tmp_path, 12.5)
    assert read_pace(tmp_path) == 12.5
    remove_pace(tmp_path)
    assert read_pace(tmp_path) is None
