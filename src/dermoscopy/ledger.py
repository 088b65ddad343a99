"""Which trainings are done: a stage, its key, and the result left in its folder."""

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dermoscopy.files import read_json, write_atomically

# Raised by whoever changes the code so that a configuration trains to other numbers; CHANGELOG.md says what changed.
# So an update trains again what it would change, and only that.
RECIPE = 1

# What cannot change a result: names, places, how it is shown. All else is part of the key, also what is not known here.
IRRELEVANT = frozenset(
    {
        *("name", "arms", "lengths", "protocol", "stage", "stages", "folder", "rerun", "runs", "tracking", "logger"),
        *("offset", "fingerprint", "threads", "jobs_per_gpu", "sweep", "model.availability", "model.views"),
        *("data.name", "data.raw", "data.size", "data.fit", "data.on_error", "data.store", "data.source", "data.make"),
        *("datamodule.store", "datamodule.memory", "datamodule.eval_batch_size"),
        *("trainer.accelerator", "trainer.devices", "trainer.num_nodes", "trainer.strategy", "trainer.callbacks"),
        *("trainer.default_root_dir", "trainer.enable_progress_bar", "trainer.log_every_n_steps", "trainer.profiler"),
        *("callbacks.history", "callbacks.progress", "callbacks.last", "callbacks.predictions"),
        *("callbacks.pictures", "callbacks.explanations", "callbacks.best.dirpath"),
    }
)
# files of the user's: their content counts, not where they lie
FILES = ("split.file", ".checkpoint", "datamodule.predicted")
# What a stage cannot change: its key would not tell, and what one stage tests on another would have trained on.
WHOLE_RUN = frozenset(
    {"name", "runs", "seed", "data", "split", *(f"datamodule.{n}" for n in ("store", "split", "split_seed"))}
)
SWITCHES = ("exclusive", "exclusive_labels", "rerun")  # Hydra's command line reads yes and no as texts
RESULT, RERUN, REPLACED = "result.json", "rerun.txt", "replaced"


@dataclass(frozen=True)
class Stage:
    """One training.

    Attributes:
        name: of the stage, and number of its epochs.
        key, folder: hash of all that can change its result, and the place where it is kept under that name.
        seed: of its first weights.
        tests: what the network is given at test, if this is the last stage of its run.
        rerun: if not None, an older result counts only if it comes from the rerun of this name.
        build: returns the data, the task and the trainer, given a learning rate or nothing for the configured one;
            called only if there is something to train or to test.
        own_weights: whether it starts from weights of its own instead of the best of the stage before.
        find_lr: finds its learning rate, given what loads its first weights into a task; None if it is configured.
    """

    name: str
    epochs: int
    key: str
    folder: Path
    seed: int
    build: Callable[..., tuple[Any, Any, Any]]
    tests: tuple[str, ...] = ()
    rerun: str | None = None
    own_weights: bool = False
    find_lr: Callable[[Callable[[Any], None]], float] | None = None

    def tested(self, result: Mapping[str, Any]) -> bool:
        """Tell whether a result has all the tests that are asked for."""
        return result["tested"] is not None and set(self.tests) <= set(result["tested"])

    @property
    def plan(self) -> dict[str, Any]:
        """The row of this stage in the record of its job, before it is trained."""
        return {"name": self.name, "key": self.key, "folder": str(self.folder), "epochs": self.epochs}


def check_stages(stages: Any) -> None:
    """Refuse what is no list of stages, before each is merged into the configuration of the run.

    Raises:
        ValueError: an empty list, or entries that are no mappings.
    """
    if not stages:
        raise ValueError("stages is empty: a run needs at least one stage")
    if isinstance(stages, str) or not isinstance(stages, Sequence) or not all(isinstance(s, Mapping) for s in stages):
        raise ValueError(f"stages must be a list of mappings, such as [{{stage: whole, epochs: 5}}], got {stages}")


def check_stage(stage: Mapping[str, Any], overrides: Mapping[str, Any], first: bool) -> None:
    """Refuse a stage that cannot be trained, or that changes what a whole run has in common.

    Args:
        stage: its configuration, overrides included.
        overrides: what it changes in that of the run.
        first: whether it is the first stage of the run.

    Raises:
        ValueError: see above.
    """
    name, epochs, lr = stage["stage"], stage["epochs"], stage["optimizer"].get("lr")
    data = {f"datamodule.{key}" for key in overrides.get("datamodule", ())}
    if fixed := sorted({*overrides, *data} & WHOLE_RUN):
        raise ValueError(f"stage {name} changes {fixed[0]}, which holds for a whole run: set it outside of stages")
    network = (overrides.get("network") or {}).items()
    parts = [key for key, value in network if isinstance(value, Mapping) and value.get("checkpoint")]
    if parts and not first:
        raise ValueError(
            f"stage {name} names weights of network.{parts[0]}, but it starts from those of the stage before: name "
            "them in the first stage"
        )
    if type(epochs) is not int or epochs < 1:
        raise ValueError(f"epochs of stage {name} must be a whole number of at least 1, got {epochs}")
    if "lr" in stage["optimizer"] and lr != "auto" and not isinstance(lr, int | float):
        raise ValueError(f"optimizer.lr of stage {name} must be a number or auto, got {lr}")
    for key in SWITCHES:
        if type(value := stage.get(key, False)) is not bool:
            raise ValueError(f"{key} of stage {name} must be true or false, got {value}")
    _check_batches(name, stage["trainer"])


