"""The cores of this machine: one job per core with one thread each, against one job with all of them."""

import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import torch

from dermoscopy.machine.threads import cores
from tests.bench.material import ROOT, configuration
from tests.bench.segmentation import UNET, masks_and_loss
from tests.bench.step import BATCH, bare_step, labels_and_loss
from tests.bench.timing import Comparison

NETWORKS = {  # size in pixels, overrides
    "ResNet18": (64, ("network.backbone=resnet18",)),
    "EfficientNet-Lite0": (64, ("network.backbone=tf_efficientnet_lite0",)),
    "ResNet50": (224, ("network.backbone=resnet50",)),
    "U-Net ResNet18": (128, UNET),
}
SECONDS = 5.0  # per round


class Job:
    """A process that trains a network on random tensors with so many threads."""

    def __init__(self, network: str, threads: int) -> None:
        command = [sys.executable, "-m", "tests.bench.cores", network, str(threads)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, cwd=ROOT, text=True, **pipes)  # type: ignore[call-overload]
        self.answer()  # it is ready

    def begin(self, seconds: float) -> None:
        """Let it train for some seconds."""
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()

    def answer(self) -> float:
        """Return the images per second of its last round."""
        return float(self.process.stdout.readline())

    def end(self) -> None:
        """Let it end."""
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def compare(folder: Path, rounds: int, quick: bool) -> list[Comparison]:
    """Compare the images per second of both ways for each network, on the CPU and by turns."""
    rows = []
    for network, (size, _) in list(NETWORKS.items())[: 1 if quick else None]:
        with ExitStack() as stack:
            ways = [[Job(network, 1) for _ in range(cores())], [Job(network, cores())]]
            for job in (job for jobs in ways for job in jobs):
                stack.callback(job.end)
            rates = [[_round(jobs, SECONDS / (10 if quick else 1)) for jobs in ways] for _ in range(rounds + 1)][1:]
        ours, reference = ([rate[way] for rate in rates] for way in (0, 1))
        part = f"cores, {network} {size} px"
        names = (f"{cores()} jobs with 1 thread each", f"1 job with {cores()} threads")
        rows.append(Comparison(part, *names, "images/s", ours, reference))
    return rows


def _round(jobs: list[Job], seconds: float) -> float:
    """Return the images per second of jobs that train at the same time."""
    for job in jobs:
        job.begin(seconds)
    return sum(job.answer() for job in jobs)


def _train(network: str, threads: int) -> None:
    """Train for as many seconds as each line of standard input says, and print the images per second."""
    torch.set_num_threads(threads)
    size, overrides = NETWORKS[network]
    batch, device = BATCH["cpu"][size], torch.device("cpu")
    cfg = configuration(f"data.size=[{size},{size}]", f"datamodule.batch_size={batch}", *overrides)
    drawn = masks_and_loss if overrides is UNET else labels_and_loss
    step = bare_step(cfg, device, *drawn(cfg, device))
    step()
    print(0, flush=True)
    for line in sys.stdin:
        began, steps = time.perf_counter(), 0
        while (seconds := time.perf_counter() - began) < float(line):
            step()
            steps += 1
        print(steps * batch / seconds, flush=True)


if __name__ == "__main__":
    _train(sys.argv[1], int(sys.argv[2]))
