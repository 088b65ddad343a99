"""Synthetic records of trained stages."""

from pathlib import Path

import yaml

from dermoscopy.machine.files import write_json
from dermoscopy.runs.files import BEST, CONFIG, JOB, RESULT, SWEEP
from dermoscopy.runs.keys import RECIPE


def write_recorded(folder: Path, model: dict | None = None, reduce: int = 1, **changes: object) -> Path:
    """Write the config.yaml of a classifier of images of 32 x 64 px; return the path of its checkpoint.

    Args:
        folder: of the stage.
        model: settings of the task; None: those of a classifier.
        reduce: factor by which images are smaller than in the store.
        **changes: replaced entries of the first level.
    """
    data = {"name": "demo", "raw": None, "size": [32, 64], "fit": "pad"}
    datamodule = {"store": "data/demo.h5", "labels": ["a", "b"], "masks": ["lesion", "hair"], "reduce": reduce}
    datamodule["split"] = {"_target_": "dermoscopy.data.splits.random_split"}
    datamodule |= {"mean": [0.5, 0.4, 0.3], "std": [0.1, 0.2, 0.3], "eval_padding": "border", "mask_threshold": 0.4}
    labels = {
        "labels": ["a", "b"],
        "exclusive_labels": False,
        "validation_masks": "predicted",
        "threshold": "youden",
        "mask_conditions": ["none"],
    }
    configuration = {
        **{"stage": "only", "epochs": 3, "seed": 5, "recipe_version": RECIPE, "fingerprint": "f" * 64},
        **{"folder": str(folder), "data": data, "datamodule": datamodule, "model": model or labels},
        **{"network": {"_target_": "torch.nn.Flatten"}, "trainer": {"accelerator": "cpu"}},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(yaml.safe_dump(configuration | changes))
    return folder / BEST


def write_job(experiment: Path, number: int, *keys: str, trained: bool = True, **changes: object) -> None:
    """Write the record of a job, with stages of the given keys, in a sweep of the experiment."""
    sweep = experiment / "sweeps" / "now"
    write_json(sweep / SWEEP, {"command": "python train.py -m"})
    stages = [{"key": key, "reused": not trained} for key in keys]
    record = {"stages": stages, "started": f"2020-01-0{number + 1}", "hardware": "a CPU", "threads": number + 1}
    write_json(sweep / str(number) / JOB, record | changes)


def write_finished(folder: Path, **changes: object) -> Path:
    """Write the record and the result of a finished stage; return its checkpoint, which is empty."""
    checkpoint = write_recorded(folder)
    checkpoint.touch()
    code = {"commit": "c0", "dirty": False, "torch": "2.0"}
    write_json(folder / RESULT, {"tested": ["none"], "code": code, "metrics": {"test/none/f1": None}} | changes)
    return checkpoint
