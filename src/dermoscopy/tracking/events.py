"""Events of a journal: what a line of it holds, and how many of them one request to MLflow can carry."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypedDict, TypeVar

JOURNAL: Final = "journal"  # tag by which a run is found again
# of MLflow: 1000 metrics, 100 parameters and 100 tags a batch, and no more than 1000 together
LIMITS = {"metrics": 800, "params": 100, "tags": 100}
Value = TypeVar("Value")


class Destination(TypedDict):
    """Where a journal goes: the tracking store, the experiment's name there, and the folder of its artifacts.

    Without a folder the server decides.
    """

    uri: str
    experiment: str
    artifacts: str | None


class Event(TypedDict, total=False):
    """One line: its time in ms, and one of the others; metrics come with their step, the first line is a beginning.

    A beginning has the name of the run, the id of the journal, the tags that say which run it is, all its tags, and
    where it goes. An artifact is a path from the folder of the journal.
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


def counts(event: Event) -> dict[str, int]:
    """Return how many metrics, parameters or tags an event carries; empty for one that cannot be taken apart."""
    if "begin" in event:
        return {}
    values: dict[str, Mapping[str, object] | None]
    values = {"metrics": event.get("metrics"), "params": event.get("params"), "tags": event.get("tags")}
    return {kind: len(each) for kind, each in values.items() if each is not None}


def parts(values: Mapping[str, Value], size: int) -> list[dict[str, Value]]:
    """Return values in parts of at most `size`."""
    pairs = list(values.items())
    return [dict(pairs[start : start + size]) for start in range(0, len(pairs), size)]


def halves(events: list[Event]) -> list[list[Event]]:
    """Return two smaller batches; none if there is but one value."""
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
    """Put together what one request can carry; artifacts and changes of the status go alone.

    Args:
        events: the position after each event, and the event.

    Yields:
        The position after a batch, and its events; none if they only concern the journal.
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
            yield end, [event] if "artifact" in event or "status" in event else []
    if batch:
        yield end, batch
