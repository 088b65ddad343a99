"""Leases: exclusive use of a folder by one process, also between machines that share the file system."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from filelock import SoftFileLease, Timeout

# Long enough for a slow file system, short enough to wait for after another machine was switched off.
# On the same machine a dead holder is recognised at once, by its process id.
LEASE = 30.0  # seconds without a heartbeat after which a holder counts as dead


def lock_file(folder: Path) -> Path:
    """Return the lock file of a folder; it lies beside the folder, so the folder may be renamed."""
    return folder.with_name(f".{folder.name}.lock")


def held(folder: Path) -> bool:
    """Return whether a folder is held: by a living process on this machine, or elsewhere by a recent heartbeat."""
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

    A killed holder is recognised by its process id on the same machine, and by its missing heartbeat for `LEASE`
    seconds on any other, so a lease never outlives its holder.

    Args:
        folder: need not exist yet.
        on_wait: called once before waiting, if another process holds the folder; may raise an error to avoid waiting.
    """
    path = lock_file(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    own_lease = SoftFileLease(path, lease_duration=LEASE)
    try:
        own_lease.acquire(timeout=0)
    except Timeout:
        if on_wait is not None:
            on_wait()
        own_lease.acquire(poll_interval=0.2)
    try:
        yield
    finally:
        own_lease.release()
