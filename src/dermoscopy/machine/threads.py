"""A map over threads that keeps the order and bounds the results that wait in memory."""

import os
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """Return the number of cores that this process may use: on a cluster, fewer than the machine has."""
    if sys.platform == "linux":  # other systems do not report it
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
