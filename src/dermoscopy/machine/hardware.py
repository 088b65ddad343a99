"""Description of the machine, and its fastest number format."""

import platform
from pathlib import Path
from typing import TypedDict

import torch

from dermoscopy.machine.gpus import take_gpu
from dermoscopy.machine.threads import cores


class Claim(TypedDict):
    """Resources of a job, as in its record: the training processor, and the number of threads."""

    hardware: str
    threads: int


def claim(threads: int | None, accelerator: str = "auto") -> Claim:
    """Take a GPU and set the number of threads (None: torch's default); return both for the record of the job."""
    if accelerator != "cpu":
        take_gpu()
    if threads:
        torch.set_num_threads(threads)
    return {"hardware": describe(accelerator), "threads": torch.get_num_threads()}


def describe(accelerator: str = "auto") -> str:
    """Return the name and number of the training processors, e.g. "AMD EPYC, 2 cores" or "1 x NVIDIA H200"."""
    if accelerator != "cpu" and torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name()}"
    return f"{_cpu_name()}, {cores()} cores"


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def fastest_precision(accelerator: str = "auto") -> str:
    """Return Lightning's name of the fastest precision: bf16 autocast only if the hardware has bf16 arithmetic.

    On a CPU without it, bf16 is emulated and over ten times slower than fp32.
    """
    if accelerator != "cpu" and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    try:
        native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    except AttributeError:  # private names of torch, which other versions may lack: fp32 always works
        native = False
    return "bf16-mixed" if native else "32-true"
