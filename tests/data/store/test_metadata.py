"""Metadata are kept beside the labels, typed, and unknown stays unknown."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from dermoscopy.data.store.metadata import describe_metadata, read_metadata, typed_column, write_metadata


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["50", "", "45,5"], [50, np.nan, 45.5]),
        (["1", "0"], [1, 0]),
        (["50", "85+", ""], ["50", "85+", ""]),
        (["II", ""], ["II", ""]),
        (["", ""], ["", ""]),
    ],
)
def test_a_column_is_of_numbers_if_all_that_are_known_are_numbers(texts, expected):
    values = typed_column(texts)
    np.testing.assert_array_equal(values, np.array(expected, values.dtype))
    assert values.dtype.kind == ("f" if isinstance(expected[0], int | float) else "U")


def test_columns_of_any_name_are_written_and_read_in_order(tmp_path: Path):
    names = ["site/part", "age", "süß"]
    with h5py.File(tmp_path / "s.h5", "w") as file:
        write_metadata(file, names, [("back", "50", "a"), ("", "", "")])
    with h5py.File(tmp_path / "s.h5") as file:
        metadata = read_metadata(file)
    assert [*metadata] == names
    assert metadata["site/part"].tolist() == ["back", ""] and metadata["age"].dtype == np.float32
    assert describe_metadata(metadata) == "site/part (1 known: back 1); age (1 known: 50 to 50); süß (1 known: a 1)"


def test_a_store_without_metadata_has_none(tmp_path: Path):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        write_metadata(file, [], [(), ()])
        assert read_metadata(file) == {} and not file.keys()
