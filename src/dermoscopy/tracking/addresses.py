"""Addresses of tracking stores and places of artifacts, as a user gives them and as MLflow takes them."""

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import unquote, urlsplit

SQLITE = "sqlite:///"
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # of two characters or more: C: is a drive
HOST = re.compile(r"[\w.-]+:\d+(/.*)?")
DATABRICKS = ("databricks", "databricks-uc")  # addresses without a scheme
# Packages that upload to a store, which MLflow imports only when the first file is uploaded.
CLIENTS = {
    "s3": "boto3",
    "gs": "google-cloud-storage",
    "wasbs": "azure-storage-blob",
    "abfss": "azure-storage-file-datalake",
}
NOT_A_STORE = ("", "runs", "models")  # schemes that MLflow resolves to a place in another store


def address(uri: str) -> str:
    """Return the address of a tracking store, that of a database file with its absolute path."""
    file = database(uri)
    if file is None:
        return uri
    path = str(file.resolve()).replace("%", "%25").replace("?", "%3F")
    return "".join([SQLITE, path, *uri.partition("?")[1:]])


def database(uri: str) -> Path | None:
    """Return the file of an sqlite address, None for any other address."""
    if not uri.startswith(SQLITE):
        return None
    return Path(unquote(uri.removeprefix(SQLITE).partition("?")[0])).expanduser()


def check_address(uri: str | None) -> str:
    """Return the address of a tracking store if it has the form of one.

    Raises:
        ValueError: it has not; the message says what to type.
    """
    if not uri:
        raise ValueError(
            "tracking=server needs an address: tracking.uri=http://HOST:5000 or the environment's MLFLOW_TRACKING_URI"
        )
    if HOST.fullmatch(uri):
        instead = f"http://{uri}"
    elif uri.startswith(SQLITE) and str(database(uri)) not in (".", ":memory:"):
        return uri
    elif uri.startswith(("sqlite:", "file:")) or not (SCHEME.match(uri) or uri in DATABRICKS):
        name = "mlflow.db" if uri.startswith(SQLITE) else re.sub("^(sqlite|file):/{0,2}", "", uri) or "mlflow.db"
        instead = SQLITE + (name if Path(name).suffix else f"{name.rstrip('/')}/mlflow.db")
    else:
        return uri
    raise ValueError(f"tracking.uri={uri} is no address of a tracking store: type tracking.uri={instead}")


def artifact_store(place: str | Path | None) -> str | None:
    """Return the place of the artifacts of all experiments: an address as it is, a folder with its absolute path.

    Args:
        place: a folder, an address such as s3://BUCKET/FOLDER, or None: the server decides.
    """
    if place is None or SCHEME.match(str(place)):
        return None if place is None else str(place)
    return str(Path(place).expanduser().resolve())


def artifacts_of(store: str, experiment: str) -> str:
    """Return the address of an experiment's artifacts in a store, see `artifact_store`."""
    from mlflow.utils.uri import append_to_uri_path  # noqa: PLC0415  (takes two seconds, needed only for sending)

    if SCHEME.match(store):
        return str(append_to_uri_path(store, experiment))
    return (Path(store) / experiment).as_uri()


def check_artifacts(place: str | Path | None) -> None:
    """Refuse an address of artifacts that MLflow cannot upload to, before anything is trained.

    Raises:
        ValueError: MLflow does not know its scheme, it names no host or bucket, or a package is missing.
    """
    store = artifact_store(place)
    if store is None or not SCHEME.match(store):
        return
    from mlflow.store.artifact.artifact_repository_registry import (  # noqa: PLC0415  (takes two seconds)
        get_registered_artifact_repositories,
    )

    scheme = urlsplit(store).scheme
    known = sorted({*get_registered_artifact_repositories()} - {*NOT_A_STORE})
    if scheme not in known:
        raise ValueError(
            f"tracking.artifacts={store} begins with {scheme}:, which MLflow cannot store in; it can in a folder of "
            f"this machine, or in {', '.join(known)}"
        )
    if scheme in CLIENTS:
        if not urlsplit(store).netloc:
            raise ValueError(f"tracking.artifacts={store} names no bucket: tracking.artifacts={scheme}://BUCKET/FOLDER")
        try:
            version(CLIENTS[scheme])
        except PackageNotFoundError as error:
            raise ValueError(
                f"tracking.artifacts={store} needs a package that is not installed: pip install {CLIENTS[scheme]}"
            ) from error
