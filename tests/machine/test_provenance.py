"""Tests of provenance: the commit, the libraries, the hash of a file."""

import subprocess

import pytest
import torch

from dermoscopy.machine import provenance
from dermoscopy.machine.provenance import code, commit, sha256


@pytest.fixture(autouse=True)
def no_cached_commit():
    """Clear the cached commit of the process, since the tests change the working folder."""
    provenance._commit.cache_clear()


def test_a_commit_is_dirty_if_a_tracked_file_differs_and_none_outside_git(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert commit() == (None, False)
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    (tmp_path / "a.txt").write_text("a")
    for arguments in (["init", "-q"], ["add", "a.txt"], [*identity, "commit", "-q", "-m", "a"]):
        subprocess.run(["git", *arguments], check=True)
    provenance._commit.cache_clear()
    head, dirty = commit()
    assert len(head) == 40
    assert not dirty
    (tmp_path / "untracked.log").write_text("x")
    provenance._commit.cache_clear()
    assert not commit()[1]
    (tmp_path / "a.txt").write_text("b")
    provenance._commit.cache_clear()
    assert commit()[1]


def test_the_hash_of_a_file_is_that_of_its_content(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    assert sha256(tmp_path / "a") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_the_numerical_libraries_are_recorded_with_their_versions():
    assert code()["torch"] == torch.__version__.split("+")[0]
    assert {"commit", "dirty", "pytorch-lightning", "timm"} <= set(code())
