"""Leases: who works in a folder now, on this machine or another one that shares the file system."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from filelock import SoftFileLease, Timeout

# Long enough for a file system that answers late, short enough to wait for when another machine was switched off.
# On the same machine a dead holder is seen at once, by its process number.
LEASE = 30.0  # seconds without a heartbeat after which a holder counts as dead


def lock_file(folder: Path) -> Path:
    """Return the file that says that somebody works in this folder; it lies beside it, so the folder may be renamed."""
    return folder.with_name(f".{folder.name}.lock")


def held(folder: Path) -> bool:
    """Tell whether somebody works in this folder now: a living process here, elsewhere one with a fresh heartbeat."""
    try:
        text, beat = lock_file(folder).read_text(), lock_file(folder).stat().st_mtime
    except FileNotFoundError:
        return False
    owner = dict(line.partition("=")[::2] for line in text.splitlines())
    if owner.get("host") == socket.gethostname() and owner.get("pid", "").isdigit():
        return psutil.pid_exists(int(owner["pid"]))
    return time.time() - beat < LEASE


@contextmanager
def lease(folder: Path, on_wait: Callable[[], object] | None = None) -> Iterator[None]:
    """Hold a folder for this process alone while the block runs.

    A holder that was killed is noticed by its process number on the same machine, and by its silence for `LEASE`
    seconds on any other, so a lease never outlives its holder.

    Args:
        folder: need not exist yet.
        on_wait: called once if another one holds it, before waiting; it may raise in order not to wait.
    """
    path = lock_file(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    held_by_us = SoftFileLease(path, lease_duration=LEASE)
    try:
        held_by_us.acquire(timeout=0)
    except Timeout:
        if on_wait is not None:
            on_wait()
        held_by_us.acquire(poll_interval=0.2)
    try:
        yield
    finally:
        held_by_us.release()
