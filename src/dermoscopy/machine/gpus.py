"""Visible GPUs of this machine, and the reservation of one of them for a process, without starting CUDA."""

import itertools
import os
import subprocess
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

_taken: list[FileLock] = []  # released when this process ends, in whatever way


def visible_gpus() -> list[str]:
    """Return the names of the GPUs visible to this process, without starting CUDA."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:  # like CUDA, stop at the first invalid name
        names = (name.strip() for name in visible.split(","))
        return list(itertools.takewhile(lambda name: name not in ("", "-1"), names))
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):  # no driver, or one that fails: no GPU
        return []
    return [str(n) for n in range(sum(line.startswith("GPU ") for line in listed.splitlines()))]


def gpus() -> int:
    """Return the number of GPUs visible to this process, without starting CUDA."""
    return len(visible_gpus())


def take_gpu(folder: Path | None = None) -> str | None:
    """Make only one GPU visible to this process, the one with the fewest jobs on this machine; return its name.

    To be called before CUDA starts; the GPU is released when the process ends. Choosing a GPU by the number of a job
    would put two jobs on one GPU and none on another as soon as one job is shorter than the next.

    Args:
        folder: of the locks that the processes of this machine share; None: a temporary folder.

    Returns:
        The name; None if no GPU or only one is visible.
    """
    names = visible_gpus()
    if len(names) < 2:
        return None
    folder = folder or Path(tempfile.gettempdir(), f"dermoscopy-gpus-{Path.home().name}")
    folder.mkdir(exist_ok=True)
    for share in itertools.count():
        for name in names:
            lock = FileLock(folder / f"{name.replace('/', '-')}-{share}.lock")
            try:
                lock.acquire(blocking=False)
            except Timeout:  # a running job has this share of this GPU
                continue
            _taken.append(lock)
            os.environ["CUDA_VISIBLE_DEVICES"] = name
            return name
    raise AssertionError("unreachable")
