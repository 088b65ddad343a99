"""From the journals of runs to the tracking server: how far each is sent, and sending the rest."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from filelock import SoftFileLease, Timeout

from dermoscopy.machine.files import write_json
from dermoscopy.machine.leases import LEASE, lock_file
from dermoscopy.tracking.events import Destination, Event, batches
from dermoscopy.tracking.server import Gone, Unreachable, say, server

PAUSE = 30.0  # seconds until a server that did not answer is asked again


class Sent(TypedDict):
    """How far a journal is sent, in bytes, to where, and to which run there."""

    to: Destination | None
    run: str | None
    bytes: int


def sent_file(journal: Path) -> Path:
    """Return the file that says how far a journal is sent, to where, and to which run; it may be lost."""
    return journal.with_suffix(".sent")


def rejected_file(journal: Path) -> Path:
    """Return the file of what the server refused."""
    return journal.with_suffix(".rejected.jsonl")


def read_events(journal: Path, start: int = 0) -> Iterator[tuple[int, Event]]:
    """Yield the position after each event in bytes, and the event.

    A last line without its end is still being written, or was left by a process killed in writing it: no event yet.

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


def read_sent(journal: Path) -> Sent:
    """Return how far a journal is sent."""
    path = sent_file(journal)
    if not path.is_file():
        return Sent(to=None, run=None, bytes=0)
    sent: Sent = json.loads(path.read_text())
    return sent


def pending(journal: Path) -> bool:
    """Tell whether the server lacks something; without reading what it has."""
    start = read_sent(journal)["bytes"]
    return journal.is_file() and journal.stat().st_size > start and any(read_events(journal, start))


def deliver(journal: Path, pause: float = PAUSE, force: bool = False) -> bool:
    """Send what the server lacks, in order; return whether it then has everything.

    Args:
        journal: file of events.
        pause: seconds until a server that did not answer is asked again.
        force: ask it at once, and wait for another process that is sending this journal.
    """
    if not pending(journal):
        return True
    try:
        with SoftFileLease(lock_file(journal), lease_duration=LEASE, timeout=10 if force else 0):
            to = _destination(journal)
            if force:
                server(to["uri"]).retry_at = -math.inf
            server(to["uri"]).attempt(lambda: _send(journal, to), pause, journal)
    except Timeout:
        return False
    return not pending(journal)


def flush_pending(runs: Path) -> list[Path]:
    """Send what any journal of a sweep or job under `runs` has not sent yet; return those that are still unsent."""
    found = [path for depth in ("*/sweeps/*", "*/sweeps/*/*") for path in runs.glob(f"{depth}/tracking*.jsonl")]
    journals = [path for path in sorted(found) if path.suffixes == [".jsonl"]]  # not what was rejected
    asked: set[str] = set()
    return [path for path in journals if not _deliver_old(path, asked)]


def _deliver_old(journal: Path, asked: set[str]) -> bool:
    """Send a journal that nobody waits for; a server that does not answer is asked once."""
    try:
        if not pending(journal):
            return True
        uri = _destination(journal)["uri"]
        first = uri not in asked
        asked.add(uri)
        return deliver(journal, force=first)
    except ValueError as error:
        say(str(error))
        return False


def direct(journal: Path, to: Destination) -> None:
    """Send a journal to another place from now on, where nothing of it is known yet."""
    write_json(sent_file(journal), Sent(to=to, run=None, bytes=0))


def _destination(journal: Path) -> Destination:
    """Return where a journal goes; it says so itself if the other file was lost."""
    return read_sent(journal)["to"] or [event["to"] for _, event in read_events(journal) if "to" in event][-1]


def _send(journal: Path, to: Destination) -> None:
    refused: list[str] = []
    try:
        _send_from(journal, to, read_sent(journal), refused)
    except Gone:  # deleted, or in a database that was replaced: tell all of it again, to a new run
        try:
            _send_from(journal, to, Sent(to=to, run=None, bytes=0), refused)
        except Gone as error:
            raise Unreachable(f"it lost the run {error}") from error
    finally:
        if refused:
            say(f"{to['uri']} refuses {len(refused)} of the values, as {refused[0]}; kept in {rejected_file(journal)}")


def _send_from(journal: Path, to: Destination, sent: Sent, refused: list[str]) -> None:
    """Send what follows after `sent`, and keep that true after each batch."""
    run, place = sent["run"], server(to["uri"])
    if run is None:
        _, begin = next(read_events(journal))
        run = place.open_run(to["experiment"], to["artifacts"], begin)
        write_json(sent_file(journal), Sent(to=to, run=run, bytes=sent["bytes"]))

    def reject(event: Event, reason: str) -> None:
        with rejected_file(journal).open("a") as file:
            file.write(json.dumps({**event, "reason": reason}) + "\n")
        refused.append(reason)

    for end, batch in batches(read_events(journal, sent["bytes"])):
        if batch:
            place.send(run, [_located(event, journal.parent) for event in batch], reject)
        write_json(sent_file(journal), Sent(to=to, run=run, bytes=end))


def _located(event: Event, folder: Path) -> Event:
    """Artifacts are named from the journal's folder, so that runs may be moved as a whole."""
    return {**event, "artifact": str(folder / event["artifact"])} if "artifact" in event else event
