"""Trainer for tests: 32-bit precision on the CPU, without output or optional parts."""

from pytorch_lightning import Trainer

from dermoscopy.training.trainer import make_trainer

QUIET = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False, "num_sanity_val_steps": 0}


def quiet_trainer(**arguments: object) -> Trainer:
    """Return a trainer; arguments replace the defaults of the tests."""
    return make_trainer(**({"precision": "32-true", "accelerator": "cpu", "devices": 1} | QUIET | arguments))
