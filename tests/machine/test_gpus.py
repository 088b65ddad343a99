"""Tests of GPUs: counted on simulated machines, taken by real processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dermoscopy.machine import gpus


def test_counting_gpus_does_not_import_torch():
    code = "import sys; from dermoscopy.machine import allocation; allocation.gpus(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("count", "visible", "names"),
    [
        (None, None, []),
        (0, None, []),
        (3, None, ["0", "1", "2"]),
        (4, "2,3", ["2", "3"]),
        (4, "1, GPU-ab,-1,0", ["1", "GPU-ab"]),
        (4, "", []),
        (4, "-1", []),
    ],
)
def test_the_visible_gpus_are_those_of_cuda(machine, count, visible, names):
    machine(gpus=count, visible=visible)
    assert gpus.visible_gpus() == names
    assert gpus.gpus() == len(names)


def test_a_failing_driver_means_no_gpu(machine, tmp_path):
    machine(gpus=2)
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho 'GPU 0: lost'\nexit 9\n")
    assert gpus.gpus() == 0


TAKE = """
import os, sys
from pathlib import Path
from dermoscopy.machine import gpus
name = gpus.take_gpu(Path(sys.argv[1]))
assert gpus.take_gpu(Path(sys.argv[1])) is None and gpus.visible_gpus() == [name]
print(name, flush=True)
sys.stdin.read()
"""


def test_a_process_takes_the_gpu_with_the_fewest_jobs_and_releases_it_even_if_killed(tmp_path):
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "2,GPU-ab"}

    def start() -> tuple[subprocess.Popen, str]:
        process = subprocess.Popen(
            [sys.executable, "-c", TAKE, str(tmp_path)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return process, process.stdout.readline().strip()

    running = [start() for _ in range(4)]
    assert [name for _, name in running] == ["2", "GPU-ab", "2", "GPU-ab"]
    running[1][0].kill()
    running[1][0].wait()
    running.append(start())
    assert running[-1][1] == "GPU-ab"
    for process, _ in running:
        process.communicate()


def test_a_process_with_at_most_one_visible_gpu_takes_none(monkeypatch, tmp_path):
    for visible in ("", "3"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert gpus.take_gpu(tmp_path) is None
        assert os.environ["CUDA_VISIBLE_DEVICES"] == visible
    assert not list(Path(tmp_path).iterdir())
