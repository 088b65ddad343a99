"""Weights of a run, checked before its first stage trains: those to download, and those that later stages load."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, flag_override
from omegaconf.errors import OmegaConfBaseException

from dermoscopy.config.axes import arm_overrides
from dermoscopy.config.build import build, plain
from dermoscopy.config.effects import keys_of
from dermoscopy.config.references import is_own, named_network, network_parts
from dermoscopy.config.stages import has_own_weights, stage_configurations
from dermoscopy.config.texts import expand_homes

# Modules that need torch are imported inside functions: a finished sweep answers without them.

# Axes by which no arm has other weights.
NO_WEIGHTS = (
    *("seed", "split", "datamodule", "augment", "zeroing", "mask_views", "consistency"),
    *("loss", "mask_loss", "optimizer", "scheduler", "lr", "monitor", "callbacks"),
)
ARGUMENT = re.compile(r"^(backbone|encoder|pretrained)\b|\b(?<!\.)(encoder|pretrained|checkpoint)(?==)")
Shapes = Mapping[str, tuple[int, ...]]


def check_folder(config: DictConfig, axes: Collection[str]) -> None:
    """Refuse a folder of weights that a command names and that does not exist; that of conf/ need not exist.

    Args:
        config: of the sweep or run.
        axes: keys that are swept over.

    Raises:
        ValueError: as above.
    """
    typed = "weights" in keys_of(config.hydra.overrides.task)
    if typed and "weights" not in axes and not Path(config.weights).is_dir():
        raise ValueError(f"weights={config.weights} is no folder: name the one that has the files of weights")


def check_weights_of_arms(config: DictConfig, axes: Mapping[str, Sequence[str]]) -> None:
    """Check the weights of every arm of a sweep, before its first job starts.

    What else is wrong in an arm is left to its jobs, as others may be fine.

    Args:
        config: of the sweep.
        axes: the values of each axis.

    Raises:
        ValueError: see `check_weights`.
    """
    loader = GlobalHydra.instance().config_loader()
    for overrides in arm_overrides(config, axes, NO_WEIGHTS):
        try:
            job = loader.load_sweep_config(config, overrides)
            with flag_override(job, ["struct", "readonly"], [False, False]):
                del job["hydra"]
            expand_homes(job)
            stages = stage_configurations(job)
        except (ValueError, OSError, HydraException, OmegaConfBaseException):
            continue
        check_weights(stages)


def check_weights(stages: Sequence[DictConfig]) -> None:
    """Refuse weights that are unavailable, and weights that do not fit the network of a later stage.

    Args:
        stages: the configuration of each stage, as `stage_configurations` returns them.

    Raises:
        ValueError: as above; the message names the key or the stage.
        FileNotFoundError: there is no file of a `checkpoint` or a `pretrained`; the message names the key.
    """
    for stage in stages:
        for key, part in network_parts(stage):
            _check_file(f"{key}.checkpoint", part)
            _check_available(key, part)
    networks = [json.dumps(plain(stage.network), sort_keys=True, default=str) for stage in stages]
    if len(set(networks)) == 1:
        return  # the first stage builds it at once, and the others continue with its weights
    before: Shapes | None = None
    for number, stage in enumerate(stages):
        shapes = _shapes(stage.network)
        if before is not None and not has_own_weights(stage, number) and shapes != before:
            differing = sorted(n for n in shapes.keys() | before.keys() if shapes.get(n) != before.get(n))
            raise ValueError(
                f"stage {stage.stage} starts from the weights of the previous stage, which do not fit its network in "
                f"{len(differing)} layers ({', '.join(differing[:3])}): give all stages the same network"
            )
        before = shapes


def _check_available(key: str, part: DictConfig) -> None:
    if (named := named_network(part)) is None:
        return
    (argument, name), pretrained = named, part.pretrained
    from dermoscopy.networks.hub import HF_HUB, check_available  # noqa: PLC0415
    from dermoscopy.networks.published import is_file_name  # noqa: PLC0415

    if is_file_name(pretrained):
        _check_file(f"{key}.pretrained", part)
    if (pretrained and not is_file_name(pretrained)) or name.startswith(HF_HUB):
        try:
            check_available(argument, name, pretrained)
        except ValueError as error:
            raise ValueError(ARGUMENT.sub(rf"{key}.\g<0>", str(error))) from error


def _check_file(key: str, part: DictConfig) -> None:
    """Refuse a file of weights that does not exist, in a part of this project."""
    file = part.get(key.rpartition(".")[2])
    if file is not None and is_own(part) and not Path(str(file)).is_file():
        raise FileNotFoundError(f"{key}={file} does not exist: give a file of weights, with its whole path")


def _shapes(network: DictConfig) -> Shapes:
    """Return the shapes of the weights of a network, built with the files that it loads."""
    import torch  # noqa: PLC0415

    with torch.random.fork_rng(devices=[]):
        built = build(network)
    return {name: tuple(value.shape) for name, value in built.state_dict().items()}
