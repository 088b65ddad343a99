"""Tests of the trainer of a stage: automatic precision and progress bar, other arguments as configured."""

import warnings

import pytest
import torch
from trainers import QUIET, quiet_trainer

from dermoscopy.machine.hardware import fastest_precision
from dermoscopy.training.trainer import make_trainer, silence_lightning

AUTO = QUIET | {"precision": "auto", "enable_progress_bar": "auto", "devices": 1}


def test_a_trainer_uses_a_configured_precision(tmp_path):
    trainer = quiet_trainer(precision="64-true", max_epochs=1, default_root_dir=tmp_path)
    assert trainer.precision == "64-true"


def test_auto_is_the_fastest_precision_and_a_progress_bar_only_on_a_terminal(tmp_path):
    trainer = make_trainer(accelerator="cpu", max_epochs=1, default_root_dir=tmp_path, **AUTO)
    assert trainer.precision == fastest_precision("cpu")
    assert trainer.progress_bar_callback is None  # a test has no terminal


def test_a_logger_a_summary_and_a_sanity_check_can_be_requested(tmp_path):
    requested = {"logger": True, "enable_model_summary": True, "num_sanity_val_steps": 2}
    trainer = quiet_trainer(default_root_dir=tmp_path, **requested)
    assert trainer.logger is not None
    assert trainer.num_sanity_val_steps == 2
    assert any(type(callback).__name__.endswith("ModelSummary") for callback in trainer.callbacks)


def test_silenced_lightning_prints_nothing_about_the_machine(tmp_path, caplog):
    silence_lightning()
    with caplog.at_level("DEBUG", logger="elsewhere"), warnings.catch_warnings(record=True) as warned:
        warnings.filterwarnings("ignore", module="pytorch_lightning")
        quiet_trainer(default_root_dir=tmp_path)
    assert not [record for record in caplog.records if record.name.startswith("pytorch_lightning")]
    assert not warned


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_trains_with_the_store_on_it_in_bf16(make_data, tmp_path):
    data = make_data()
    trainer = make_trainer(accelerator="gpu", max_epochs=1, default_root_dir=tmp_path, **AUTO)
    data.trainer = trainer
    data.setup("fit")
    assert data.pixels.images.device.type == data.pixels.masks.device.type == "cuda"
    assert trainer.precision == "bf16-mixed"
    batch = data.finish(next(iter(data.train_dataloader())))
    assert batch["image"].device.type == "cuda"
