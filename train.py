"""Train a run, or with -m a sweep: python train.py +experiment=zeroing -m"""

import logging
import math
import sys
import warnings
from pathlib import Path
from typing import Any, ClassVar

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from dermoscopy import jobs, tracking
from dermoscopy.analysis import runs
from dermoscopy.data.prepare import prepare
from dermoscopy.data.store import open_store
from dermoscopy.files import write_json
from dermoscopy.hardware import describe
from dermoscopy.ledger import stage_key
from dermoscopy.randomness import derive
from dermoscopy.stages import Stage
from dermoscopy.terminal import one_line_errors

NOT_AN_ARM = ("seed", "split.fold")  # axes that repeat an arm
failures: list[Exception] = []  # of the jobs that ran in this process
for chatty in ("pytorch_lightning", "mlflow.store.db.utils", "alembic"):
    logging.getLogger(chatty).setLevel(logging.ERROR)
warnings.filterwarnings("ignore", module="pytorch_lightning")


def stage_configurations(cfg: DictConfig) -> list[DictConfig]:
    """Return the configuration of each stage: the run's with that stage's overrides, which end with it."""
    if not cfg.stages:
        raise ValueError("stages is empty: a run needs at least one stage")
    configurations: list[DictConfig] = []
    for number, overrides in enumerate(cfg.stages):
        stage = OmegaConf.merge(cfg, overrides)
        stage.stage_seed = derive(cfg.seed, number)
        stage.offset = sum(earlier.epochs for earlier in configurations)
        configurations.append(stage)
    return configurations


def plan(cfg: DictConfig, fingerprint: str, loggers: list[Any]) -> list[Stage]:
    """Return the stages of a run, each with its key and the way to build it."""
    configurations = stage_configurations(cfg)
    resolved = [OmegaConf.to_container(stage, resolve=True) for stage in configurations]
    stages = []
    for number, stage in enumerate(configurations):
        key = stage_key(resolved[: number + 1], fingerprint)
        folder = Path(cfg.runs, cfg.name, key)
        stage.folder = str(folder)

        def build(stage: DictConfig = stage, folder: Path = folder) -> Any:
            OmegaConf.save(stage, folder / "config.yaml", resolve=True)
            torch.manual_seed(derive(stage.seed, "weights"))
            data, task, trainer = (instantiate(stage[part]) for part in ("datamodule", "model", "trainer"))
            for callback in trainer.callbacks:
                if hasattr(callback, "loggers"):
                    callback.loggers = loggers
            return data, task, trainer

        stages.append(Stage(stage.stage, stage.epochs, key, folder, build))
    return stages


