"""Train a finished run again and compare every number: python reproduce.py run=ID

It takes the configuration, the seed and the number of threads from the run's own record, and leaves the run as it is.
Exit code 0: all values agree to the last digit; 1: some do not, or it could not be tried. A command that was killed
goes on where it was.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dermoscopy.config.build import build
from dermoscopy.config.keys import decisive_settings
from dermoscopy.machine import hardware
from dermoscopy.machine.files import shown_path, write_json
from dermoscopy.machine.leases import lease
from dermoscopy.machine.messages import one_line_errors
from dermoscopy.machine.provenance import code
from dermoscopy.runs import records as sweeps
from dermoscopy.runs.find import find_checkpoint
from dermoscopy.runs.keys import stage_key
from dermoscopy.runs.stage import Stage
from dermoscopy.sweep.compare import COMPARISON, compare_stage, print_parts, verdict, write_comparison
from dermoscopy.sweep.reproduce import RECORD, Recorded, check_store, choose_folder, read_run
from dermoscopy.training.stages import Build, Parts, run_stages

COMMAND = "python reproduce.py run=ID"
UNKNOWN, CHANGES = "unknown", " with changes"


def named_run(cfg: DictConfig) -> str:
    """Return the run as it stands on the command line, where a key such as 12e5 would else become a number."""
    if OmegaConf.is_missing(cfg, "run") or cfg.run in (None, ""):
        raise ValueError(f"run is missing: {COMMAND}")
    typed = dict(override.partition("=")[::2] for override in HydraConfig.get().overrides.task)
    return str(typed["run"] if isinstance(cfg.run, int | float) else cfg.run)


def threads_of(run: list[Recorded], wanted: Any) -> list[int]:
    """Return the number of threads for each stage: as many as it was trained with, unless another number is wanted."""
    if wanted is None:
        return [stage.job["threads"] for stage in run]
    if not isinstance(wanted, int) or wanted < 1:
        raise ValueError(f"threads must be a whole number of at least 1, got {wanted}")
    return [wanted] * len(run)


def moved(value: Any, old: str, new: str) -> Any:
    """Return a configuration in which every path that is or lies in the folder ``old`` is or lies in ``new``."""
    if isinstance(value, Mapping):
        return {key: moved(inner, old, new) for key, inner in value.items()}
    if isinstance(value, list):
        return [moved(inner, old, new) for inner in value]
    inside = isinstance(value, str) and (value == old or value.startswith(f"{old}/"))
    return new + value[len(old) :] if inside else value


def plan(recorded: Recorded, out: Path, store: Path) -> tuple[Stage, dict[str, Any]]:
    """Return a stage that is trained as it was, in a folder of its own, and its configuration."""
    folder = out / recorded.folder.name
    config = moved(recorded.config, recorded.config["folder"], str(folder))
    config["datamodule"]["store"] = str(store)
    tests = tuple(recorded.result["tested"] or ())
    if tests and "availability" in config["model"]:  # all that was ever tested, also by a later command
        config["model"]["availability"] = list(tests)

    name, epochs, seed = (config[key] for key in ("stage", "epochs", "seed"))
    return Stage(name, epochs, folder.name, folder, seed, tests), config


def builder(planned: list[tuple[Stage, dict[str, Any]]], threads: list[int]) -> Build:
    """Return what builds the parts of each stage, with its own number of threads."""
    configurations = {stage.key: (config, number) for (stage, config), number in zip(planned, threads, strict=True)}

    def build_stage(stage: Stage, _: float | None) -> Parts:
        config, number = configurations[stage.key]
        torch.set_num_threads(number)
        content = OmegaConf.create(config)
        OmegaConf.save(content, stage.folder / "config.yaml")
        return Parts(build(content.datamodule), build(content.model), build(content.trainer, _partial_=True))

    return build_stage


def circumstances(made_with: Mapping[str, Any], machine: str, threads: int, key: str) -> dict[str, str]:
    """Return what else may change the numbers of a stage, as texts by name.

    The key is one of these: the same configuration has another one when the recipe of the training has changed, or a
    file that it names (split.file, network.checkpoint).
    """
    commit = (made_with.get("commit") or UNKNOWN)[:12] + (CHANGES if made_with.get("dirty") else "")
    versions = {name: version for name, version in made_with.items() if name not in ("commit", "dirty")}
    return {"commit": commit, **versions, "hardware": machine, "threads": str(threads), "recipe (key)": key}


def print_circumstances(run: list[Recorded], machine: str, threads: list[int]) -> None:
    """Print what is not the same for certain as when the stages were trained, a row each."""
    rows: dict[tuple[str, str, str], None] = {}  # a set in order: stages mostly say the same
    for number, stage in enumerate(run):
        job, key = (
            stage.job,
            stage_key([decisive_settings(s.config) for s in run[: number + 1]], stage.job["data"]["fingerprint"]),
        )
        then = circumstances(stage.result.get("code", {}), job["hardware"], job["threads"], stage.folder.name)
        now = circumstances(code(), machine, threads[number], key)
        for name in {**then, **now}:
            row = name, then.get(name, UNKNOWN), now.get(name, UNKNOWN)
            if row[1] != row[2] or row[1] == UNKNOWN or row[1].endswith(CHANGES):
                rows[row] = None
    if not rows:
        print("same commit, libraries, hardware, threads and recipe as then", flush=True)
        return
    table = Table("not the same for certain", "then", "now", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)


@hydra.main(version_base="1.3", config_path="conf", config_name="reproduce")
@one_line_errors()  # inside as well: Hydra would add a line of its own to an error that leaves main
def main(cfg: DictConfig) -> None:
    """Read the record, train again, compare."""
    run = read_run(find_checkpoint(named_run(cfg), Path(cfg.runs), cfg.tracking.uri))
    last = run[-1]
    store = Path(str(cfg.store or last.config["datamodule"]["store"]))
    check_store(last, store)
    threads = threads_of(run, cfg.threads)
    facts = {"run": last.folder.name, "threads": threads}
    out = choose_folder(last.folder.parent / "reproduced" / last.folder.name, facts, cfg.out and Path(str(cfg.out)))

    def refuse() -> None:
        raise ValueError(f"this run is being reproduced already, in {shown_path(out)}")

    with lease(out, refuse):
        machine = hardware.claim(threads[-1], last.config["trainer"]["accelerator"])["hardware"]
        print(f"{shown_path(last.folder)} again, in {shown_path(out)}", flush=True)
        print_circumstances(run, machine, threads)
        write_json(out / RECORD, facts | {"ended": None})
        planned = [plan(stage, out, store) for stage in run]
        stages = [stage for stage, _ in planned]
        run_stages(stages, builder(planned, threads), [])
        tested = last.result["tested"] is not None
        parts = [p for r, s in zip(run, stages, strict=True) for p in compare_stage(r, s.folder, tested and r is last)]
        table = write_comparison(parts, out / COMPARISON)
        write_json(out / RECORD, facts | {"ended": sweeps.now(), "verdict": verdict(parts)})
    print_parts(parts)
    print(f"{verdict(parts)}; every one: {shown_path(table)}")
    if any(part.differing for part in parts):
        sys.exit(1)


if __name__ == "__main__":
    with one_line_errors():
        main()
