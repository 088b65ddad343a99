"""The stages of a run: their configurations, and the parts built from them."""

import copy
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import ConfigAttributeError, ConfigKeyError

from dermoscopy.config.build import build, check_part, plain
from dermoscopy.config.callbacks import check_callbacks, check_places
from dermoscopy.config.checks import check_labels, check_segmenter, check_stage, check_stages
from dermoscopy.config.keys import decisive_settings
from dermoscopy.config.lengths import stage_epochs
from dermoscopy.config.precision import decide_precision
from dermoscopy.config.references import locate, warn_of_initial_weights
from dermoscopy.config.texts import expand_homes
from dermoscopy.config.unknown import dotted, nearest_keys
from dermoscopy.machine.files import write_atomically
from dermoscopy.machine.randomness import derive, repeat_seed
from dermoscopy.runs.files import CONFIG
from dermoscopy.runs.keys import PACKAGE, RECIPE, TARGET, stage_key
from dermoscopy.runs.stage import LrRange, Stage

if TYPE_CHECKING:  # a finished sweep answers without importing torch
    from dermoscopy.training.stages import Parts

# Keys that the program sets in the configuration of each stage, refused in that of a user. Files of conf/ refer to them
# as ${oc.select:folder}, which is null outside of a stage.
SET_BY_PROGRAM = ("stage", "stage_seed", "offset", "folder", "fingerprint", "recipe_version")
HD95 = "hd95"  # name of the test with Hausdorff distances


class Run:
    """The stages of one run and their configurations.

    Args:
        configuration: of the run.
        fingerprint: of its store.
        sweep: folder of the sweep; with rerun=true a stage counts as trained only if this sweep trained it.
        claim: takes the resources of the job, before the precision of its training is measured.

    Raises:
        ValueError: a stage cannot be trained, or names a run or an experiment that does not exist.
    """

    def __init__(self, configuration: DictConfig, fingerprint: str, sweep: Path, claim: Callable[[], object]) -> None:
        configurations = stage_configurations(configuration)
        for stage in configurations:
            decide_precision(stage, sweep, claim)
        settings = [decisive_settings(plain(stage)) for stage in configurations]
        self.stages: list[Stage] = []
        self._configurations: dict[str, DictConfig] = {}
        for number, stage in enumerate(configurations):
            key = stage_key(settings[: number + 1], fingerprint)
            folder = Path(configuration.runs, configuration.name, key)
            stage.folder, stage.fingerprint, stage.recipe_version = str(folder), fingerprint, RECIPE
            self._configurations[key] = stage
            self.stages.append(
                Stage(
                    stage.stage,
                    stage.epochs,
                    key,
                    folder,
                    _repeat_seed(stage),
                    tests=conditions_of(stage.model),
                    rerun=sweep.name if configuration.rerun else None,
                    own_weights=has_own_weights(stage, number),
                    lr_range=LrRange(**stage.lr_finder) if stage.optimizer.get("lr") == "auto" else None,
                    precision=stage.trainer.get("precision"),
                )
            )

    @property
    def configurations(self) -> list[DictConfig]:
        """Configuration of each stage."""
        return [self._configurations[stage.key] for stage in self.stages]

    def build(self, stage: Stage, lr: float | None) -> "Parts":
        """Return the data, the task and the trainer of a stage, and record its configuration in its folder.

        Args:
            stage: one of this run.
            lr: learning rate; None: as configured.
        """
        # a copy, as building resolves references in place: max_lr would keep the first learning rate
        configuration = copy.deepcopy(self._configurations[stage.key])
        if lr is not None:
            configuration.optimizer.lr = lr
        parts = build_parts(configuration, stage.folder)
        warn_of_initial_weights(configuration, parts.data)
        return parts


def has_own_weights(stage: DictConfig, number: int) -> bool:
    """Return whether the entry of a stage in `stages` sets network.checkpoint, so that it starts from these weights.

    A checkpoint of the whole run is that of its first stage: later ones start from the weights of the stage before.
    """
    return OmegaConf.select(stage.stages[number], "network.checkpoint") is not None


def _check_parts(stage: DictConfig) -> None:
    """Refuse arguments that the classes of a stage cannot take, before its first stage is trained."""
    lr = stage.optimizer.get("lr")
    stage.folder = "."  # stands for the folder that the key decides
    if lr == "auto":
        stage.optimizer.lr = 1.0  # stands for the rate that will be found
    check_places(stage.callbacks, stage.folder)
    for part in (stage.datamodule, stage.model, stage.trainer):
        check_part(part)
    stage.folder = None
    if lr == "auto":
        stage.optimizer.lr = lr


