"""Names of keys and values in earlier versions, refused with their replacements."""

import re
from collections.abc import Collection, Sequence

KEYS = {  # whole keys, or their beginnings
    "lengths": "epochs",
    "model.availability": "model.mask_conditions",
    "model.monitored": "model.validation_masks",
    "model.source": "model.training_masks",
    "model.views": "model.tta",
    "network.exit_stride": "network.aux_head_stride",
    "network.position": "network.head_level",
    "network.region": "network.postprocessing",
    "paths.runs": "runs",
    "paths.experiments": "experiments",
    "side": "subset",
    "views": "tta",
    "scheduler.build.patience": "scheduler.patience",
    "callbacks.predictions.hd95": "model.evaluator.hd95",
    "callbacks.predictions.source": "model.evaluator.source",
    "arm/availability": "arm/mask_conditions",
    "arm/aux_exit": "arm/aux_head",
}
VALUES = {  # per key, its renamed values
    "zeroing": {"never": "everything", "always": "nothing"},
    "split": {"holdout": "random", "s0": "ten_shuffles"},
    "augment": {"s0": "legacy"},
    "mask_views": {"s0": "legacy"},
    "network": {"improved_unet_paper": "improved_unet_isensee2017"},
    "network.variant": {"s2": "compact", "paper": "isensee2017"},
    "experiment": {"availability": "mask_conditions", "aux_exit": "aux_head"},
    "surround": {"s4": "mirrored_truth"},
    "model.threshold": {"f1": "best_f1"},
    "reference": {"never": "everything", "always": "nothing"},
    "arm/mask_conditions": {"never": "image_only", "always": "masks_always_given", "exit": "aux_head"},
}


def check_names(arguments: Sequence[str]) -> None:
    """Refuse arguments of a command that use an earlier name.

    Raises:
        ValueError: a name was replaced, with a message such as "zeroing=never is now zeroing=everything".
    """
    for argument in arguments:
        typed, separator, value = argument.partition("=")
        key = typed.lstrip("+~")
        if not separator or argument.startswith("-"):
            continue
        for old, new in KEYS.items():
            if key == old or key.startswith((f"{old}.", f"{old}@")):
                raise ValueError(f"{key} is now {new}{key[len(old) :]}{_hint(new)}")
        for old, new in VALUES.get(key, {}).items():
            if re.search(rf"(?<![\w.]){old}(?![\w.])", value):
                raise ValueError(f"{key}={old} is now {key}={new}")


def check_keys(keys: Collection[str]) -> None:
    """Refuse a configuration, composed from files of a user's, that has a key of an earlier name.

    Args:
        keys: dotted names of its keys, those of parts included.

    Raises:
        ValueError: a key was replaced, with a message such as "model.monitored is now model.validation_masks".
    """
    for old, new in KEYS.items():
        if old in keys:
            raise ValueError(f"{old} is now {new}{_hint(new)}: change it in the file that names it")


def replaced_choice(missing: str) -> str | None:
    """Return the answer to a choice that Hydra did not find, such as "zeroing/never"; None: it has no new name."""
    group, _, choice = missing.rpartition("/")
    new = VALUES.get(group, {}).get(choice)
    return None if new is None else f"{group}={choice} is now {group}={new}: change it in the file that names it"


def _hint(key: str) -> str:
    return ", a number or one per stage: epochs.quick=1, epochs.quick.base=1" if key == "epochs" else ""
