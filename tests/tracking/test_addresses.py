"""Addresses of tracking stores and places of artifacts."""

import pytest
from sqlalchemy import make_url

from dermoscopy.tracking.addresses import (
    address,
    artifact_store,
    artifacts_of,
    check_address,
    check_artifacts,
    database,
)


def test_a_relative_database_is_resolved_in_the_working_folder_and_a_server_is_left_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    assert address("sqlite:///mlflow.db") == f"sqlite:///{tmp_path}/mlflow.db"
    assert address(f"sqlite:///{tmp_path}/x.db") == f"sqlite:///{tmp_path}/x.db"
    assert address("sqlite:///~/x.db?timeout=5") == "sqlite:////home/me/x.db?timeout=5"
    assert address("http://127.0.0.1:5000") == "http://127.0.0.1:5000"


@pytest.mark.parametrize("folder", ["50 % of %41", "what?", "a#b", "ä"])
def test_a_database_in_a_folder_of_any_name_is_found_again(tmp_path, monkeypatch, folder):
    (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / folder)
    full = address("sqlite:///mlflow.db")
    assert database(full) == tmp_path / folder / "mlflow.db"
    assert address(full) == full
    assert str(tmp_path / folder / "mlflow.db") in (
        make_url(full).database,
        make_url(full).database.replace("%25", "%"),
    )


@pytest.mark.parametrize(
    ("wrong", "instead"),
    [
        ("mlflow.db", "sqlite:///mlflow.db"),
        ("/data/x.db", "sqlite:////data/x.db"),
        ("./mlruns", "sqlite:///./mlruns/mlflow.db"),
        ("file:mlruns", "sqlite:///mlruns/mlflow.db"),
        ("file:///tmp/ml/", "sqlite:////tmp/ml/mlflow.db"),
        ("sqlite:x.db", "sqlite:///x.db"),
        ("sqlite://x.db", "sqlite:///x.db"),
        ("sqlite://", "sqlite:///mlflow.db"),
        ("sqlite:///:memory:", "sqlite:///mlflow.db"),
        ("localhost:5000", "http://localhost:5000"),
    ],
)
def test_a_wrong_address_is_answered_by_one_that_can_be_typed(wrong, instead):
    with pytest.raises(ValueError, match=f"tracking.uri={wrong} is no address") as caught:
        check_address(wrong)
    assert str(caught.value).endswith(f"tracking.uri={instead}")
    assert check_address(instead) == instead


def test_addresses_of_every_kind_of_store_are_taken():
    for uri in ("https://h", "postgresql+psycopg2://u@h/d", "mysql://u@h/d", "databricks", "databricks://profile"):
        assert check_address(uri) == uri


def test_artifacts_go_to_an_address_as_it_is_and_to_a_folder_by_its_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    for uri in ("s3://bucket/lab", "gs://b", "mlflow-artifacts:/x", "dbfs:/x", "file:///x", "abfss://f@a/x"):
        assert artifact_store(uri) == uri
    assert artifact_store(None) is None
    assert artifact_store("art") == str(tmp_path / "art")
    assert artifact_store("~/art") == "/home/me/art"
    assert artifacts_of("s3://bucket/lab/", "zeroing") == "s3://bucket/lab/zeroing"
    assert artifacts_of("s3://b/lab?region=eu", "zeroing") == "s3://b/lab/zeroing?region=eu"
    assert artifacts_of("/home/me/a b", "zeroing") == "file:///home/me/a%20b/zeroing"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("s4://bucket/x", "s4:.+folder of this machine.+ s3"),
        ("gs://", "gs://BUCKET/FOLDER"),
        ("abfss://files@account/x", "pip install azure-storage-file-datalake"),
    ],
)
def test_a_place_where_nothing_can_be_stored_is_refused(place, words):
    with pytest.raises(ValueError, match=f"tracking.artifacts={place} .*{words}"):
        check_artifacts(place)
    check_artifacts("some/folder")
