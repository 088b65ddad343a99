"""Arguments of the trainer of a stage, checked before anything is built."""

import math
from typing import Any

from dermoscopy.config.build import Settings
from dermoscopy.config.keys import TRAINER, TRAINER_OTHERS
from dermoscopy.machine.messages import nearest
from dermoscopy.runs.precision import AUTO, PRECISIONS

# Arguments by which an epoch would not end with its one validation, which chooses the best epoch and makes its row of
# the history: the values that leave that as it is, and what to do instead of others.
VALIDATED = "each epoch is validated once, at its end: leave it out"
EPOCHS: dict[str, tuple[tuple[Any, ...], str]] = {
    "check_val_every_n_epoch": ((1,), f"{VALIDATED}; fewer, longer epochs need fewer validations"),
    "val_check_interval": ((None, 1.0), VALIDATED),
    "max_steps": ((None, -1), "it may end an epoch before its validation: leave it out, and set epochs"),
    "fast_dev_run": ((False, 0), "it leaves no weights to test: leave it out, and add +debug=fast_dev_run"),
}


def check_trainer(name: str, trainer: Settings) -> None:
    """Refuse arguments that Lightning's trainer does not take, and those with which an epoch is not trained or scored.

    Args:
        name: of the stage.
        trainer: its settings.

    Raises:
        ValueError: an argument is refused; the message names its key and the stage.
    """
    known = (*TRAINER, *TRAINER_OTHERS)
    ours = str(trainer.get("_target_")).endswith("make_trainer")
    if ours and (unknown := [key for key in trainer if key not in known]):
        raise ValueError(
            f"trainer.{unknown[0]} of stage {name} is no argument of Lightning's Trainer{nearest(unknown[0], known)}"
        )
    precision = trainer.get("precision", AUTO)
    if ours and precision not in (AUTO, *PRECISIONS):
        raise ValueError(
            f"trainer.precision of stage {name} must be {', '.join((AUTO, *PRECISIONS[:-1]))} or {PRECISIONS[-1]}, got "
            f"{precision}: validation and test are computed in fp32, so the weights are in fp32 as well"
        )
    accumulated = trainer.get("accumulate_grad_batches", 1)
    if type(accumulated) is not int or accumulated < 1:
        raise ValueError(
            f"trainer.accumulate_grad_batches of stage {name} must be a whole number of at least 1, got {accumulated}"
        )
    for key, (usual, remedy) in EPOCHS.items():
        if key in trainer and (type(trainer[key]), trainer[key]) not in [(type(value), value) for value in usual]:
            raise ValueError(f"trainer.{key} of stage {name} is refused: {remedy}")
    _check_clipping(name, trainer)
    most = {int: math.inf, float: 1.0}  # a number of batches, or a fraction of them
    for subset in ("train", "val", "test"):
        limit = trainer.get(f"limit_{subset}_batches")
        if limit is not None and not (type(limit) in most and 0 < limit <= most[type(limit)]):
            raise ValueError(
                f"trainer.limit_{subset}_batches of stage {name} must be a number of batches of at least 1, "
                f"a fraction above 0 and up to 1.0, or null for all, got {limit}"
            )


def _check_clipping(name: str, trainer: Settings) -> None:
    clip, algorithm = trainer.get("gradient_clip_val"), trainer.get("gradient_clip_algorithm")
    if clip is not None and not (type(clip) in (int, float) and 0 < clip < math.inf):
        raise ValueError(f"trainer.gradient_clip_val of stage {name} must be a number above 0, or null, got {clip}")
    if clip is None and algorithm is not None:
        raise ValueError("trainer.gradient_clip_algorithm has an effect only with trainer.gradient_clip_val=NUMBER")
    if algorithm not in (None, "norm", "value"):
        raise ValueError(f"trainer.gradient_clip_algorithm of stage {name} must be norm or value, got {algorithm}")
