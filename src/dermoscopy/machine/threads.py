"""A map over threads that keeps the order and bounds the results that wait in memory."""

import os
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

# How threads of OpenMP wait: the standard's variable, then those of GNU's, Intel's and LLVM's runtimes.
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
CGROUP = Path("/sys/fs/cgroup")  # limits of a container
Item = TypeVar("Item")
Result = TypeVar("Result")


def cores(cgroup: Path = CGROUP) -> int:
    """Return the number of cores that this process may use: on a cluster or in a container, fewer than the machine has.

    Args:
        cgroup: folder with the limits of a container.
    """
    if sys.platform != "linux":  # other systems do not report it
        return os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0))
    with suppress(OSError, ValueError):  # no container, or one without a limit: its file says max
        quota, period = map(int, (cgroup / "cpu.max").read_text().split())
        allowed = min(allowed, max(1, quota // period))
    return allowed


def release_cores() -> None:
    """Let threads of OpenMP that wait for one another release their core, unless the user's environment says how.

    By default they keep it busy, also on cores that other processes could use. Has no effect after OpenMP is loaded.
    """
    if not any(name in os.environ for name in WAITING):
        os.environ[WAITING[0]] = "PASSIVE"


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], ahead: int, workers: int | None = None
) -> Generator[Result, None, None]:
    """Yield `function(item)` in the order of the items, computed by threads.

    Items that have not started are dropped when the generator is closed.

    Args:
        function: must not hold Python's lock for long (decoding and resizing do not).
        items: arguments of the function.
        ahead: results that may be computed before they are requested.
        workers: threads; None: one per core.
    """
    pool = ThreadPoolExecutor(workers or cores())
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
