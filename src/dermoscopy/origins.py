"""Where initial weights and predicted masks come from: files, or runs and experiments that left some."""

from pathlib import Path

# What follows needs torch or pandas and is imported where it is used: a finished sweep says so without waiting for it.


def weights_file(key: str, named: str, runs: Path, uri: str) -> str:
    """Return the checkpoint that a key of the configuration names: a file, or a run as `find_checkpoint` takes it.

    Raises:
        ValueError: nothing goes by that name, or the run left no checkpoint.
    """
    if Path(named).suffix:
        return named
    from dermoscopy.predict.stage import find_checkpoint  # noqa: PLC0415

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
    from dermoscopy.analysis.folds import JOINED, masks_to_join  # noqa: PLC0415
    from dermoscopy.analysis.runs import find_sweep, load_sweep  # noqa: PLC0415
    from dermoscopy.evaluation.folds import join_masks  # noqa: PLC0415

    key = f"datamodule.predicted={named}"
    try:
        sweep = load_sweep(find_sweep(runs, named))
    except FileNotFoundError as error:
        again = f"python train.py +experiment={named} -m"
        raise ValueError(f"{key}: {error}; train its folds first ({again}), or give a file") from error
    for path, folders in masks_to_join(sweep).items():
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
