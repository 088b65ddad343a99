"""A map over threads that keeps the order and bounds the results that wait in memory."""

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

# How threads of OpenMP wait: the standard's variable, then those of GNU's, Intel's and LLVM's runtimes.
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
CGROUP = Path("/sys/fs/cgroup")  # limits of a container
LOAD = Path("/proc/loadavg")
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


def others_run(load: Path = LOAD, looks: int = 5, seconds: float = 0.002) -> bool:
    """Return whether other programs use the machine's cores now; true where the system does not tell.

    Args:
        load: the system's count of running programs, this one included, as in Linux.
        looks: number of looks, all of which must see another program: one of a moment does not count.
        seconds: between two looks.
    """
    for _ in range(looks):
        try:
            running = int(load.read_text().split()[3].partition("/")[0])
        except (OSError, IndexError, ValueError):
            return True
        if running <= 1:
            return False
        time.sleep(seconds)
    return True


def release_cores(shared: bool) -> None:
    """Let threads of OpenMP that wait for one another release their core, unless the user's environment says how.

    By default they keep it busy. On a quiet machine that is faster; on a shared one each thread that waits for its core
    makes all others wait, and a training can take many times as long. Has no effect after OpenMP is loaded.

    Args:
        shared: whether other programs use the cores.
    """
    if shared and not any(name in os.environ for name in WAITING):
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


@contextmanager
def in_background(run: Callable[[], None], over: threading.Event) -> Iterator[None]:
    """Run a function in a thread beside the block, at whose end `over` is set and the thread is awaited.

    Args:
        run: returns soon after `over` is set.
        over: tells the function to end.
    """
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
