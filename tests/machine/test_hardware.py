"""Tests of the description of the machine and of its number formats."""

import torch

from dermoscopy.machine.hardware import describe, has_bf16


def test_a_machine_is_named_with_its_number_of_cores_or_gpus():
    assert describe("cpu").split(", ")[-1].endswith("cores")


def test_a_cpu_has_bf16_by_either_of_its_extensions(monkeypatch):
    for native in (True, False):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)  # noqa: B023
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
        assert has_bf16("cpu") == native
