"""Sending of journals that other processes write: only the process of the command imports MLflow."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dermoscopy.machine.threads import in_background
from dermoscopy.tracking.delivery import deliver, journals_of, pending
from dermoscopy.tracking.experiment import say


@contextmanager
def sending(folder: Path, seconds: float = 2.0) -> Iterator[None]:
    """Send what the jobs of a sweep write to their journals, while the block runs; the rest is sent after it.

    Args:
        folder: of the sweep.
        seconds: interval at which the journals are read.
    """
    over = threading.Event()

    def run() -> None:
        turns: dict[Path, int] = {}  # a pause after each request: the journals take turns
        turn = 0
        while not over.wait(seconds):
            for journal in sorted(journals_of(folder), key=lambda path: turns.get(path, 0)):
                turn += 1
                if not over.is_set() and _send(journal):
                    turns[journal] = turn

    with in_background(run, over):
        yield


def _send(journal: Path) -> bool:
    """Send a journal unless there is a pause; return whether it had something to send and all was sent."""
    try:
        return pending(journal) and deliver(journal)
    except (OSError, ValueError, LookupError) as error:  # a damaged line or a journal being renamed; sent at the end
        say(f"{journal}: {error}")
        return False
