"""Description of the machine, and the number formats of its arithmetic."""

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


def device_type(accelerator: str = "auto") -> str:
    """Return torch's name of the device that Lightning trains on: cpu, cuda or mps."""
    found = None if accelerator == "cpu" else torch.accelerator.current_accelerator(check_available=True)
    return found.type if found else "cpu"


def has_bf16(accelerator: str = "auto") -> bool:
    """Return whether the hardware has bf16 arithmetic.

    On a CPU without it, bf16 is emulated and over ten times slower than fp32.
    """
    if (device := device_type(accelerator)) != "cpu":
        return device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    try:
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    except AttributeError:  # private names of torch, which other versions may lack: fp32 always works
        return False


def use_full_fp32() -> None:
    """Compute fp32 with all its 24 significant bits on a GPU, where convolutions have the 11 of TF32 by default."""
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
