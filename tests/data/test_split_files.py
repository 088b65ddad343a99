"""Splits in files: what is written is read back, and what is wrong is refused."""

import numpy as np
import pandas as pd
import pytest

from dermoscopy.data.split_files import from_file, write_split
from dermoscopy.data.splits import folds


def test_subsets_that_are_written_are_read_back(images, tmp_path):
    ids, groups, labels = images
    ids = ids.copy()
    ids[0] = "NA"  # which pandas reads as a missing value by default
    subset = folds(ids, groups, labels, seed=3, holdout=0.1)
    subset[[5, 17]] = ""
    file = write_split(tmp_path / "split.csv", ids, groups, subset)
    order = np.random.default_rng(0).permutation(len(ids))
    assert (from_file(ids[order], groups[order], labels[order], seed=0, file=file) == subset[order]).all()


def test_a_split_from_a_file_is_used_as_it_is_and_images_it_lacks_are_counted(images, tmp_path, capsys):
    ids, groups, labels = images
    file = tmp_path / "split.csv"
    pd.DataFrame({"id": ids[:3], "subset": ["train", "val", "test"]}).to_csv(file, index=False)
    subset = from_file(ids, groups, labels, seed=0, file=file)
    assert subset[:3].tolist() == ["train", "val", "test"]
    assert (subset[3:] == "").all()
    assert "997 of 1000 images are in no subset" in capsys.readouterr().out
    from_file(ids, groups, labels, seed=0, file=file)
    assert not capsys.readouterr().out  # said once


def test_blanks_semicolons_and_the_unicode_form_of_ids_do_not_matter_in_a_split_file(tmp_path):
    file = tmp_path / "split.csv"
    file.write_text("\ufeffid; subset\n a ; train \n\u00e9;test\n", encoding="utf-8")
    ids = np.array(["a", "e\u0301"])
    assert from_file(ids, ids, np.zeros((2, 0), np.int8), seed=0, file=file).tolist() == ["train", "test"]


def test_a_split_file_that_does_not_exist_is_named_with_its_setting(images, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no.csv does not exist: correct split.file"):
        from_file(*images, seed=0, file=tmp_path / "no.csv")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"name": ["IMG_0000"], "subset": ["train"]}, "has no column id; .* correct split.file"),
        ({"id": ["IMG_0000"], "side": ["train"]}, "the column side is now called subset"),
        ({"id": ["IMG_0000"], "subset": ["training"]}, r"has the subset 'training' in line 2 .*; did you mean train\?"),
        ({"id": ["IMG_0000"], "subset": ["VAL"]}, r"has the subset 'VAL' .*; did you mean val\?"),
        (
            {"id": ["IMG_0000", "IMG_0000"], "subset": ["train", "val"]},
            r"IMG_0000 more than once, as train, val \(1 such ids\)",
        ),
        ({"id": ["IMG_0000", ""], "subset": ["train", "val"]}, "has no id in line 3"),
        ({"id": ["OTHER"], "subset": ["train"]}, r"names OTHER \(1 of 1 ids\)"),
        ({"id": ["IMG_0.jpg"], "subset": ["train"]}, "it has IMG_0.jpg where the image is IMG_0000"),
    ],
)
def test_a_wrong_split_file_is_refused(images, tmp_path, table, message):
    file = tmp_path / "split.csv"
    pd.DataFrame(table).to_csv(file, index=False)
    with pytest.raises(ValueError, match=message):
        from_file(*images, seed=0, file=file)
