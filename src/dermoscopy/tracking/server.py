"""Requests to an MLflow tracking server that may be unreachable, and the meaning of their failures."""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from dermoscopy.tracking.addresses import database
from dermoscopy.tracking.events import JOURNAL, Event, halves
from dermoscopy.tracking.experiment import connect, experiment_id, say
from dermoscopy.tracking.names import (
    LONGEST_DATASET,
    LONGEST_NAME,
    LONGEST_PARAMETER,
    LONGEST_TAG,
    tracked_name,
    tracked_text,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

Answer = TypeVar("Answer")
REST = 19  # pause after a request, as a multiple of its duration
# Client errors that are not about the content sent: not allowed, no such page, too slow, too many.
NOT_A_REFUSAL = (401, 403, 404, 407, 408, 429)


class Outage(OSError):
    """No answer from the server, or none of a working server; a later request may succeed."""


class Refusal(ValueError):
    """Refusal of the content by a working server; sending it again would not succeed."""


class MissingRun(LookupError):
    """A run that a working server does not have, or only among its deleted runs."""


@cache
def server(uri: str) -> "Server":
    """Return the server at this address, one object per process, as all runs share its outages."""
    return Server(uri)


class Server:
    """An MLflow tracking server, or a database used as one.

    Args:
        uri: address of the tracking store.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.away = False
        self.retry_at = -math.inf

    def deliver(self, send: Callable[[], None], pause: float, kept: object) -> None:
        """Call `send` unless there is a pause; print one line when an outage begins and one when it ends.

        Requests take at most a twentieth of the time: a pause follows each of them, `REST` times as long.

        Args:
            send: raises `Outage` if the server does not answer.
            pause: seconds until the next try after a failure.
            kept: file in which the record is kept during an outage.
        """
        began = time.monotonic()
        if began < self.retry_at:
            return
        outage = None
        try:
            send()
        except Outage as error:
            outage = error
        now = time.monotonic()
        self.retry_at = now + max(pause if outage else 0, REST * (now - began))
        if outage and not self.away:
            say(f"{self.uri} does not answer ({outage}); the run continues, and its record is kept in {kept}")
        elif self.away and not outage:
            say(f"{self.uri} answers again; missing records are sent")
        self.away = outage is not None

    def open_run(self, experiment: str, artifacts: str | None, begin: Event) -> str:
        """Return the id of the run of a journal, found by its tag or else created together with all its tags.

        A process that is killed before it gets the answer therefore leaves no second run.
        """
        return self._request(lambda client: _open_run(client, experiment_id(client, experiment, artifacts), begin))

    def find_run(self, run: str) -> None:
        """Check that the server has a run.

        Raises:
            Outage: no answer.
            MissingRun: the run does not exist.
        """
        self._request(lambda client: client.get_run(run), run)

    def send(self, run: str, events: list[Event], reject: Callable[[Event, str], None]) -> None:
        """Send one batch; if it is refused, send its halves, so that in the end only refused values are left out.

        Args:
            run: MLflow id of the run.
            events: of one batch, see `events.batches`.
            reject: called with each refused event and the reason.

        Raises:
            Outage: nothing or a part was sent; sending the batch again does no harm.
            MissingRun: the run does not exist.
        """
        try:
            self._request(lambda client: _send(client, run, events), run)
        except Refusal as error:
            parts = halves(events)
            if not parts:
                reject(events[0], str(error))
            for part in parts:
                self.send(run, part, reject)

    def _request(self, call: Callable[["MlflowClient"], Answer], run: str | None = None) -> Answer:
        file = database(self.uri)
        if file and not file.is_file():  # sqlite would create an empty one
            raise Outage(f"there is no file {file}")
        try:
            client = connect(self.uri)
        except Exception as error:
            raise Outage(_cause(error)) from error
        try:
            return call(client)
        except Exception as error:
            raise _meaning(error, client, run) from error


def _open_run(client: "MlflowClient", experiment: str, begin: Event) -> str:
    existing = client.search_runs([experiment], f"tags.{JOURNAL} = '{begin[JOURNAL]}'", max_results=1)
    tags, name = (
        _pairs([begin["tags"], {JOURNAL: begin[JOURNAL]}], LONGEST_TAG),
        tracked_text(begin["begin"], LONGEST_NAME),
    )
    run = existing[0] if existing else client.create_run(experiment, begin["time"], tags, run_name=name)
    return run.info.run_id


def _send(client: "MlflowClient", run: str, events: list[Event]) -> None:
    from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415  (see tracking.connect)

    first = events[0]
    if "artifact" in first:
        client.log_artifact(run, first["artifact"])
    elif "dataset" in first:
        _send_dataset(client, run, first["dataset"])
    elif "experiment_tags" in first:
        experiment = client.get_run(run).info.experiment_id
        for name, value in first["experiment_tags"].items():
            client.set_experiment_tag(experiment, tracked_name(name), value)
    elif first.get("status") == "RUNNING":
        client.update_run(run, status="RUNNING")
    elif "status" in first:
        client.set_terminated(run, first["status"], first["time"])
    else:
        metrics = [
            Metric(tracked_name(name), value, event["time"], event["step"])
            for event in events
            for name, value in event.get("metrics", {}).items()
        ]
        params = _pairs([event.get("params", {}) for event in events], LONGEST_PARAMETER)
        tags = _pairs([event.get("tags", {}) for event in events], LONGEST_TAG)
        pairs = [Param(*pair) for pair in params.items()], [RunTag(*pair) for pair in tags.items()]
        client.log_batch(run, metrics, *pairs, synchronous=True)


def _send_dataset(client: "MlflowClient", run: str, fields: Mapping[str, str]) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag  # noqa: PLC0415  (see tracking.connect)

    texts = {name: tracked_text(value, LONGEST_DATASET.get(name, LONGEST_TAG)) for name, value in fields.items()}
    client.log_inputs(run, [DatasetInput(Dataset(**texts), [InputTag("mlflow.data.context", "training")])])


def _pairs(parts: Iterable[Mapping[str, str]], longest: int) -> dict[str, str]:
    """Return names and values as MLflow takes them; a later value replaces an earlier one."""
    return {tracked_name(name): tracked_text(value, longest) for part in parts for name, value in part.items()}


def _meaning(error: Exception, client: "MlflowClient", run: str | None) -> Exception:
    """Return the meaning of a failure: a refusal only if the server can return the run, as a broken one refuses too."""
    if run is None or not (_does_not_exist(error) or _status(error) // 100 == 4):
        return Outage(_cause(error))
    try:
        exists = client.get_run(run).info.lifecycle_stage == "active"
    except Exception as second:
        return MissingRun(run) if _does_not_exist(second) else Outage(_cause(second))
    return Refusal(_cause(error)) if exists else MissingRun(run)


def _does_not_exist(error: Exception) -> bool:
    from mlflow.exceptions import MlflowException  # noqa: PLC0415  (see tracking.connect)

    return isinstance(error, MlflowException) and error.error_code == "RESOURCE_DOES_NOT_EXIST"


def _status(error: Exception) -> int:
    """Return the HTTP status of an error of MLflow or of an upload, 500 if it indicates an outage."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415  (see tracking.connect)
    from requests import RequestException  # noqa: PLC0415

    if isinstance(error, FileNotFoundError):  # an artifact that no longer exists
        return 400
    if isinstance(error, RequestException) and error.response is not None:
        status = error.response.status_code
    elif isinstance(error, MlflowException):
        status = int(error.get_http_status_code())
    else:
        return 500
    return 500 if status in NOT_A_REFUSAL else status


def _cause(error: BaseException) -> str:
    """Return the first line of the original cause of an error, such as `Connection refused`."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
