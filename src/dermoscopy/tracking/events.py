"""Events of a journal: the content of its lines, and the batches in which they are sent to MLflow."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypedDict, TypeVar

JOURNAL: Final = "journal"  # tag that identifies the run of a journal
# MLflow allows 1000 metrics, 100 parameters and 100 tags per batch, and no more than 1000 in total.
LIMITS = {"metrics": 800, "params": 100, "tags": 100}
OWN_REQUEST = ("artifact", "status", "dataset", "experiment_tags")
Value = TypeVar("Value")


class Destination(TypedDict):
    """Destination of a journal: the tracking store, the name of the experiment, and the place of all artifacts.

    The place is an address or an absolute folder; if it is None, the server decides.
    """

    uri: str
    experiment: str
    artifacts: str | None


class Event(TypedDict, total=False):
    """One line of a journal: its time in ms, and one kind of content; metrics have a step as well.

    The first line begins the run: it has the name of the run (begin), the id of the journal, the tags that identify the
    run, all its tags, and the destination. An artifact is a path relative to the folder of the journal. A data set has
    the fields of `mlflow.entities.Dataset`; tags of the experiment are those of the experiment in which the run is.
    """

    time: int
    begin: str
    journal: str
    identity: dict[str, str]
    tags: dict[str, str]
    to: Destination
    status: str
    params: dict[str, str]
    metrics: dict[str, float]
    step: int
    artifact: str
    dataset: dict[str, str]
    experiment_tags: dict[str, str]


def counts(event: Event) -> dict[str, int]:
    """Return the number of metrics, parameters or tags in an event; empty for an event that cannot be divided."""
    if "begin" in event:
        return {}
    values: dict[str, Mapping[str, object] | None]
    values = {"metrics": event.get("metrics"), "params": event.get("params"), "tags": event.get("tags")}
    return {kind: len(entries) for kind, entries in values.items() if entries is not None}


def parts(values: Mapping[str, Value], size: int) -> list[dict[str, Value]]:
    """Divide values into parts of at most `size`."""
    pairs = list(values.items())
    return [dict(pairs[start : start + size]) for start in range(0, len(pairs), size)]


def halves(events: list[Event]) -> list[list[Event]]:
    """Divide a batch into two smaller ones; return none if it has only one value."""
    if len(events) > 1:
        return [events[: len(events) // 2], events[len(events) // 2 :]]
    (event,) = events
    count = sum(counts(event).values())
    if count < 2:
        return []
    first = count // 2
    smaller: list[Event]
    if "metrics" in event:
        smaller = [{**event, "metrics": part} for part in _split(event["metrics"], first)]
    elif "params" in event:
        smaller = [{**event, "params": part} for part in _split(event["params"], first)]
    else:
        smaller = [{**event, "tags": part} for part in _split(event["tags"], first)]
    return [[part] for part in smaller]


def _split(values: Mapping[str, Value], first: int) -> tuple[dict[str, Value], dict[str, Value]]:
    pairs = list(values.items())
    return dict(pairs[:first]), dict(pairs[first:])


def batches(events: Iterable[tuple[int, Event]]) -> Iterator[tuple[int, list[Event]]]:
    """Group events into batches for single requests; events of `OWN_REQUEST` are sent alone.

    Args:
        events: the position after each event, and the event.

    Yields:
        The position after a batch, and its events; no events if they are not sent to the server.
    """
    batch: list[Event] = []
    room, end = dict(LIMITS), 0
    for position, event in events:
        carried = counts(event)
        if batch and (not carried or any(count > room[kind] for kind, count in carried.items())):
            yield end, batch
            batch, room = [], dict(LIMITS)
        end = position
        if carried:
            batch.append(event)
            room = {kind: left - carried.get(kind, 0) for kind, left in room.items()}
        else:
            yield end, [event] if any(kind in event for kind in OWN_REQUEST) else []
    if batch:
        yield end, batch
