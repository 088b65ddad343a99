"""Addresses of the tracking store, flat parameters, the commit of a run."""

import subprocess

from dermoscopy.tracking import address, commit, flatten, sha256


def test_a_relative_database_is_taken_from_the_working_folder_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert address("sqlite:///mlflow.db") == f"sqlite:///{tmp_path}/mlflow.db"
    assert address(f"sqlite:///{tmp_path}/x.db") == f"sqlite:///{tmp_path}/x.db"
    assert address("http://127.0.0.1:5000") == "http://127.0.0.1:5000"


def test_parameters_are_the_paths_of_the_configuration():
    assert flatten({"a": {"b": 1, "c": {"d": [2]}}, "e": None}) == {"a.b": 1, "a.c.d": [2], "e": None}


def test_a_commit_is_dirty_when_a_tracked_file_differs_and_none_outside_git(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert commit() == (None, False)
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    (tmp_path / "a.txt").write_text("a")
    for arguments in (["init", "-q"], ["add", "a.txt"], [*identity, "commit", "-q", "-m", "a"]):
        subprocess.run(["git", *arguments], check=True)
    head, dirty = commit()
    assert len(head) == 40
    assert not dirty
    (tmp_path / "untracked.log").write_text("x")
    assert not commit()[1]
    (tmp_path / "a.txt").write_text("b")
    assert commit()[1]


def test_a_file_is_named_by_its_content(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    assert sha256(tmp_path / "a") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
