"""Reproduction of a finished run: the configurations of its stages, and the parts built from them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from dermoscopy.config.build import check_part
from dermoscopy.config.keys import decisive_settings
from dermoscopy.config.stages import build_parts
from dermoscopy.runs.keys import stage_key
from dermoscopy.runs.recorded import FinishedStage, Settings
from dermoscopy.runs.stage import Stage
from dermoscopy.sweep.reproduce import Retraining
from dermoscopy.training.stages import Parts


def plan_reproduction(
    run: Sequence[FinishedStage], out: Path, store: Path, threads: Sequence[int], trust: Sequence[str]
) -> Retraining:
    """Return the stages of a run for retraining, each in a folder of its own.

    Args:
        run: the finished stages.
        out: folder for the folders of the stages.
        store: path of the store.
        threads: number of CPU threads per stage.
        trust: packages whose code the run may execute; its own list does not count, as it may come from someone else.

    Raises:
        ValueError: the run names other code.
    """
    planned = [_plan(finished, out / finished.key, store) for finished in run]
    for _, content in planned:
        content["trust"] = list(trust)
        for part in ("datamodule", "model", "trainer"):
            check_part(OmegaConf.create(content)[part])
    settings = {stage.key: (content, number) for (stage, content), number in zip(planned, threads, strict=True)}

    def build_stage(stage: Stage, _: float | None) -> Parts:  # the configuration has the recorded learning rate
        content, number = settings[stage.key]
        torch.set_num_threads(number)
        return build_parts(OmegaConf.create(content), stage.folder)

    return Retraining([stage for stage, _ in planned], build_stage, _keys(run))


def _plan(finished: FinishedStage, folder: Path, store: Path) -> tuple[Stage, Settings]:
    """Return a stage with the recorded settings in a new folder, and its configuration."""
    recorded, tests = finished.recorded, finished.tested or ()
    configuration = moved(recorded.configuration, recorded.configuration["folder"], str(folder))
    configuration["datamodule"]["store"] = str(store)
    if tests and "mask_conditions" in configuration["model"]:  # all tests, also those of later commands
        configuration["model"]["mask_conditions"] = list(tests)
    return Stage(recorded.name, recorded.epochs, finished.key, folder, recorded.seed, tests), configuration


def _keys(run: Sequence[FinishedStage]) -> list[str]:
    """Return the keys that the stages have under the current code, with the current content of their files."""
    settings = [decisive_settings(finished.recorded.configuration) for finished in run]
    fingerprint = run[-1].recorded.fingerprint
    return [stage_key(settings[:number], fingerprint) for number in range(1, len(run) + 1)]


def moved(value: Any, old: str, new: str) -> Any:
    """Return a configuration with the folder `old` replaced by `new` in every path."""
    if isinstance(value, Mapping):
        return {key: moved(inner, old, new) for key, inner in value.items()}
    if isinstance(value, list):
        return [moved(inner, old, new) for inner in value]
    inside = isinstance(value, str) and (value == old or value.startswith(f"{old}/"))
    return new + value[len(old) :] if inside else value
