"""Settings that can change the result of a stage, from which its key is computed.

The lists are positive: settings outside of them have no effect on the key, so every setting that can change a number
must be on them. Tests check both on the composed configuration.
"""

from dermoscopy.config.build import Settings
from dermoscopy.runs.keys import TARGET

# Arguments of the data module that determine where the pixels are stored, not their values.
PLACES = ("store", "memory", "eval_batch_size")
# Arguments of a task that determine its tests; a missing test is run later, see Stage.tests.
TESTS = ("mask_conditions", "tta", "evaluator")
# Arguments of the trainer that can change a number, including its _target_.
TRAINER = (
    *(TARGET, "precision", "max_epochs", "min_epochs", "max_steps", "min_steps", "max_time", "fast_dev_run"),
    *("limit_train_batches", "limit_val_batches", "limit_test_batches", "overfit_batches"),
    *("val_check_interval", "check_val_every_n_epoch", "accumulate_grad_batches", "reload_dataloaders_every_n_epochs"),
    *("gradient_clip_val", "gradient_clip_algorithm", "deterministic", "benchmark", "inference_mode", "plugins"),
    *("use_distributed_sampler", "sync_batchnorm", "barebones"),
)
# Arguments that cannot: device, logging, display. A test compares both lists with the signature of Lightning's Trainer.
TRAINER_OTHERS = (
    *("accelerator", "strategy", "devices", "num_nodes", "logger", "callbacks", "default_root_dir"),
    *("num_sanity_val_steps", "log_every_n_steps", "enable_checkpointing", "enable_progress_bar"),
    *("enable_model_summary", "profiler", "detect_anomaly", "limit_predict_batches"),
    *("enable_autolog_hparams", "model_registry"),
)
# Callbacks that only write or display. Any other, such as one that chooses the epoch, may affect the training.
OBSERVERS = (
    *("LastCheckpoint", "History", "Predictions", "MaskPredictions", "EpochPictures", "Explanations"),
    *("LearningRateMonitor", "DeviceStatsMonitor", "ModelSummary", "RichModelSummary"),
    *("TQDMProgressBar", "RichProgressBar"),
)
# Parts of the configuration that say where, how and how much is trained, not what: they make no arm.
CIRCUMSTANCES = (
    *(
        "hydra",
        "experiment",
        "name",
        "about",
        "sweep",
        "runs",
        "weights",
        "rerun",
        "logger",
        "tracking",
        "protocol",
        "debug",
    ),
    *("data", "split", "seed", "trainer", "threads", "jobs_per_gpu"),
)
WRITTEN_TO = ("dirpath", "folder")  # arguments of a callback for the folder of the stage


def decisive_settings(configuration: Settings) -> Settings:
    """Return the part of a stage's configuration that can change its result.

    Args:
        configuration: of the stage, resolved, before its folder is set.
    """
    data, task = _without(configuration["datamodule"], PLACES), _without(configuration["model"], TESTS)
    trainer = configuration["trainer"]
    return {
        "datamodule": data,  # includes the split, the augmentation, the labels and the masks
        "task": task,  # includes the network, the loss, the optimizer and the scheduler
        "lr_finder": configuration["lr_finder"] if task["optimizer"].get("lr") == "auto" else None,
        "trainer": {name: trainer[name] for name in TRAINER if name in trainer},
        "callbacks": _acting_callbacks(configuration["callbacks"]),
        "epochs": configuration["epochs"],
        "seed": configuration["seed"],
    }


def makes_arm(key: str) -> bool:
    """Return whether runs that differ in this key or group are different arms, rather than repeats or places of one."""
    part, _, name = key.partition(".")
    if part.partition("/")[0] in CIRCUMSTANCES:
        return False
    return name.partition(".")[0] not in {"datamodule": PLACES, "model": TESTS}.get(part, ())


def _acting_callbacks(callbacks: Settings) -> Settings:
    """Return the callbacks that may affect the training, such as those that choose the epoch."""
    present = {name: callback for name, callback in callbacks.items() if callback is not None}
    return {
        name: _without(callback, WRITTEN_TO)
        for name, callback in present.items()
        if str(callback.get(TARGET)).rpartition(".")[2] not in OBSERVERS
    }


def _without(settings: Settings, names: tuple[str, ...]) -> Settings:
    return {name: value for name, value in settings.items() if name not in names}
