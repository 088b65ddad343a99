"""Tests of the description of the machine and of its number format."""

import torch

from dermoscopy.machine.hardware import describe, fastest_precision


def test_a_machine_is_named_with_its_number_of_cores_or_gpus():
    assert describe("cpu").split(", ")[-1].endswith("cores")


def test_bf16_is_used_only_if_the_cpu_supports_it(monkeypatch):
    for native in (True, False):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)  # noqa: B023
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
        assert fastest_precision("cpu") == ("bf16-mixed" if native else "32-true")
