"""Tests of the trainer of a stage: precision of training and evaluation, progress bar, arguments as configured."""

import warnings

import pytest
import torch
from pytorch_lightning import Callback
from trainers import QUIET, quiet_trainer

from dermoscopy.training.trainer import make_trainer, silence_lightning

AUTO = QUIET | {"enable_progress_bar": "auto", "devices": 1}


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_trainer_uses_a_configured_precision(tmp_path, precision):
    assert quiet_trainer(precision=precision, max_epochs=1, default_root_dir=tmp_path).precision == precision


@pytest.mark.parametrize("precision", ["auto", "16-mixed", "bf16-true", "64-true", "16-true", "transformer-engine"])
def test_a_precision_without_evaluation_in_fp32_is_refused(tmp_path, precision):
    with pytest.raises(ValueError, match=f"precision.*{precision}"):  # on a CPU; what auto means is decided before
        quiet_trainer(precision=precision, default_root_dir=tmp_path)


def test_a_progress_bar_is_shown_only_on_a_terminal(tmp_path):
    trainer = make_trainer(precision="32-true", accelerator="cpu", default_root_dir=tmp_path, **AUTO)
    assert trainer.progress_bar_callback is None  # a test has no terminal


def test_only_training_steps_are_computed_in_mixed_precision(tmp_path):
    plugin = quiet_trainer(precision="bf16-mixed", default_root_dir=tmp_path).precision_plugin
    found = {}
    for step in ("train", "val", "test", "predict"):
        with getattr(plugin, f"{step}_step_context")():
            found[step] = (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
    assert found == {"train": torch.bfloat16, **dict.fromkeys(("val", "test", "predict"), torch.float32)}


def test_fp32_is_not_rounded_to_tf32_on_a_gpu(tmp_path):
    torch.backends.cudnn.allow_tf32 = True
    quiet_trainer(default_root_dir=tmp_path)
    assert not torch.backends.cudnn.allow_tf32 and not torch.backends.cuda.matmul.allow_tf32


def test_a_logger_a_summary_and_a_sanity_check_can_be_requested(tmp_path):
    requested = {"logger": True, "enable_model_summary": True, "num_sanity_val_steps": 2}
    trainer = quiet_trainer(default_root_dir=tmp_path, **requested)
    assert trainer.logger is not None
    assert trainer.num_sanity_val_steps == 2
    assert any(type(callback).__name__.endswith("ModelSummary") for callback in trainer.callbacks)


def test_callbacks_that_a_configuration_leaves_out_are_none_of_the_trainer(tmp_path):
    callback = Callback()
    trainer = quiet_trainer(default_root_dir=tmp_path, callbacks=[None, callback, None])
    assert callback in trainer.callbacks and None not in trainer.callbacks


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gradient_clip_val": 1, "gradient_clip_algorithm": "foo"}, "foo"),
        ({"limit_train_batches": 2.5}, "limit_train_batches"),
    ],
)
def test_what_lightning_refuses_is_said_in_one_line(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=f"^Lightning refuses the settings of trainer: .*{message}") as error:
        quiet_trainer(default_root_dir=tmp_path, **arguments)
    assert "\n" not in str(error.value)


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
    trainer = make_trainer(precision="bf16-mixed", accelerator="gpu", max_epochs=1, default_root_dir=tmp_path, **AUTO)
    data.trainer = trainer
    data.setup("fit")
    assert data.pixels.images.device.type == data.pixels.masks.device.type == "cuda"
    assert trainer.precision == "bf16-mixed"
    batch = data.finish(next(iter(data.train_dataloader())))
    assert batch["image"].device.type == "cuda"
