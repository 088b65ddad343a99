"""Load of the machine while a job trains, as metrics under the names that MLflow's user interface shows apart."""

import itertools
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from dermoscopy.contracts import Logger
from dermoscopy.machine.gpus import visible_gpus
from dermoscopy.machine.threads import in_background

SECONDS = 10.0
MEGABYTE = 1e6
GPU = ("utilization.gpu", "memory.used", "memory.total")  # of nvidia-smi: %, MiB, MiB
MEBIBYTE = 1.048576  # MB


@contextmanager
def system_metrics(logger: Logger, seconds: float = SECONDS) -> Iterator[None]:
    """Log the load of processors, memory and visible GPUs at once and then regularly, while the block runs."""
    over, gpus = threading.Event(), visible_gpus()
    psutil.cpu_percent()  # the first call has no interval to measure

    def run() -> None:
        for step in itertools.count():
            if over.wait(seconds if step else 0.1):
                return
            logger.log_metrics(load() | gpu_load(gpus), step)

    with in_background(run, over):
        yield


def load() -> dict[str, float]:
    """Return the load of the processors since the last call, and the used memory."""
    memory = psutil.virtual_memory()
    return {
        "system/cpu_utilization_percentage": psutil.cpu_percent(),
        "system/system_memory_usage_megabytes": memory.used / MEGABYTE,
        "system/system_memory_usage_percentage": memory.percent,
    }


def gpu_load(gpus: list[str]) -> dict[str, float]:
    """Return the load and the used memory of GPUs; empty without GPUs, or if the driver does not answer."""
    if not gpus:
        return {}
    query = ["nvidia-smi", f"--id={','.join(gpus)}", f"--query-gpu={','.join(GPU)}", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, check=True, timeout=SECONDS).stdout
        rows = [[float(value) for value in line.split(",")] for line in answer.splitlines()]
    except (OSError, ValueError, subprocess.SubprocessError):  # a driver without these values, such as that of a MIG
        return {}
    return {
        f"system/gpu_{number}_{name}": value
        for number, (busy, used, total) in enumerate(rows)
        for name, value in {
            "utilization_percentage": busy,
            "memory_usage_megabytes": used * MEBIBYTE,
            "memory_usage_percentage": 100 * used / total,
        }.items()
    }
