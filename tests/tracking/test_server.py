"""What the failure of a request to MLflow means, and how often a server that is away is asked."""

import pytest
import requests
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST

from dermoscopy.tracking import server as servers
from dermoscopy.tracking.server import Gone, Refused, Server, Unreachable, _meaning


class Client:
    """A client whose server shows the run, does not have it, or is away."""

    def __init__(self, answer):
        self.answer = answer

    def get_run(self, run):
        if isinstance(self.answer, Exception):
            raise self.answer
        info = type("Info", (), {"lifecycle_stage": self.answer})
        return type("Run", (), {"info": info})


def answered(status):
    """An upload that a server has answered so."""
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(f"{status}", response=response)


AWAY, GONE = MlflowException("down", INTERNAL_ERROR), MlflowException("no run", RESOURCE_DOES_NOT_EXIST)
WRONG = MlflowException("bad key", INVALID_PARAMETER_VALUE)


@pytest.mark.parametrize(
    ("error", "run", "kind"),
    [
        (WRONG, "active", Refused),
        (answered(400), "active", Refused),
        (FileNotFoundError("a.csv"), "active", Refused),
        (WRONG, "deleted", Gone),
        (GONE, GONE, Gone),
        (WRONG, AWAY, Unreachable),  # a broken database refuses too
        (AWAY, "active", Unreachable),
        (answered(503), "active", Unreachable),
        (answered(429), "active", Unreachable),  # too many requests
        (requests.ConnectionError("refused"), "active", Unreachable),
        (RuntimeError("anything"), "active", Unreachable),
    ],
)
def test_a_refusal_counts_only_from_a_server_that_can_show_the_run(error, run, kind):
    assert type(_meaning(error, Client(run), "ab12")) is kind


def test_without_a_run_every_failure_is_an_outage():
    assert type(_meaning(WRONG, Client("active"), None)) is Unreachable


def test_an_outage_is_said_once_and_asked_again_only_after_the_pause(capsys):
    server, asked = Server("http://nowhere"), []

    def fail():
        asked.append(1)
        raise Unreachable("refused")

    server.attempt(lambda: None, pause=1000, kept="runs/a")
    server.retry_at = 0
    assert capsys.readouterr().err == ""
    for _ in range(5):
        server.attempt(fail, pause=1000, kept="runs/a")
    assert len(asked) == 1 and server.away
    server.retry_at = 0
    server.attempt(lambda: None, pause=1000, kept="runs/a")
    first, second = capsys.readouterr().err.splitlines()
    assert "http://nowhere" in first and "refused" in first and "runs/a" in first
    assert "http://nowhere" in second and "again" in second and not server.away


def test_of_what_is_refused_only_the_single_values_are_left_out(monkeypatch):
    server, sent, rejected = Server("http://nowhere"), [], []

    def send(_, __, events):
        values = {name for event in events for name in event["metrics"]}
        if "bad" in values:
            raise Refused("not bad")
        sent.extend(values)

    monkeypatch.setattr(server, "_ask", lambda question, run=None: question(None))
    monkeypatch.setattr(servers, "_send", send)
    events = [{"metrics": {"a": 1.0, "bad": 2.0, "b": 3.0}}, {"metrics": {"c": 4.0}}]
    server.send("ab", events, lambda event, reason: rejected.append((event, reason)))
    assert sorted(sent) == ["a", "b", "c"]
    assert rejected == [({"metrics": {"bad": 2.0}}, "not bad")]


def test_a_database_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(Unreachable, match=f"{tmp_path / 'none.db'}"):
        Server(f"sqlite:///{tmp_path / 'none.db'}")._ask(lambda _: None)
    assert not list(tmp_path.iterdir())


def test_the_cause_of_a_failure_is_the_first_line_of_what_lies_at_the_bottom(monkeypatch):
    def refuse(_):
        try:
            raise OSError("\nConnection refused\nat all")
        except OSError as error:
            raise RuntimeError("pool") from error

    monkeypatch.setattr(servers, "connect", refuse)
    with pytest.raises(Unreachable, match="^Connection refused$"):
        Server("http://nowhere")._ask(lambda _: None)
