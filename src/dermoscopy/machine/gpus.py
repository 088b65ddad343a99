"""The GPUs of this machine that a process sees, and taking one of them for itself; without starting CUDA."""

import itertools
import os
import subprocess
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

_taken: list[FileLock] = []  # released by the end of this process, however it ends


def visible_gpus() -> list[str]:
    """Return the names of the GPUs that CUDA shows to this process, without starting it."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:  # CUDA, too, stops at the first name that is none
        names = (name.strip() for name in visible.split(","))
        return list(itertools.takewhile(lambda name: name not in ("", "-1"), names))
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):  # no driver, or none that answers: no GPU
        return []
    return [str(n) for n in range(sum(line.startswith("GPU ") for line in listed.splitlines()))]


def gpus() -> int:
    """Return how many GPUs CUDA shows to this process, without starting it."""
    return len(visible_gpus())


def take_gpu(folder: Path | None = None) -> str | None:
    """Show this process one GPU alone, the one that the fewest jobs on this machine took; return its name.

    To be called before CUDA starts; the GPU is given back when the process ends. Going by the number of a job would
    put two on one GPU and none on another as soon as one job is shorter than the next.

    Args:
        folder: where the processes of this machine see one another; None: among its temporary files.

    Returns:
        None if there is no choice: none or one GPU is visible.
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
            except Timeout:  # a job that runs has this share of this GPU
                continue
            _taken.append(lock)
            os.environ["CUDA_VISIBLE_DEVICES"] = name
            return name
    raise AssertionError("unreachable")
