"""What the failure of a request to MLflow means, and how often a server that is away is asked."""

import pytest
import requests
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST

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

    for _ in range(5):
        server.attempt(fail, pause=1000, kept="runs/a")
    assert len(asked) == 1 and server.away
    server.retry_at = 0
    server.attempt(lambda: None, pause=1000, kept="runs/a")
    first, second = capsys.readouterr().err.splitlines()
    assert "http://nowhere" in first and "refused" in first and "runs/a" in first
    assert "http://nowhere" in second and "again" in second and not server.away
