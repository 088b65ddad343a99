"""Files of initial weights and predicted masks, named by path, run or experiment."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from dermoscopy.machine.messages import RunWarning
from dermoscopy.networks.published import at_hand
from dermoscopy.runs.keys import PACKAGE, TARGET

if TYPE_CHECKING:
    from dermoscopy.contracts import DataModule
    from dermoscopy.runs.recorded import RecordedStage

# Modules that need torch or pandas are imported inside functions: a finished sweep answers without them.


def weights_file(key: str, name: str, runs: Path, uri: str) -> str:
    """Return the checkpoint for a key of the configuration: a file, or a run as accepted by `find_checkpoint`.

    Raises:
        ValueError: there is no run of that name, or it has no checkpoint.
    """
    if Path(name).suffix:
        return name
    from dermoscopy.runs.find import find_checkpoint  # noqa: PLC0415

    try:
        return str(find_checkpoint(name, runs, uri))
    except (ValueError, OSError) as error:
        raise ValueError(f"{key}={name}: {error}") from error


def masks_file(name: str, runs: Path) -> str:
    """Return the file of predicted masks for datamodule.predicted: a file, or an experiment with folds.

    The out-of-fold masks of its latest sweep are joined into one file if they are not yet.

    Raises:
        ValueError: there is no such experiment, one of its folds is missing, or its sweep has several arms.
    """
    if Path(name).suffix:
        return name
    from dermoscopy.report.results.mask_folds import JOINED, masks_to_join  # noqa: PLC0415
    from dermoscopy.runs.tables import find_sweep, load_sweep  # noqa: PLC0415

    key = f"datamodule.predicted={name}"
    try:
        sweep = load_sweep(find_sweep(runs, name))
    except FileNotFoundError as error:
        command = f"python train.py +experiment={name} -m"
        raise ValueError(f"{key}: {error}; train its folds first ({command}), or give a file") from error
    for path, folders in masks_to_join(sweep).items():
        from dermoscopy.masks.out_of_fold import join_masks  # noqa: PLC0415  (torch, needed only to join masks)
        from dermoscopy.runs.splits import seen_in_training  # noqa: PLC0415

        join_masks(folders, path, [seen_in_training(folder) for folder in folders])
    files = sorted(sweep.folder.glob(f"{JOINED}*.h5"))
    if not files:
        raise ValueError(
            f"{key}: {sweep.folder} lacks folds, or is no sweep over them; to continue it: {sweep.command}"
        )
    if len(files) > 1:
        raise ValueError(
            f"{key} left the masks of {len(files)} arms, give the file of one: {', '.join(map(str, files))}"
        )
    return str(files[0])


def network_parts(stage: DictConfig) -> Iterator[tuple[str, DictConfig]]:
    """Yield the network of a stage and its parts, each with its key."""
    yield "network", stage.network
    yield from ((f"network.{name}", part) for name, part in stage.network.items() if isinstance(part, DictConfig))


def is_own(part: DictConfig) -> bool:
    """Return whether a part is a network of this project; one of the user's may mean anything by the same keys."""
    return str(part.get(TARGET)).startswith(PACKAGE)


def named_network(part: DictConfig) -> tuple[str, str] | None:
    """Return what names the network that a part of this project builds without a checkpoint, and the name.

    The first is `backbone`, of timm, or `encoder`, of smp: both know a resnet18, with other weights.
    """
    if not is_own(part) or "pretrained" not in part or part.get("checkpoint") is not None:
        return None
    return next(((key, part[key]) for key in ("backbone", "encoder") if isinstance(part.get(key), str)), None)


def _weights(stage: DictConfig) -> Iterator[tuple[str, DictConfig]]:
    """Return the network of a stage and its parts that load a checkpoint, each with its key."""
    return ((key, part) for key, part in network_parts(stage) if part.get("checkpoint") is not None)


def locate(stage: DictConfig) -> None:
    """Replace names in the configuration of a stage by files.

    They are the names of runs, by their checkpoints; that of an experiment, by its file of predicted masks; and
    `pretrained=true`, by the file with the published weights, where a package or the folder `weights` has one.

    Raises:
        ValueError: see `weights_file` and `masks_file`.
    """
    runs = Path(stage.runs)
    for key, part in _weights(stage):
        part.checkpoint = weights_file(f"{key}.checkpoint", str(part.checkpoint), runs, stage.tracking.uri)
    for _, part in network_parts(stage):
        named = named_network(part)
        if named is None or part.pretrained is not True:
            continue
        if (file := at_hand(named[1], Path(stage.weights))) is not None:
            part.pretrained = str(file)
    if stage.datamodule.predicted is not None:
        stage.datamodule.predicted = masks_file(str(stage.datamodule.predicted), runs)


def warn_of_initial_weights(stage: DictConfig, data: "DataModule") -> None:
    """Warn of initial weights that were trained on other data, for other names, or on test images of this run.

    Args:
        stage: its configuration, after `locate`.
        data: its datamodule.
    """
    from dermoscopy.runs.splits import seen_in_training  # noqa: PLC0415

    for key, part in _weights(stage):
        setting = f"{key}.checkpoint={part.checkpoint}"
        folder, own = Path(part.checkpoint).parent, data.store.fingerprint
        recorded = _recorded(Path(part.checkpoint))
        if others := _other_names(part, recorded):
            warnings.warn(
                f"{setting} was trained for {'; for '.join(others)}: make sure that this is meant",
                RunWarning,
                stacklevel=2,
            )
        trained = own if recorded is None else recorded.fingerprint
        if trained != own:
            warnings.warn(
                f"{setting} was trained on the data {trained[:16]}, this run trains on {own[:16]}: make sure that both "
                "prepare images in the same way (data.size, data.fit)",
                RunWarning,
                stacklevel=2,
            )
        test_ids = data.store.ids[data.rows("test").numpy()]
        if count := len((seen_in_training(folder) or set()) & set(test_ids.tolist())):
            warnings.warn(
                f"{setting} was trained on {count} of the {len(test_ids)} test images of this run, so its test scores "
                "will be too high: use weights of the same seed, fold and data.stratify",
                RunWarning,
                stacklevel=2,
            )


def _other_names(part: DictConfig, recorded: "RecordedStage | None") -> list[str]:
    """Return the labels or masks that differ in name alone from those of a checkpoint, and so begin with its weights.

    Where their number differs as well, their weights have another shape and stay new.
    """
    network = recorded.configuration["network"] if recorded else {}
    parts = [each for each in (network, *network.values()) if isinstance(each, dict)]
    trained = {each.get(TARGET): each for each in parts}
    inner = [own for own in part.values() if isinstance(own, DictConfig) and ("labels" in own or "masks" in own)]
    pairs = [(key, own, trained.get(own.get(TARGET, ""), {})) for own in inner or [part] for key in ("labels", "masks")]
    names = [(key, list(own.get(key) or ()), list(other.get(key) or ())) for key, own, other in pairs]
    return [
        f"the {key} {', '.join(then)}, whose weights those of {', '.join(now)} begin with"
        for key, now, then in names
        if now != then and len(now) == len(then)
    ]


def _recorded(checkpoint: Path) -> "RecordedStage | None":
    """Return the stage that weights are of; None without a record beside them."""
    from dermoscopy.runs.recorded import NotAStage, read_stage  # noqa: PLC0415

    try:
        return read_stage(checkpoint)
    except (FileNotFoundError, NotAStage):
        return None
