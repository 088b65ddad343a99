"""What of a configuration can change the result of a stage: a positive list, from which its key is made.

A setting that is not on the list cannot split a stage in two; one that can change a number must be on it. Tests hold
both against the configuration as it is composed.
"""

from dermoscopy.config.build import Settings
from dermoscopy.runs.keys import TARGET

# Arguments of the data module that say where the pixels are kept, not what they are.
PLACES = ("store", "memory", "eval_batch_size")
# Arguments of a task that say what the test asks for; a test that is missing is made up for, see Stage.tests.
TESTS = ("mask_conditions", "tta", "evaluator")
# Arguments of the trainer that can change a number, its own _target_ included.
TRAINER = (
    *(TARGET, "precision", "max_epochs", "min_epochs", "max_steps", "min_steps", "max_time", "fast_dev_run"),
    *("limit_train_batches", "limit_val_batches", "limit_test_batches", "overfit_batches"),
    *("val_check_interval", "check_val_every_n_epoch", "accumulate_grad_batches", "reload_dataloaders_every_n_epochs"),
    *("gradient_clip_val", "gradient_clip_algorithm", "deterministic", "benchmark", "inference_mode", "plugins"),
    *("use_distributed_sampler", "sync_batchnorm", "barebones"),
)
# Those that cannot: where and how it is computed and shown. A test holds both lists against Lightning's own.
TRAINER_OTHERS = (
    *("accelerator", "strategy", "devices", "num_nodes", "logger", "callbacks", "default_root_dir"),
    *("num_sanity_val_steps", "log_every_n_steps", "enable_checkpointing", "enable_progress_bar"),
    *("enable_model_summary", "profiler", "detect_anomaly", "limit_predict_batches"),
    *("enable_autolog_hparams", "model_registry"),
)
# Callbacks that only write or show. Any other one, such as those that choose the epoch, may act on the training.
OBSERVERS = (
    *("LastCheckpoint", "History", "Predictions", "MaskPredictions", "EpochPictures", "Explanations"),
    *("LearningRateMonitor", "DeviceStatsMonitor", "ModelSummary", "RichModelSummary"),
    *("TQDMProgressBar", "RichProgressBar"),
)
WRITTEN_TO = ("dirpath", "folder")  # arguments of a callback that name the folder of the stage


def decisive_settings(configuration: Settings) -> Settings:
    """Return all of a stage's configuration that can change its result, by name.

    Args:
        configuration: of the stage, resolved, before its folder is known.
    """
    data, task = _without(configuration["datamodule"], PLACES), _without(configuration["model"], TESTS)
    trainer = configuration["trainer"]
    return {
        "datamodule": data,  # with the split, the augmentation, and which labels and masks are used
        "task": task,  # with the network, the loss, the optimizer and the scheduler
        "lr_finder": configuration["lr_finder"] if task["optimizer"].get("lr") == "auto" else None,
        "trainer": {name: trainer[name] for name in TRAINER if name in trainer},
        "callbacks": _acting_callbacks(configuration["callbacks"]),
        "epochs": configuration["epochs"],
        "seed": configuration["seed"],
    }


def _acting_callbacks(callbacks: Settings) -> Settings:
    """Return the callbacks that may act on the training, such as those that choose the epoch."""
    present = {name: callback for name, callback in callbacks.items() if callback is not None}
    return {
        name: _without(callback, WRITTEN_TO)
        for name, callback in present.items()
        if str(callback.get(TARGET)).rpartition(".")[2] not in OBSERVERS
    }


def _without(settings: Settings, names: tuple[str, ...]) -> Settings:
    return {name: value for name, value in settings.items() if name not in names}
