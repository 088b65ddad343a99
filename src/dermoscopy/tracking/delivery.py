"""Delivery of journals to the tracking server: how much of each has been sent, and sending the rest."""

import json
import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

from filelock import SoftFileLease, Timeout

from dermoscopy.machine.files import append_line, write_json
from dermoscopy.machine.leases import LEASE, lock_file
from dermoscopy.tracking.addresses import address, artifact_store, database
from dermoscopy.tracking.events import Destination, Event, batches
from dermoscopy.tracking.experiment import say
from dermoscopy.tracking.server import MissingRun, Outage, server

PAUSE = 30.0  # seconds without requests to a server that did not answer


class DeliveryState(TypedDict):
    """How many bytes of a journal have been sent, the destination, and the id of the run there."""

    to: Destination | None
    run: str | None
    bytes: int


def sent_file(journal: Path) -> Path:
    """Return the file of the `DeliveryState` of a journal; without it the journal is sent again."""
    return journal.with_suffix(".sent")


def rejected_file(journal: Path) -> Path:
    """Return the file of events that the server refused."""
    return journal.with_suffix(".rejected.jsonl")


def read_events(journal: Path, start: int = 0) -> Iterator[tuple[int, Event]]:
    """Yield the position after each event in bytes, and the event.

    A last line without a line break is no event yet: it is being written, or its process was killed while writing.

    Raises:
        ValueError: a line is damaged.
    """
    if not journal.is_file():
        return
    with journal.open("rb") as file:
        position = file.seek(start)
        for line in file:
            if not line.endswith(b"\n"):
                return
            position += len(line)
            try:
                yield position, json.loads(line)
            except ValueError as error:
                raise ValueError(f"{journal} is damaged before byte {position}: delete that line") from error


def read_sent(journal: Path) -> DeliveryState:
    """Return how much of a journal has been sent, and to where."""
    path = sent_file(journal)
    if not path.is_file():
        return DeliveryState(to=None, run=None, bytes=0)
    sent: DeliveryState = json.loads(path.read_text())
    return sent


def pending(journal: Path) -> bool:
    """Tell whether a journal has unsent events, without reading those that were sent."""
    start = read_sent(journal)["bytes"]
    return journal.is_file() and journal.stat().st_size > start and any(read_events(journal, start))


def deliver(journal: Path, pause: float = PAUSE, force: bool = False) -> bool:
    """Send the unsent events of a journal, in order; return whether none is left.

    Args:
        journal: file of events.
        pause: seconds without requests to a server that did not answer.
        force: send now, also during a pause, and wait for another process that is sending this journal.
    """
    if not pending(journal):
        return True
    try:
        with SoftFileLease(lock_file(journal), lease_duration=LEASE, timeout=10 if force else 0):
            to = _destination(journal)
            if force:
                server(to["uri"]).retry_at = -math.inf
            server(to["uri"]).deliver(lambda: _send(journal, to), pause, journal)
    except Timeout:
        return False
    return not pending(journal)


def flush_pending(runs: Path) -> list[Path]:
    """Send the unsent events of all journals of sweeps and jobs under `runs`; return the journals still unsent."""
    contacted: set[str] = set()
    return [path for path in _journals(runs) if not _deliver_old(path, contacted)]


def _journals(runs: Path) -> list[Path]:
    return [journal for sweep in sorted(runs.glob("*/sweeps/*")) for journal in journals_of(sweep)]


def journals_of(sweep: Path) -> list[Path]:
    """Return the journals of a sweep: its own, those of its arms, then those of its jobs."""
    paths = [path for depth in ("", "*/") for path in sweep.glob(f"{depth}tracking*.jsonl")]
    journals = [path for path in paths if path.suffixes == [".jsonl"]]  # without the files of rejected events
    return sorted(journals, key=lambda path: (path.parent != sweep, path.with_suffix("").parts))


def follow_database(runs: Path, uri: str, artifacts: str | None) -> None:
    """Send the rest of journals to this database if it is the one they were sent to, moved or copied with the runs.

    Otherwise they would wait for a file at the old place, or write into the original of a copy.
    """
    for journal in _journals(runs) if database(uri) else ():
        sent = read_sent(journal)
        to, run = sent["to"], sent["run"]
        if to and run and to["uri"] != address(uri) and database(to["uri"]) and pending(journal):
            with suppress(Outage, MissingRun):
                server(address(uri)).find_run(run)
                direct(journal, {**to, "uri": address(uri), "artifacts": artifact_store(artifacts)})


def _deliver_old(journal: Path, contacted: set[str]) -> bool:
    """Send a journal of an earlier run; a server that does not answer is contacted once for all journals."""
    try:
        if not pending(journal):
            return True
        uri = _destination(journal)["uri"]
        first = uri not in contacted
        contacted.add(uri)
        return deliver(journal, force=first or not server(uri).away)
    except ValueError as error:
        say(str(error))
        return False


def direct(journal: Path, to: Destination) -> None:
    """Send a journal to another destination from now on, from its beginning."""
    write_json(sent_file(journal), DeliveryState(to=to, run=None, bytes=0))


def _destination(journal: Path) -> Destination:
    """Return the destination of a journal, from the journal itself if the file of its `DeliveryState` is lost."""
    return read_sent(journal)["to"] or [event["to"] for _, event in read_events(journal) if "to" in event][-1]


def _send(journal: Path, to: Destination) -> None:
    refused: list[str] = []
    try:
        _send_from(journal, to, read_sent(journal), refused)
    except MissingRun:  # deleted, or the database was replaced: send everything again, to a new run
        try:
            _send_from(journal, to, DeliveryState(to=to, run=None, bytes=0), refused)
        except MissingRun as error:
            raise Outage(f"it lost the run {error}") from error
    finally:
        if refused:
            rejected = rejected_file(journal)
            say(f"{to['uri']} refused {len(refused)} values (first reason: {refused[0]}); they are kept in {rejected}")


def _send_from(journal: Path, to: Destination, sent: DeliveryState, refused: list[str]) -> None:
    """Send the events after the position in `sent`, and write the new position after each batch."""
    run, place = sent["run"], server(to["uri"])
    if run is None:
        _, begin = next(read_events(journal))
        run = place.open_run(to["experiment"], to["artifacts"], begin)
        write_json(sent_file(journal), DeliveryState(to=to, run=run, bytes=sent["bytes"]))

    def reject(event: Event, reason: str) -> None:
        append_line(rejected_file(journal), json.dumps({**event, "reason": reason}))
        refused.append(reason)

    for end, batch in batches(read_events(journal, sent["bytes"])):
        if batch:
            place.send(run, [_located(event, journal.parent) for event in batch], reject)
        write_json(sent_file(journal), DeliveryState(to=to, run=run, bytes=end))


def _located(event: Event, folder: Path) -> Event:
    """Resolve the path of an artifact, which is relative to the folder of the journal so that runs can be moved."""
    return {**event, "artifact": str(folder / event["artifact"])} if "artifact" in event else event
