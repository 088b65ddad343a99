"""Leases: exclusive use of a folder by one process, also between machines that share the file system."""

import _thread
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from filelock import SoftFileLease, Timeout

from dermoscopy.machine.files import HELD, writing

# Long enough for a slow file system, short enough to wait for after another machine was switched off.
# On the same machine a dead holder is recognised at once, by its process id.
LEASE = 30.0  # seconds without a heartbeat after which a holder counts as dead


class LeaseLost(OSError):
    """Loss of a folder to another process, as this one was suspended for too long, or the folder was removed."""


def lock_file(folder: Path) -> Path:
    """Return the lock file of a folder; it lies beside the folder, so the folder may be renamed."""
    return folder.with_name(f".{folder.name}.lock")


def held(folder: Path) -> bool:
    """Return whether a folder is held: by a living process on this machine, or elsewhere by a recent heartbeat."""
    try:
        beat = lock_file(folder).stat().st_mtime
    except (FileNotFoundError, NotADirectoryError):
        return False
    if abs(time.time() - beat) > LEASE:  # also one of the future: a clock was set back after its death
        return False
    owner = SoftFileLease(lock_file(folder), lease_duration=LEASE).owner
    return owner is None or owner.hostname != _host() or psutil.pid_exists(owner.pid)


@cache
def _host() -> str | None:
    """Return the name of this machine as locks record it; in a container it contains the container's number."""
    with suppress(OSError), TemporaryDirectory() as folder, SoftFileLease(Path(folder, "lock")) as own:
        return own.owner and own.owner.hostname
    return None


@contextmanager
def lease(folder: Path, on_wait: Callable[[], object] | None = None) -> Iterator[None]:
    """Hold a folder for this process alone while the block runs.

    A killed holder is recognised by its process id on the same machine, and by its missing heartbeat for `LEASE`
    seconds on any other, so a lease never outlives its holder. A holder that was suspended for longer loses the folder
    to a process that waits for it: the main thread is interrupted, and no file in the folder is replaced any more.

    Args:
        folder: need not exist yet.
        on_wait: called once before waiting, if another process holds the folder; may raise an error to avoid waiting.

    Raises:
        LeaseLost: another process has taken over; raised by the next write of a file in the folder.
    """
    path = lock_file(folder)
    own_lease = SoftFileLease(path, lease_duration=LEASE, on_compromise=lambda _: _thread.interrupt_main())
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            own_lease.acquire(timeout=0)
        except Timeout:
            if on_wait is not None:
                on_wait()
            own_lease.acquire(poll_interval=0.2)
    place = Path(os.path.realpath(folder))
    HELD[place] = partial(_check, folder, own_lease.token)
    try:
        yield
    finally:
        HELD.pop(place, None)
        own_lease.release()


def _check(folder: Path, token: str | None) -> None:
    """Raise `LeaseLost` unless the lock file of a folder has this token."""
    for pause in (0.2, 0.0):  # a process that wrongly took this one for dead puts the file back at once
        owner = SoftFileLease(lock_file(folder), lease_duration=LEASE).owner
        if owner and owner.token == token:
            return
        time.sleep(pause)
    if owner is None:
        raise LeaseLost(f"{folder} was removed or moved while this process worked in it: start the command again")
    by = f"process {owner.pid} on {owner.hostname.partition('?')[0]}"
    raise LeaseLost(f"{folder} was taken over by {by}, as this process was suspended for over {LEASE:.0f} s")
