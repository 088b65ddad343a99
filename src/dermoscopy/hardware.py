"""What the machine is and which number format it computes fastest in."""

import logging
import platform
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningDataModule, LightningModule, Trainer

from dermoscopy.checkpoints import AtomicCheckpointIO
from dermoscopy.parallel import cores
from dermoscopy.sharing import take_gpu


def claim(threads: int | None, accelerator: str = "auto") -> dict[str, Any]:
    """Take a GPU and a number of threads (None leaves it to torch); return what the record of a job says of them.

    From now on Lightning is silent about what it thinks of the machine: the record says it.
    """
    if accelerator != "cpu":
        take_gpu()
    if threads:
        torch.set_num_threads(threads)
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    return {"hardware": describe(accelerator), "threads": torch.get_num_threads()}


def describe(accelerator: str = "auto") -> str:
    """Return the processor that trains and how many, e.g. "AMD EPYC, 2 cores" or "1 x NVIDIA H200"."""
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
    """Return Lightning's precision name: bf16 autocast only where the hardware has bf16 arithmetic.

    On a CPU without it, bf16 is emulated and over ten times slower than fp32.
    """
    if accelerator != "cpu" and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    try:
        native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    except AttributeError:  # private names of torch: without them stay with the format that is always right
        native = False
    return "bf16-mixed" if native else "32-true"


def make_trainer(precision: str = "auto", enable_progress_bar: bool | str = "auto", **arguments: Any) -> Trainer:
    """Return a Lightning trainer; "auto" is the fastest precision, and a progress bar where a person is looking.

    Args:
        precision, enable_progress_bar: as Lightning has them, or "auto".
        **arguments: all else that pytorch_lightning.Trainer takes.
    """
    accelerator = str(arguments.get("accelerator", "auto"))
    if accelerator == "gpu" and not torch.cuda.is_available():
        raise ValueError("trainer=gpu, but torch sees no GPU here: use trainer=auto or trainer=cpu")
    if precision == "auto":
        precision = fastest_precision(accelerator)
    if enable_progress_bar == "auto":
        enable_progress_bar = sys.stderr.isatty()
    return Trainer(
        precision=precision,  # type: ignore[arg-type]
        enable_progress_bar=bool(enable_progress_bar),
        enable_model_summary=False,  # the number of parameters is part of the result
        num_sanity_val_steps=0,  # the first epoch shows the same, and a dry validation would draw nothing new
        logger=False,  # History logs once an epoch, in one batch
        plugins=[AtomicCheckpointIO(), *arguments.pop("plugins", ())],
        **arguments,
    )


def fit(trainer: Trainer, task: LightningModule, data: LightningDataModule) -> None:
    """Train; Ctrl-C stays what it is, of which Lightning makes an exit with code 1."""
    try:
        trainer.fit(task, datamodule=data)
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise
