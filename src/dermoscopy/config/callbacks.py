"""Callbacks of a stage: those that do not fit are refused with what serves instead, those it needs must be there."""

from dermoscopy.config.build import Settings
from dermoscopy.runs.keys import TARGET

_AVERAGE = "it would save other weights than it validates: leave it out, and set callbacks.average.decay=0.999"
REPLACED = {
    "LearningRateMonitor": "history.csv has the learning rate of each epoch, the logger as train/lr: leave it out",
    **dict.fromkeys(("EMAWeightAveraging", "WeightAveraging", "StochasticWeightAveraging"), _AVERAGE),
}


NEEDED = {
    "best": "the test and the next stage start from the weights that it keeps",
    "history": "the scores of the best epoch are read from what it writes",
}


def check_callbacks(callbacks: Settings) -> None:
    """Refuse callbacks that another part of a stage replaces, and a stage without those that it needs.

    Args:
        callbacks: of a stage, by name.

    Raises:
        ValueError: one is refused, and the message says what serves instead; or one is left out that is needed.
    """
    for name, reason in NEEDED.items():
        if callbacks.get(name) is None:
            raise ValueError(f"callbacks.{name} is left out, but {reason}: keep it")
    for name, callback in callbacks.items():
        kind = str((callback or {}).get(TARGET)).rpartition(".")[2]
        if kind in REPLACED:
            raise ValueError(f"callbacks.{name} is {kind}: {REPLACED[kind]}")