def check_later_stages(stages: Sequence[DictConfig]) -> None:
    """Refuse values of later stages that their classes refuse, by building their small parts, before the first trains.

    The first stage is built at once. Networks of later stages are checked by `check_weights`, classes of the user's are
    built when they are needed.

    Args:
        stages: the configuration of each stage, with its folder.

    Raises:
        ValueError: a value is refused; the message names the key and the stage.
    """
    for number, stage in list(enumerate(stages))[1:]:
        changed = _changed_parts(stages[0], stage, stage.stages[number])
        configuration = copy.deepcopy(stage)  # building resolves references in place
        if configuration.optimizer.get("lr") == "auto":
            configuration.optimizer.lr = 1.0  # stands for the rate that will be found
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # they are shown when the stage is trained
                built = {key: build(OmegaConf.select(configuration, key)) for key in changed}
            if "model.mixing" in built and _is_ours(stage.model):  # its task cannot be built without the network
                get_object(stage.model[TARGET]).check_mixing(built["model.mixing"])
        except ValueError as error:
            raise ValueError(f"stage {stage.stage}: {error}") from error


def _changed_parts(first: DictConfig, stage: DictConfig, overrides: DictConfig) -> list[str]:
    """Return the keys of the small parts of a stage that its first stage has not, or that another task has to check."""
    same_task = first.model[TARGET] == stage.model[TARGET]
    model = [
        f"model.{name}"
        for name, part in stage.model.items()
        if name not in ("network", "evaluator") and _is_ours(part)
        if first.model.get(name) != part or (name == "mixing" and _is_ours(stage.model) and not same_task)
    ]
    whole = ["datamodule"] if "datamodule" in overrides and _is_ours(stage.datamodule) else []
    callbacks = [f"callbacks.{name}" for name in overrides.get("callbacks", ()) if _is_ours(stage.callbacks[name])]
    augment = stage.datamodule.get("augment")
    changed = not whole and _is_ours(augment) and augment != first.datamodule.get("augment")
    return [*model, *whole, *callbacks, *(["datamodule.augment"] if changed else [])]


def _is_ours(part: object) -> bool:
    """Return whether a part is built by a class of this package, whose constructor takes next to no time."""
    return isinstance(part, DictConfig) and str(part.get(TARGET)).startswith(PACKAGE)


def build_parts(configuration: DictConfig, folder: Path) -> "Parts":
    """Return the data, the task and the trainer of a stage, and record its configuration in its folder."""
    from dermoscopy.training.stages import Parts  # noqa: PLC0415  (see the top)

    write_atomically(folder / CONFIG, OmegaConf.to_yaml(configuration, resolve=True))
    data = build(configuration.datamodule)
    check_labels(configuration.model, data.store)
    return Parts(data, build(configuration.model), build(configuration.trainer, _partial_=True))


def stage_configurations(run: DictConfig) -> list[DictConfig]:
    """Return the configuration of each stage: that of the run with the overrides of this stage alone."""
    check_stages(run.stages)
    configurations: list[DictConfig] = []
    for number, overrides in enumerate(run.stages):
        stage = copy.deepcopy(run)
        with open_dict(stage):
            stage.update(dict.fromkeys(SET_BY_PROGRAM))
        with open_dict(stage.callbacks):  # a stage may add callbacks
            try:
                stage.merge_with(overrides)
            except (ConfigAttributeError, ConfigKeyError) as error:
                near = nearest_keys(key := str(error.full_key), dotted(run))
                raise ValueError(f"{key} in entry {number} of stages is no key of the run{near}") from error
        stage.epochs = stage_epochs(stage.epochs, stage.protocol, stage.stage)
        check_stage(stage, overrides, first=number == 0)
        check_callbacks(stage.callbacks)
        expand_homes(stage)  # of its overrides
        locate(stage)
        if isinstance(stage.loss, str):  # a sum of terms
            stage.loss = OmegaConf.merge(run.loss, {"text": stage.loss})
        stage.stage_seed = derive(_repeat_seed(stage), number)
        stage.offset = sum(earlier.epochs for earlier in configurations)
        _check_parts(stage)
        configurations.append(stage)
    check_segmenter(configurations[0])
    return configurations


def _repeat_seed(stage: DictConfig) -> int:
    split = stage.datamodule.get("split") or {}  # a data module of the user's own may have none
    return repeat_seed(stage.seed, split.get("fold"))


def conditions_of(model: DictConfig) -> tuple[str, ...]:
    """Return the tests of a task: mask conditions for labels, test-time augmentations for masks, and `HD95`."""
    conditions: Sequence[str] = model.get("mask_conditions") or model.get("tta") or ()
    distances = (HD95,) if (model.get("evaluator") or {}).get("hd95") else ()
    return (*conditions, *distances)
