"""Callbacks of a stage: those that do not fit are refused with what serves instead, those it needs must be there."""

from dermoscopy.config.build import Settings
from dermoscopy.runs.keys import PACKAGE, TARGET

_AVERAGE = "it would save other weights than it validates: leave it out, and set callbacks.average.decay=0.999"
REPLACED = {
    "LearningRateMonitor": "history.csv has the learning rate of each epoch, the logger as train/lr: leave it out",
    **dict.fromkeys(("EMAWeightAveraging", "WeightAveraging", "StochasticWeightAveraging"), _AVERAGE),
}


PLACES = ("dirpath", "folder")  # arguments of callbacks
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


def check_places(callbacks: Settings, folder: str) -> None:
    """Refuse own callbacks that would not write to the folder of the stage, where their files are looked for.

    Args:
        callbacks: of a stage, by name.
        folder: of the stage.

    Raises:
        ValueError: one would; the message names its key.
    """
    fixed = dict.fromkeys(PLACES, folder) | {"filename": "best"}
    for name, callback in callbacks.items():
        if not str((callback or {}).get(TARGET)).startswith(PACKAGE):
            continue
        for key, value in fixed.items():
            if key in callback and callback[key] != value:
                shown = "null" if callback[key] is None else callback[key]
                raise ValueError(
                    f"callbacks.{name}.{key} is {shown}, but the files of a run lie in its own folder, under their "
                    "names: leave it out (runs=DIR names the folder of all runs)"
                )
