"""Options of predict.py that have no effect are refused, so that nobody believes in one."""

from collections.abc import Iterable

from dermoscopy.predict.tta import VIEWS
from dermoscopy.suggest import nearest

USAGE = "python predict.py run=ID images=DIR out=DIR, or python predict.py run=ID data=NAME"
DECIDED = ("threshold", "fill_holes", "min_pixels", "probabilities", "instances")
ONLY_FOR = {
    "images=DIR": ("on_error", "workers", *DECIDED),
    "data=NAME": ("side", "hd95", "panels"),
    "a run of labels": ("segmenter",),
    "runs that segment": ("views", *DECIDED, "hd95", "panels"),
}


def check_input(run: bool, images: bool, data: bool, out: bool) -> None:
    """Refuse a command that lacks something.

    Args:
        run, images, data, out: whether each is given.

    Raises:
        ValueError: no run, both or none of images and data, or images without a folder for what is found in them.
    """
    if not run:
        raise ValueError(f"run is missing: {USAGE}")
    if images and data:
        raise ValueError(f"images and data are both given, but one is wanted: {USAGE}")
    if not images and not data:
        raise ValueError(f"images or data is missing: {USAGE}")
    if images and not out:
        raise ValueError("out is missing: python predict.py run=ID images=DIR out=DIR")


def check_options(overrides: Iterable[str], images: bool, segments: bool) -> None:
    """Refuse options without an effect.

    Args:
        overrides: of the command line, key=value each.
        images: whether images are given, not data.
        segments: whether the runs segment.

    Raises:
        ValueError: there is one.
    """
    typed = {override.partition("=")[0] for override in overrides}
    given = {
        "images=DIR": images,
        "data=NAME": not images,
        "a run of labels": not segments,
        "runs that segment": segments,
    }
    for what, options in ONLY_FOR.items():
        if not given[what] and (vain := [option for option in options if option in typed]):
            raise ValueError(f"{vain[0]} has an effect only with {what}: leave it out")


def check_values(batch_size: int, views: str) -> None:
    """Refuse values out of their range.

    Raises:
        ValueError: one is.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    if views not in VIEWS:
        raise ValueError(f"views must be one of {', '.join(VIEWS)}, got {views!r}{nearest(views, VIEWS)}")


def names_of(run: str) -> list[str]:
    """Return the runs that are named as they stand on the command line, ID or [ID,ID]."""
    if not (run.startswith("[") and run.endswith("]")):
        return [run]
    return [name.strip(" '\"") for name in run[1:-1].split(",") if name.strip()]
