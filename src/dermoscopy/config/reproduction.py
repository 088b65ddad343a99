"""The stages of a finished run as they are trained once more: their configurations, and the parts built from those."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from dermoscopy.config.keys import decisive_settings
from dermoscopy.config.stages import build_parts
from dermoscopy.runs.keys import stage_key
from dermoscopy.runs.recorded import FinishedStage, Settings
from dermoscopy.runs.stage import Stage
from dermoscopy.sweep.reproduce import Retraining
from dermoscopy.training.stages import Parts


def plan_again(run: Sequence[FinishedStage], out: Path, store: Path, threads: Sequence[int]) -> Retraining:
    """Return the stages of a run as they are trained again, each in a folder of its own.

    Args:
        run: the stages as they were.
        out: folder for those of the stages.
        store: where the data are now.
        threads: of the processor, for each stage.
    """
    planned = [_plan(finished, out / finished.key, store) for finished in run]
    settings = {stage.key: (content, number) for (stage, content), number in zip(planned, threads, strict=True)}

    def build_stage(stage: Stage, _: float | None) -> Parts:  # the learning rate is the one that was recorded
        content, number = settings[stage.key]
        torch.set_num_threads(number)
        return build_parts(OmegaConf.create(content), stage.folder)

    return Retraining([stage for stage, _ in planned], build_stage, _keys(run))


def _plan(finished: FinishedStage, folder: Path, store: Path) -> tuple[Stage, Settings]:
    """A stage that is trained as it was, and its configuration."""
    recorded, tests = finished.recorded, finished.tested or ()
    configuration = moved(recorded.configuration, recorded.configuration["folder"], str(folder))
    configuration["datamodule"]["store"] = str(store)
    if tests and "mask_conditions" in configuration["model"]:  # all that was ever tested, also by a later command
        configuration["model"]["mask_conditions"] = list(tests)
    return Stage(recorded.name, recorded.epochs, finished.key, folder, recorded.seed, tests), configuration


def _keys(run: Sequence[FinishedStage]) -> list[str]:
    """What the stages would be called by this code and the files that they name."""
    settings = [decisive_settings(finished.recorded.configuration) for finished in run]
    fingerprint = run[-1].recorded.fingerprint
    return [stage_key(settings[:number], fingerprint) for number in range(1, len(run) + 1)]


def moved(value: Any, old: str, new: str) -> Any:
    """Return a configuration in which every path that is or lies in the folder `old` is or lies in `new`."""
    if isinstance(value, Mapping):
        return {key: moved(inner, old, new) for key, inner in value.items()}
    if isinstance(value, list):
        return [moved(inner, old, new) for inner in value]
    inside = isinstance(value, str) and (value == old or value.startswith(f"{old}/"))
    return new + value[len(old) :] if inside else value
