"""Number formats and trainers follow the hardware."""

import pytest
import torch

from dermoscopy.machine.hardware import describe, fastest_precision
from dermoscopy.training.trainer import make_trainer


def test_a_machine_is_named_with_its_number_of_cores_or_gpus():
    assert describe("cpu").split(", ")[-1].endswith("cores")


def test_bf16_is_used_only_where_the_cpu_computes_in_it(monkeypatch):
    for native in (True, False):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)  # noqa: B023
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
        assert fastest_precision("cpu") == ("bf16-mixed" if native else "32-true")


def test_a_trainer_takes_its_own_precision_when_told(tmp_path):
    trainer = make_trainer(precision="32-true", accelerator="cpu", max_epochs=1, default_root_dir=tmp_path)
    assert trainer.precision == "32-true"
    assert trainer.progress_bar_callback is None  # nobody looks at a test


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_trains_with_the_store_on_it_in_bf16(make_data, tmp_path):
    data = make_data()
    trainer = make_trainer(accelerator="gpu", devices=1, max_epochs=1, default_root_dir=tmp_path)
    data.trainer = trainer
    data.setup("fit")
    assert data.images.device.type == data.masks.device.type == "cuda"
    assert trainer.precision == "bf16-mixed"
    batch = data.finish(next(iter(data.train_dataloader())))
    assert batch["image"].device.type == "cuda"
