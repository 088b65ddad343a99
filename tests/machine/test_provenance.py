"""Tests of provenance: the commit, the libraries, the hash of a file."""

import subprocess

import pytest
import torch

from dermoscopy.machine import provenance
from dermoscopy.machine.provenance import code, commit, sha256


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Make a repository with code, configuration and a page of results; return it, and how to read its commit."""
    for name in ("src/a.py", "conf/a.yaml", "train.py", "requirements.lock", "experiments/README.md", "README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a")
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    for arguments in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "a"]):
        subprocess.run(["git", *arguments], check=True, cwd=tmp_path)

    def read():
        provenance._commit.cache_clear()
        return provenance._commit(tmp_path)

    return tmp_path, read


@pytest.mark.parametrize("name", ["src/a.py", "conf/a.yaml", "train.py", "requirements.lock"])
def test_a_commit_has_changes_if_a_tracked_file_of_the_code_differs(project, name):
    folder, read = project
    assert (len(read()[0]), read()[1]) == (40, False)
    (folder / name).write_text("b")
    assert read()[1]


def test_results_documents_and_untracked_files_are_no_changes_of_the_code(project):
    folder, read = project
    for name in ("experiments/README.md", "README.md", "src/untracked.log"):
        (folder / name).write_text("b")
    assert not read()[1]


def test_there_is_no_commit_outside_git_and_the_one_of_this_project_elsewhere(tmp_path, monkeypatch):
    provenance._commit.cache_clear()
    assert provenance._commit(tmp_path) == (None, False)
    here = commit()
    monkeypatch.chdir(tmp_path)
    assert commit() == here


def test_the_hash_of_a_file_is_that_of_its_content(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    assert sha256(tmp_path / "a") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_the_numerical_libraries_are_recorded_with_their_versions():
    assert code()["torch"] == torch.__version__.split("+")[0]
    assert {"commit", "dirty", "pytorch-lightning", "timm"} <= set(code())
