"""Callbacks of Lightning that do not fit a stage, refused with what serves instead."""

from dermoscopy.config.build import Settings
from dermoscopy.runs.keys import TARGET

_AVERAGE = "it would save other weights than it validates: leave it out, and set callbacks.average.decay=0.999"
REPLACED = {
    "LearningRateMonitor": "history.csv has the learning rate of each epoch, the logger as train/lr: leave it out",
    **dict.fromkeys(("EMAWeightAveraging", "WeightAveraging", "StochasticWeightAveraging"), _AVERAGE),
}


def check_callbacks(callbacks: Settings) -> None:
    """Refuse callbacks that another part of a stage replaces.

    Args:
        callbacks: of a stage, by name.

    Raises:
        ValueError: one is refused; the message says what serves instead.
    """
    for name, callback in callbacks.items():
        kind = str((callback or {}).get(TARGET)).rpartition(".")[2]
        if kind in REPLACED:
            raise ValueError(f"callbacks.{name} is {kind}: {REPLACED[kind]}")
