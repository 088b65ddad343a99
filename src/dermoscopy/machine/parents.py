"""How the processes of a sweep end together."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import FrameType

TERMINATED = 128 + signal.SIGTERM  # exit code of a terminated program, as shells report it


@cache  # once per process, which runs several jobs
def end_with_parent(seconds: float = 1.0, end: Callable[[int], object] = os._exit) -> threading.Thread:
    """End this process soon after the one that started it: killed, that one cannot stop its workers.

    Args:
        seconds: interval at which the parent is looked for.
        end: ends the process; the exit code is its argument.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(seconds)
        end(1)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block as an exit of the program, so that it stops its workers and says how to go on."""

    def leave(number: int, frame: FrameType | None) -> None:
        sys.exit(TERMINATED)

    if threading.current_thread() is not threading.main_thread():  # which alone handles signals
        yield
        return
    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
