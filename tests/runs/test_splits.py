"""The recorded split of a stage tells which images it has seen."""

import pytest

from dermoscopy.runs.files import SPLIT
from dermoscopy.runs.splits import read_split, seen_in_training


def test_training_and_validation_images_count_as_seen(tmp_path):
    (tmp_path / SPLIT).write_text("id,group,subset\na,1,train\nNA,2,val\n007,3,test\nd,4,\n")
    assert read_split(tmp_path / SPLIT) == {"a": "train", "NA": "val", "007": "test", "d": ""}
    assert seen_in_training(tmp_path) == {"a", "NA"}
    assert seen_in_training(tmp_path / "elsewhere") is None


@pytest.mark.parametrize("content", ["", "id,group\na,1\n", b"id,subset\n\xff\xfe,train\n"])
def test_a_damaged_split_is_named(content, tmp_path):
    (tmp_path / SPLIT).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match="split.csv is damaged"):
        read_split(tmp_path / SPLIT)
