"""Where initial weights and predicted masks come from: files, or runs and experiments that left some."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

if TYPE_CHECKING:
    from dermoscopy.contracts import DataModule

# What follows needs torch or pandas and is imported where it is used: a finished sweep says so without waiting for it.


def weights_file(key: str, named: str, runs: Path, uri: str) -> str:
    """Return the checkpoint that a key of the configuration names: a file, or a run as `find_checkpoint` takes it.

    Raises:
        ValueError: nothing goes by that name, or the run left no checkpoint.
    """
    if Path(named).suffix:
        return named
    from dermoscopy.runs.find import find_checkpoint  # noqa: PLC0415

    try:
        return str(find_checkpoint(named, runs, uri))
    except (ValueError, OSError) as error:
        raise ValueError(f"{key}={named}: {error}") from error


def masks_file(named: str, runs: Path) -> str:
    """Return the file of predicted masks that datamodule.predicted names: a file, or an experiment that has folds.

    The masks that the folds of its latest sweep predicted for their test images are joined if they are not yet.

    Raises:
        ValueError: there is no such experiment, a fold of it is not done, or its sweep has several arms.
    """
    if Path(named).suffix:
        return named
    from dermoscopy.report.results.mask_folds import JOINED, masks_to_join  # noqa: PLC0415
    from dermoscopy.runs.tables import find_sweep, load_sweep  # noqa: PLC0415

    key = f"datamodule.predicted={named}"
    try:
        sweep = load_sweep(find_sweep(runs, named))
    except FileNotFoundError as error:
        again = f"python train.py +experiment={named} -m"
        raise ValueError(f"{key}: {error}; train its folds first ({again}), or give a file") from error
    for path, folders in masks_to_join(sweep).items():
        from dermoscopy.masks.out_of_fold import join_masks  # noqa: PLC0415  (torch, and only for the first asking)

        join_masks(folders, path)
    files = sorted(sweep.folder.glob(f"{JOINED}*.h5"))
    if not files:
        raise ValueError(
            f"{key}: {sweep.folder} lacks folds, or is no sweep over them: `{sweep.command}` goes on with it"
        )
    if len(files) > 1:
        raise ValueError(
            f"{key} left the masks of {len(files)} arms, give the file of one: {', '.join(map(str, files))}"
        )
    return str(files[0])


def _weights(stage: DictConfig) -> Iterator[tuple[str, DictConfig]]:
    """The network of a stage and its parts that start from weights, each with its key."""
    parts = {"network": stage.network}
    parts |= {f"network.{name}": part for name, part in stage.network.items() if isinstance(part, DictConfig)}
    return ((key, part) for key, part in parts.items() if part.get("checkpoint") is not None)


def locate(stage: DictConfig) -> None:
    """Put files in the place of the runs that weights are taken from, and of the experiment that predicted masks.

    Raises:
        ValueError: see `weights_file` and `masks_file`.
    """
    runs = Path(stage.runs)
    for key, part in _weights(stage):
        part.checkpoint = weights_file(f"{key}.checkpoint", str(part.checkpoint), runs, stage.tracking.uri)
    if stage.datamodule.predicted is not None:
        stage.datamodule.predicted = masks_file(str(stage.datamodule.predicted), runs)


def warn_of_origins(stage: DictConfig, data: "DataModule") -> None:
    """Warn of weights that come from other data, and of those that have seen what this run is tested on.

    Args:
        stage: its configuration, after `locate`.
        data: its datamodule.
    """
    from dermoscopy.runs.splits import seen_in_training  # noqa: PLC0415

    for key, part in _weights(stage):
        named = f"{key}.checkpoint={part.checkpoint}"
        folder, own = Path(part.checkpoint).parent, data.store.fingerprint
        theirs = _fingerprint(Path(part.checkpoint))
        if theirs not in (None, own):
            warnings.warn(
                f"{named} learnt from the data {theirs[:16]}, this run learns from {own[:16]}: make sure that both "
                "show images in the same way (data.size, data.fit)",
                stacklevel=2,
            )
        tested = data.store.ids[data.rows("test").numpy()]
        if count := len(seen_in_training(folder) & set(tested.tolist())):
            warnings.warn(
                f"{named} has seen {count} of the {len(tested)} images that this run is tested on, so its test will be "
                "too good: take weights of the same seed and fold",
                stacklevel=2,
            )


def _fingerprint(checkpoint: Path) -> str | None:
    """The fingerprint of the data that weights learnt from; None where no record of a stage lies beside them."""
    from dermoscopy.runs.recorded import NotAStage, read_stage  # noqa: PLC0415

    try:
        return read_stage(checkpoint).fingerprint
    except (FileNotFoundError, NotAStage):
        return None
