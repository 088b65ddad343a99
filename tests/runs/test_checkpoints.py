"""Checkpoints are read without running code, and the error for a damaged one says what to do."""

import pytest
import torch

from dermoscopy.runs.checkpoints import read_checkpoint, weights


def test_a_checkpoint_is_read_with_its_weights(tmp_path):
    torch.save({"epoch": 3, "state_dict": {"a": torch.ones(2)}}, tmp_path / "best.ckpt")
    assert read_checkpoint(tmp_path / "best.ckpt")["epoch"] == 3
    assert weights(tmp_path / "best.ckpt")["a"].tolist() == [1, 1]


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"epoch,loss\n1,0.5\n", b"\x80\x02", b"PK\x03\x04"])
def test_a_damaged_checkpoint_is_named(tmp_path, content):
    (tmp_path / "best.ckpt").write_bytes(content)
    with pytest.raises(ValueError, match="best.ckpt is damaged .*delete it"):
        read_checkpoint(tmp_path / "best.ckpt")


def test_a_checkpoint_that_was_cut_short_is_named(tmp_path):
    torch.save({"epoch": 3, "state_dict": {"a": torch.ones(100)}}, path := tmp_path / "best.ckpt")
    saved = path.read_bytes()
    for cut in (1, 8, 30, 100, len(saved) // 2, len(saved) - 5):
        path.write_bytes(saved[:cut])
        with pytest.raises(ValueError, match="best.ckpt is damaged .*delete it"):
            read_checkpoint(path)
    with pytest.raises(FileNotFoundError):
        read_checkpoint(tmp_path / "none.ckpt")


def test_pickled_code_is_not_run(tmp_path):
    torch.save({"state_dict": print}, tmp_path / "best.ckpt")
    with pytest.raises(ValueError, match="best.ckpt is damaged"):
        read_checkpoint(tmp_path / "best.ckpt")
