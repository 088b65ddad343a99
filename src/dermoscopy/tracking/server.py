"""An MLflow tracking server that may be away: requests in batches, and what their failure means."""

import math
import sys
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from dermoscopy.tracking.events import JOURNAL, Event, halves
from dermoscopy.tracking.experiment import connect, database, experiment_id

if TYPE_CHECKING:
    from mlflow import MlflowClient

Answer = TypeVar("Answer")
REST = 19  # times as long as a request took, until the next
LONGEST = 6000  # characters of a parameter
# Client errors that say nothing against what was sent: not allowed, no such page, too slow, too many.
NOT_A_REFUSAL = (401, 403, 404, 407, 408, 429)


class Unreachable(OSError):
    """The server does not answer, or not as a working server does: try again later."""


class Refused(ValueError):
    """The server works and does not take this; it never will."""


class Gone(LookupError):
    """The server works and does not have the run, or only among the deleted ones."""


@cache
def server(uri: str) -> "Server":
    """Return the server at this address: one object a process, as all runs share its outages."""
    return Server(uri)


class Server:
    """An MLflow tracking server, or a database used as one.

    Args:
        uri: its address.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.away = False
        self.retry_at = -math.inf

    def attempt(self, send: Callable[[], None], pause: float, kept: object) -> None:
        """Send, unless it was tried a moment ago; say once that the server is away, and that it is back.

        Sending may take a twentieth of the time: after a request that took long, also one that failed, the next waits.

        Args:
            send: raises Unreachable if the server does not answer.
            pause: seconds until the next attempt after a failure.
            kept: where the record is meanwhile.
        """
        began = time.monotonic()
        if began < self.retry_at:
            return
        outage = None
        try:
            send()
        except Unreachable as error:
            outage = error
        now = time.monotonic()
        self.retry_at = now + max(pause if outage else 0, REST * (now - began))
        if outage and not self.away:
            say(f"{self.uri} does not answer ({outage}); the run goes on, its record is kept in {kept}")
        elif self.away and not outage:
            say(f"{self.uri} answers again and is told what it missed")
        self.away = outage is not None

    def open_run(self, experiment: str, artifacts: str | None, begin: Event) -> str:
        """Return the id of the run that a journal began: found by its tag, or made with all tags at once.

        A process killed between the making and its answer therefore leaves no second run.
        """
        return self._ask(lambda client: _open_run(client, experiment_id(client, experiment, artifacts), begin))

    def send(self, run: str, events: list[Event], reject: Callable[[Event, str], None]) -> None:
        """Send one batch; if it is refused, send its halves, until only the values that are refused are left out.

        Raises:
            Unreachable: nothing, or a part of it, was sent; sending it again does no harm.
            Gone: the run is not there.
        """
        try:
            self._ask(lambda client: _send(client, run, events), run)
        except Refused as error:
            parts = halves(events)
            if not parts:
                reject(events[0], str(error))
            for part in parts:
                self.send(run, part, reject)

    def _ask(self, question: Callable[["MlflowClient"], Answer], run: str | None = None) -> Answer:
        file = database(self.uri)
        if file and not file.is_file():  # sqlite would make an empty one
            raise Unreachable(f"there is no file {file}")
        try:
            client = connect(self.uri)
        except Exception as error:
            raise Unreachable(_cause(error)) from error
        try:
            return question(client)
        except Exception as error:
            raise _meaning(error, client, run) from error


def say(line: str) -> None:
    """Say one line about the tracking on the console."""
    print(f"tracking: {line}", file=sys.stderr, flush=True)


def _open_run(client: "MlflowClient", experiment: str, begin: Event) -> str:
    found = client.search_runs([experiment], f"tags.{JOURNAL} = '{begin[JOURNAL]}'", max_results=1)
    tags = {**begin["tags"], JOURNAL: begin[JOURNAL]}
    run = found[0] if found else client.create_run(experiment, begin["time"], tags, run_name=begin["begin"])
    return run.info.run_id


def _send(client: "MlflowClient", run: str, events: list[Event]) -> None:
    from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415  (see tracking.connect)

    first = events[0]
    if "artifact" in first:
        client.log_artifact(run, first["artifact"])
    elif first.get("status") == "RUNNING":
        client.update_run(run, status="RUNNING")
    elif "status" in first:
        client.set_terminated(run, first["status"], first["time"])
    else:
        metrics = [Metric(k, v, e["time"], e["step"]) for e in events for k, v in e.get("metrics", {}).items()]
        params = {k: v[:LONGEST] for e in events for k, v in e.get("params", {}).items()}
        tags = {k: v for e in events for k, v in e.get("tags", {}).items()}
        pairs = [Param(*pair) for pair in params.items()], [RunTag(*pair) for pair in tags.items()]
        client.log_batch(run, metrics, *pairs, synchronous=True)


def _meaning(error: Exception, client: "MlflowClient", run: str | None) -> Exception:
    """Return what a failure means; a refusal only if the server can show the run, as a broken database refuses too."""
    if run is None or not (_does_not_exist(error) or _status(error) // 100 == 4):
        return Unreachable(_cause(error))
    try:
        there = client.get_run(run).info.lifecycle_stage == "active"
    except Exception as second:
        return Gone(run) if _does_not_exist(second) else Unreachable(_cause(second))
    return Refused(_cause(error)) if there else Gone(run)


def _does_not_exist(error: Exception) -> bool:
    from mlflow.exceptions import MlflowException  # noqa: PLC0415  (see tracking.connect)

    return isinstance(error, MlflowException) and error.error_code == "RESOURCE_DOES_NOT_EXIST"


def _status(error: Exception) -> int:
    """Return the HTTP status that an error of MLflow or of an upload stands for; 500 if it speaks of an outage."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415  (see tracking.connect)
    from requests import RequestException  # noqa: PLC0415

    if isinstance(error, FileNotFoundError):  # an artifact that is no longer there
        return 400
    if isinstance(error, RequestException) and error.response is not None:
        status = error.response.status_code
    elif isinstance(error, MlflowException):
        status = int(error.get_http_status_code())
    else:
        return 500
    return 500 if status in NOT_A_REFUSAL else status


def _cause(error: BaseException) -> str:
    """Return the first line of what lies at the bottom of an error, such as 'Connection refused'."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
