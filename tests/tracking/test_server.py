"""Meaning of failed requests to MLflow, and pauses between requests to an unreachable server."""

import pytest
import requests
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST

from dermoscopy.tracking import server as servers
from dermoscopy.tracking.server import MissingRun, Outage, Refusal, Server, _meaning


class Client:
    """A client whose server returns the run, does not have it, or is unreachable."""

    def __init__(self, answer):
        self.answer = answer

    def get_run(self, run):
        if isinstance(self.answer, Exception):
            raise self.answer
        info = type("Info", (), {"lifecycle_stage": self.answer})
        return type("Run", (), {"info": info})


def upload_error(status):
    """Return the error of an upload with this HTTP status."""
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(f"{status}", response=response)


AWAY, GONE = MlflowException("down", INTERNAL_ERROR), MlflowException("no run", RESOURCE_DOES_NOT_EXIST)
WRONG = MlflowException("bad key", INVALID_PARAMETER_VALUE)


@pytest.mark.parametrize(
    ("error", "run", "kind"),
    [
        (WRONG, "active", Refusal),
        (upload_error(400), "active", Refusal),
        (FileNotFoundError("a.csv"), "active", Refusal),
        (WRONG, "deleted", MissingRun),
        (GONE, GONE, MissingRun),
        (WRONG, AWAY, Outage),  # a broken database refuses too
        (AWAY, "active", Outage),
        (upload_error(503), "active", Outage),
        (upload_error(429), "active", Outage),  # too many requests
        (requests.ConnectionError("refused"), "active", Outage),
        (RuntimeError("anything"), "active", Outage),
    ],
)
def test_a_refusal_counts_only_from_a_server_that_can_return_the_run(error, run, kind):
    assert type(_meaning(error, Client(run), "ab12")) is kind


def test_without_a_run_every_failure_is_an_outage():
    assert type(_meaning(WRONG, Client("active"), None)) is Outage


def test_an_outage_is_reported_once_and_the_server_contacted_only_after_the_pause(capsys):
    server, contacted = Server("http://nowhere"), []

    def fail():
        contacted.append(1)
        raise Outage("refused")

    server.deliver(lambda: None, pause=1000, kept="runs/a")
    server.retry_at = 0
    assert capsys.readouterr().err == ""
    for _ in range(5):
        server.deliver(fail, pause=1000, kept="runs/a")
    assert len(contacted) == 1 and server.away
    server.retry_at = 0
    server.deliver(lambda: None, pause=1000, kept="runs/a")
    first, second = capsys.readouterr().err.splitlines()
    assert "http://nowhere" in first and "refused" in first and "runs/a" in first
    assert "http://nowhere" in second and "again" in second and not server.away


def test_only_the_refused_values_of_a_batch_are_left_out(monkeypatch):
    server, sent, rejected = Server("http://nowhere"), [], []

    def send(_, __, events):
        values = {name for event in events for name in event["metrics"]}
        if "bad" in values:
            raise Refusal("not bad")
        sent.extend(values)

    monkeypatch.setattr(server, "_request", lambda call, run=None: call(None))
    monkeypatch.setattr(servers, "_send", send)
    events = [{"metrics": {"a": 1.0, "bad": 2.0, "b": 3.0}}, {"metrics": {"c": 4.0}}]
    server.send("ab", events, lambda event, reason: rejected.append((event, reason)))
    assert sorted(sent) == ["a", "b", "c"]
    assert rejected == [({"metrics": {"bad": 2.0}}, "not bad")]


def test_a_missing_database_is_not_created(tmp_path):
    with pytest.raises(Outage, match=f"{tmp_path / 'none.db'}"):
        Server(f"sqlite:///{tmp_path / 'none.db'}")._request(lambda _: None)
    assert not list(tmp_path.iterdir())


def test_the_cause_of_a_failure_is_the_first_line_of_its_original_error(monkeypatch):
    def refuse(_):
        try:
            raise OSError("\nConnection refused\nat all")
        except OSError as error:
            raise RuntimeError("pool") from error

    monkeypatch.setattr(servers, "connect", refuse)
    with pytest.raises(Outage, match="^Connection refused$"):
        Server("http://nowhere")._request(lambda _: None)
