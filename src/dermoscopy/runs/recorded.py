"""Recorded configurations of stages, read from their config.yaml; no other module depends on the keys of that file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dermoscopy.machine.files import read_json, shown_path
from dermoscopy.machine.randomness import repeat_seed
from dermoscopy.runs.files import BEST, CONFIG, JOB
from dermoscopy.runs.keys import RECIPE
from dermoscopy.runs.records import read_sweep
from dermoscopy.runs.stage import finished

FIRST_RECIPE = 1  # of version 0.1.0, which did not record its recipe
SECTIONS = ("stage", "data", "datamodule", "network", "model", "trainer")  # required in every stage's configuration
Settings = dict[str, Any]


class NotAStage(ValueError):
    """A config.yaml that is not the configuration of a trained stage."""


@dataclass(frozen=True)
class RecordedData:
    """The data that a stage was trained on: name, folder of the raw files or None, and path of the store."""

    name: str
    raw: str | None
    store: Path


@dataclass(frozen=True)
class RecordedStage:
    """A checkpoint, and the settings in the configuration beside it.

    Attributes:
        checkpoint: file of the weights.
        configuration: the whole configuration, from which `dermoscopy.config.trained` builds objects.
        name, epochs: of the stage.
        seed: of its initial weights, which differs between the folds of a run's seed.
        data: the data that it was trained on.
        fingerprint: of that data.
        accelerator: as Lightning names it.
        labels: names of the L labels, in the order of a classifier's logits.
        masks: names of the K masks, in the order of a segmenter's logits; none for a classifier.
        exclusive: whether a pixel has at most one of the masks; of a classifier: an image exactly one of the labels.
        size, fit: height and width of the training images, and how images were fitted into that size.
        reduce: factor by which they are smaller than the images of the store.
        padding: filling around an image that does not fill its frame, see `dermoscopy.data.batches.padding`.
        mean, std: normalisation of RGB in 0 ... 1.
        given: names of the masks that a classifier reads, in order.
        validation_masks: mask condition of its validation, which chose its epoch and thresholds: none, given or
            predicted.
        threshold_rule: that chose the thresholds of a classifier's labels; empty for a segmenter.
        mask_threshold: probability above which a pixel belongs to a predicted mask.
    """

    checkpoint: Path
    configuration: Settings
    name: str
    epochs: int
    seed: int
    data: RecordedData
    fingerprint: str
    accelerator: str
    labels: tuple[str, ...]
    masks: tuple[str, ...]
    exclusive: bool
    size: tuple[int, int]
    fit: str
    reduce: int
    padding: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    given: tuple[str, ...]
    validation_masks: str
    threshold_rule: str
    mask_threshold: float

    @property
    def folder(self) -> Path:
        """Folder of the stage."""
        return self.checkpoint.parent

    @property
    def stored_size(self) -> tuple[int, int]:
        """Height and width of the images in its store."""
        return self.size[0] * self.reduce, self.size[1] * self.reduce

    def __str__(self) -> str:
        unfinished = "" if finished(self.folder) else ", best weights so far: the stage is not finished"
        return f"{self.checkpoint} ({self.size[0]} x {self.size[1]} px, {self.fit}{unfinished})"


def read_stage(checkpoint: Path) -> RecordedStage:
    """Return the stage of a checkpoint, read from the configuration beside it.

    Raises:
        FileNotFoundError: there is no configuration.
        NotAStage: it is not the configuration of a stage.
        ValueError: it was recorded by another recipe.
    """
    path = checkpoint.with_name(CONFIG)
    if not path.is_file():
        raise FileNotFoundError(f"{checkpoint} has no {CONFIG} beside it: copy the whole folder of the stage")
    try:
        configuration = yaml.load(path.read_text(), yaml.CSafeLoader)
        if missing := [name for name in SECTIONS if name not in configuration]:
            raise KeyError(missing[0])
        _check_recipe(path, configuration.get("recipe_version", FIRST_RECIPE))
        return _parsed(checkpoint, configuration)
    except (yaml.YAMLError, LookupError, TypeError, AttributeError, UnicodeDecodeError) as error:
        first = next(iter(str(error).splitlines()), "")
        raise NotAStage(
            f"{path} is not the configuration of a trained stage ({type(error).__name__}: {first})"
        ) from error


def _check_recipe(path: Path, recipe: int) -> None:
    if recipe != RECIPE:
        jobs = _jobs_with(path.parent)
        again = next((f": {read_sweep(job.parent)['command']}" for job, _ in jobs), " with the command that trained it")
        raise ValueError(
            f"{path} was written by recipe {recipe} of the training, this version reads recipe {RECIPE}; "
            f"train it again{again}"
        )


def _parsed(checkpoint: Path, configuration: Settings) -> RecordedStage:
    data, batches, model = configuration["data"], configuration["datamodule"], configuration["model"]
    is_classifier = "labels" in model
    reduce, size, mean, std = batches["reduce"], data["size"], batches["mean"], batches["std"]
    if reduce < 1 or len(size) != 2 or min(size) < reduce or (len(mean), len(std)) != (3, 3) or min(std) <= 0:
        raise TypeError(f"data.size={size}, datamodule.reduce={reduce}, datamodule.mean={mean}, datamodule.std={std}")
    return RecordedStage(
        checkpoint=checkpoint,
        configuration=configuration,
        name=configuration["stage"],
        epochs=configuration["epochs"],
        seed=repeat_seed(configuration["seed"], batches["split"].get("fold")),
        data=RecordedData(data["name"], data["raw"], Path(batches["store"])),
        fingerprint=configuration["fingerprint"],
        accelerator=configuration["trainer"]["accelerator"],
        labels=tuple(batches["labels"]),
        masks=() if is_classifier else tuple(model["masks"]),
        exclusive=model["exclusive_labels" if is_classifier else "exclusive"],
        size=(size[0] // reduce, size[1] // reduce),
        fit=data["fit"],
        reduce=reduce,
        padding=batches["eval_padding"],
        mean=tuple(mean),
        std=tuple(std),
        given=tuple(batches["masks"]) if is_classifier else (),
        validation_masks=model["validation_masks"] if is_classifier else "none",
        threshold_rule=model["threshold"] if is_classifier else "",
        mask_threshold=batches["mask_threshold"],
    )


@dataclass(frozen=True)
class FinishedStage:
    """A finished stage, and how it was trained.

    Attributes:
        recorded: its checkpoint and configuration.
        key: of the stage.
        tested: mask conditions or TTA of its test; None if it was not tested.
        code: commit, whether tracked files differed from it, and versions of libraries.
        hardware, threads: of the machine that trained it.
    """

    recorded: RecordedStage
    key: str
    tested: tuple[str, ...] | None
    code: Mapping[str, object]
    hardware: str
    threads: int


def read_run(checkpoint: Path) -> list[FinishedStage]:
    """Return the stages of the run that ends with the stage of this checkpoint, in order.

    Raises:
        ValueError: no job of the experiment contains the stage; a stage is not finished.
        FileNotFoundError: a stage has no configuration.
    """
    last = checkpoint.absolute().parent
    for _, job in _jobs_with(last):
        keys = [stage["key"] for stage in job["stages"]]
        return [_finished(last.with_name(key)) for key in keys[: keys.index(last.name) + 1]]
    raise ValueError(
        f"no job in {shown_path(last.parent / 'sweeps')} names the stage {last.name}: the record of its run "
        f"(sweeps/*/*/{JOB} beside the stage) lists its earlier stages, and is needed"
    )


def _jobs_with(folder: Path) -> Iterator[tuple[Path, Settings]]:
    """Yield the folder and the record of each job that contains the stage in this folder."""
    for path in sorted(folder.parent.glob(f"sweeps/*/*/{JOB}")):
        record = read_json(path)
        if any(stage["key"] == folder.name for stage in record.get("stages", ())):  # a job that failed early has none
            yield path.parent, record


def _finished(folder: Path) -> FinishedStage:
    """Read a stage; hardware and threads are those of the latest job that trained it."""

    def priority(named: tuple[Path, Settings]) -> tuple[bool, str]:
        (stage,) = (stage for stage in named[1]["stages"] if stage["key"] == folder.name)
        return not stage.get("reused", True), named[1]["started"]  # an unfinished job has no `reused`

    place, job = max(_jobs_with(folder), key=priority)
    result = finished(folder)
    if result is None or not (folder / BEST).is_file():
        command = read_sweep(place.parent)["command"]
        raise ValueError(f"the stage {shown_path(folder)} is not finished; to finish it: {command}")
    if not (folder / CONFIG).is_file():
        raise FileNotFoundError(f"{shown_path(folder)} has no {CONFIG}: copy the whole folder of the stage")
    return FinishedStage(
        recorded=read_stage(folder / BEST),
        key=folder.name,
        tested=None if result["tested"] is None else tuple(result["tested"]),
        code=result["code"],
        hardware=job["hardware"],
        threads=job["threads"],
    )