class Sweep(Callback):
    """What a sweep leaves besides its jobs: its record, its parent run, and in the end its tables."""

    current: ClassVar["Sweep | None"] = None

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Write the record of the sweep and open its parent run, before any job starts."""
        self.config, self.folder = config, Path(config.hydra.sweep.dir)
        given = OverridesParser.create().parse_overrides(list(config.hydra.overrides.task))
        params = config.hydra.sweeper.params or {}
        named = OverridesParser.create().parse_overrides([f"{key}={value}" for key, value in params.items()])
        chosen = {o.get_key_element(): o for o in (*named, *given)}  # the command line wins
        axes = {key: list(o.sweep_iterator()) for key, o in chosen.items() if o.is_sweep_override()}
        self.record = jobs.start_sweep(
            self.folder, config.name, _command(), list(axes), math.prod(map(len, axes.values()))
        )
        if config.logger and "mlflow" in config.logger._target_:
            tags = {"sweep": self.folder.name}
            self.record["parent_run"] = tracking.start_parent(
                config.logger.uri, config.name, config.logger.artifacts, self.folder.name, tags
            )
            write_json(self.folder / "sweep.json", self.record)
        Sweep.current = self

    def end(self, status: str) -> None:
        """Write and show the tables of the sweep, whatever became of its jobs; fail if one of them did."""
        runs.write_results(self.folder)
        runs.print_table(runs.load_sweep(self.folder))
        failed = jobs.count(self.folder, "failed")
        if run := self.record.get("parent_run"):
            tables = [self.folder / "results.csv", self.folder / "table.csv"]
            tracking.end_parent(self.config.logger.uri, run, "FAILED" if failed else status, tables)
            print(f"compare: make ui (mlflow ui --backend-store-uri {self.config.tracking.uri}), then Group by: arm")
        print(f"tables: {self.folder}/results.csv and table.csv")
        if failed:
            raise ValueError(f"{failed} of {self.record['jobs']} jobs failed; the same command trains only those again")


def _command() -> str:
    return " ".join(["python", Path(sys.argv[0]).name, *sys.argv[1:]])


def job_facts(cfg: DictConfig, sweep: dict[str, Any], overrides: list[str]) -> dict[str, Any]:
    """Return what the record of a job says before it starts."""
    parsed = OverridesParser.create().parse_overrides(overrides)
    values = {o.get_key_element(): o.get_value_element_as_str() for o in parsed}
    axes = {axis: values[axis] for axis in sweep["axes"]}
    commit, dirty = tracking.commit()
    return {
        "experiment": cfg.name,
        "arm": ", ".join(f"{k}={v}" for k, v in axes.items() if k not in NOT_AN_ARM) or cfg.name,
        "axes": axes,
        "seed": cfg.seed,
        "fold": cfg.split.get("fold"),
        "hardware": describe(cfg.trainer.accelerator),
        "threads": torch.get_num_threads(),
        "commit": commit,
        "dirty": dirty,
    }


def prepare_data(data: DictConfig) -> None:
    """Bring the store up to date if its raw files are named; without them the store must be there."""
    if data.raw is None:
        return
    if "make" in data:
        instantiate(data.make)
    prepare(instantiate(data.source), data.store, data.size, data.fit, data.on_error)


def run(cfg: DictConfig, sweep: dict[str, Any], record: dict[str, Any]) -> None:
    """Train what is not yet trained and complete the record of the job."""
    if not isinstance(cfg.seed, int) or cfg.seed < 0:
        raise ValueError(f"seed must be a whole number of at least 0, got {cfg.seed}")
    prepare_data(cfg.data)
    store = open_store(cfg.data.store)
    if (list(store.size), store.fit) != (list(cfg.data.size), cfg.data.fit):
        raise ValueError(
            f"{cfg.data.store} is of data.size={list(store.size)} and data.fit={store.fit}, "
            f"but data.size={list(cfg.data.size)} and data.fit={cfg.data.fit} are asked for: name the store's own"
        )
    logger = instantiate(cfg.logger)
    record["data"] = {"name": cfg.data.name, "fingerprint": store.fingerprint, "size": list(store.size)}
    stages = plan(cfg, store.fingerprint, [logger])
    parameters = tracking.flatten(OmegaConf.to_container(cfg, resolve=True))
    jobs.train(stages, logger, record, parameters, sweep, cfg.rerun)


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> float:
    """Run one job; return the best value of the monitored metric, which a sweeper may optimise."""
    if cfg.threads:
        torch.set_num_threads(cfg.threads)
    job = HydraConfig.get()
    folder = Path(job.runtime.output_dir)
    sweep = (
        jobs.read_sweep(folder.parent)
        if job.mode == RunMode.MULTIRUN
        else jobs.start_sweep(folder.parent, cfg.name, _command(), [], 1)
    )
    facts = job_facts(cfg, sweep, list(job.overrides.task))
    number = f"{job.job.num + 1}/{sweep['jobs']} " if job.mode == RunMode.MULTIRUN else ""
    print(f"{number}{facts['arm']}, seed {cfg.seed}", flush=True)
    try:
        with jobs.job_record(folder, facts, announce=job.mode == RunMode.MULTIRUN) as record:
            run(cfg, sweep, record)
    except Exception as error:  # kept in the job's record; Hydra would print it twice, and only when all jobs are over
        failures.append(error)
        return math.nan
    return float(record["metrics"][f"best/{cfg.monitor.metric}"])


if __name__ == "__main__":
    with one_line_errors():
        status = "KILLED"
        try:
            main()
            status = "FINISHED"
        finally:
            if Sweep.current:
                Sweep.current.end(status)
        if failures and not Sweep.current:
            raise failures[0]
