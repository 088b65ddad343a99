"""Tests of checkpoints: complete or absent."""

import math

import pytest
import torch

from dermoscopy.runs.checkpoints import read_checkpoint, weights
from dermoscopy.training.resume import AtomicCheckpointIO, LastCheckpoint


def test_a_checkpoint_is_read_back_unchanged(tmp_path):
    AtomicCheckpointIO().save_checkpoint(
        {"state_dict": {"w": torch.arange(3.0)}, "epoch": 2}, tmp_path / "a" / "x.ckpt"
    )
    assert read_checkpoint(tmp_path / "a" / "x.ckpt")["epoch"] == 2
    assert torch.equal(weights(tmp_path / "a" / "x.ckpt")["w"], torch.arange(3.0))
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["x.ckpt"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("unexpected pos 64 vs 0")])
def test_a_failed_write_keeps_the_older_checkpoint_and_names_the_file(tmp_path, monkeypatch, error):
    path = tmp_path / "x.ckpt"
    AtomicCheckpointIO().save_checkpoint({"epoch": 1}, path)

    def fails(content, place):
        place.write_bytes(b"half")
        raise error

    monkeypatch.setattr(torch, "save", fails)
    with pytest.raises(OSError, match=r"cannot write .*x.ckpt.*free some space"):
        AtomicCheckpointIO().save_checkpoint({"epoch": 2}, path)
    assert read_checkpoint(path)["epoch"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["x.ckpt"]


def test_a_damaged_checkpoint_is_named_with_the_remedy(tmp_path):
    (tmp_path / "x.ckpt").write_bytes(b"PK half a zip")
    with pytest.raises(ValueError, match="x.ckpt is damaged .*: delete it, and its stage is trained again"):
        read_checkpoint(tmp_path / "x.ckpt")


@pytest.mark.parametrize("seconds", [-1, math.nan])
def test_a_time_between_checkpoints_that_is_none_is_refused(tmp_path, seconds):
    with pytest.raises(ValueError, match=f"min_seconds must be at least 0, got {seconds}"):
        LastCheckpoint(tmp_path, seconds)