def check_segmenter(stage: Mapping[str, Any]) -> None:
    """Refuse a first stage in which a segmenter without weights finds the masks that labels are told from.

    Raises:
        ValueError: see above.
    """
    network, model = stage["network"], stage["model"]
    segmenter = network.get("segmenter")
    named = not isinstance(segmenter, Mapping) or segmenter.get("checkpoint") or network.get("checkpoint")
    learns = "mask_loss" in model and model["weights"].get("masks") != 0
    if not (named or learns):
        raise ValueError(
            "nothing trains network.segmenter, and it has no weights: network.segmenter.checkpoint=RUN names some, "
            "model=joint trains it, network.segmenter=null reads the masks that the data have"
        )


def _check_batches(name: str, trainer: Mapping[str, Any]) -> None:
    """Refuse an epoch without a training step, without the validation that chooses the best one, or without a test."""
    each = trainer.get("accumulate_grad_batches", 1)
    if type(each) is not int or each < 1:
        raise ValueError(
            f"trainer.accumulate_grad_batches of stage {name} must be a whole number of at least 1, got {each}"
        )
    most = {int: math.inf, float: 1.0}  # a number of batches, or a share of them
    for side in ("train", "val", "test"):
        limit = trainer.get(f"limit_{side}_batches")
        if limit is not None and not (type(limit) in most and 0 < limit <= most[type(limit)]):
            raise ValueError(
                f"trainer.limit_{side}_batches of stage {name} must be a number of batches of at least 1, "
                f"a share above 0 and up to 1.0, or null for all, got {limit}"
            )


def stage_key(configurations: Sequence[Mapping[str, Any]], fingerprint: str) -> str:
    """Return the key of the last of these stages: sha256 of all that can change its result.

    Args:
        configurations: resolved configuration of every stage up to and with this one.
        fingerprint: of the store's content; it stands for the path and the recipe of the data.
    """
    parts = [relevant(configuration) for configuration in configurations]
    text = json.dumps([RECIPE, fingerprint, parts], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def relevant(
    configuration: Mapping[str, Any], prefix: str = "", irrelevant: frozenset[str] = IRRELEVANT
) -> dict[str, Any]:
    """Return the part of a configuration that can change a result, written so that equal settings look equal."""
    kept = {}
    for name, value in configuration.items():
        path = f"{prefix}{name}"
        if path in irrelevant:
            continue
        nested = isinstance(value, Mapping)
        kept[name] = relevant(value, f"{path}.", irrelevant) if nested else _canonical(path, value)
        if name == "zeroing" and isinstance(value, Mapping) and value.get("p") in (0, 1):
            kept[name] = {"p": int(value["p"])}  # all or nothing: the grid cannot matter
    return kept


def _canonical(path: str, value: Any) -> Any:
    """1.0 is 1, and a file is its content."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and path.endswith(FILES) and Path(value).is_file():
        with Path(value).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return value


def finished(folder: Path) -> dict[str, Any] | None:
    """Return the result of the stage in this folder, None if it was never finished."""
    path = folder / RESULT
    if not path.is_file():
        return None
    result = read_json(path)
    return result | {"metrics": {k: math.nan if v is None else v for k, v in result["metrics"].items()}}


def result_of(stage: Stage) -> dict[str, Any] | None:
    """Return the result of a stage if it counts, None if the stage is to be trained (again)."""
    if stage.rerun is not None and _rerun_of(stage.folder) != stage.rerun:
        return None
    return finished(stage.folder)


def set_aside(stage: Stage) -> None:
    """Make room for the rerun of a stage: what an earlier training left moves to `replaced/`, until the next rerun."""
    if stage.rerun is None or _rerun_of(stage.folder) == stage.rerun:
        return
    if stage.folder.exists():
        aside = stage.folder.parent / REPLACED / stage.folder.name
        shutil.rmtree(aside, ignore_errors=True)
        aside.parent.mkdir(exist_ok=True)
        stage.folder.rename(aside)
    write_atomically(stage.folder / RERUN, stage.rerun)


def _rerun_of(folder: Path) -> str | None:
    """The name of the rerun that a stage's folder belongs to."""
    path = folder / RERUN
    return path.read_text() if path.is_file() else None
