"""Simulated machines."""

import stat

import pytest

from dermoscopy.machine import allocation


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A function that simulates a machine with these numbers of cores and GPUs; None: no driver."""

    def build(cores=8, gpus=0, visible=None):
        monkeypatch.setattr(allocation, "cores", lambda: cores)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        monkeypatch.setenv("PATH", str(tmp_path))
        if gpus is not None:
            program = tmp_path / "nvidia-smi"
            lines = "".join(f"echo 'GPU {n}: NVIDIA H200 (UUID: GPU-{n})'\n" for n in range(gpus))
            program.write_text(f"#!/bin/sh\ntest $1 = -L || exit 2\n{lines}echo '  MIG 1g.18gb Device 0:'\n")
            program.chmod(program.stat().st_mode | stat.S_IXUSR)

    return build
