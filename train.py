"""Train a run, or with -m a sweep: python train.py +experiment=zeroing -m"""

# Whatever needs torch is imported where it is used: a sweep that is finished says so without waiting for it.
import copy
import math
import shlex
import sys
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from dermoscopy.config.checks import check_segmenter, check_stage, check_stages
from dermoscopy.config.references import locate, masks_file, warn_of_origins
from dermoscopy.config.shorthand import spell_out
from dermoscopy.data.prepare import prepare
from dermoscopy.data.store.reader import open_store
from dermoscopy.machine import allocation as sharing
from dermoscopy.machine.files import read_json
from dermoscopy.machine.leases import lease
from dermoscopy.machine.messages import fatal_errors, one_line_errors
from dermoscopy.machine.randomness import derive
from dermoscopy.runs import records as sweeps
from dermoscopy.runs.keys import stage_key
from dermoscopy.runs.stage import Stage
from dermoscopy.sweep import jobs
from dermoscopy.sweep.follow import describe
from dermoscopy.sweep.plan import chooses_data, decisions, identity, plan_jobs
from dermoscopy.sweep.session import Attempt
from dermoscopy.tracking.job_run import flatten

ROOT = Path(__file__).resolve().parent
COMMAND = shlex.join(["python", Path(sys.argv[0]).name, *sys.argv[1:]])  # as it was typed
JOURNAL = "dermoscopy.tracking.journal.Journal"  # of conf/logger/mlflow.yaml
failures: list[Exception] = []  # of the jobs that ran in this process


class Sweep(Callback):
    """Begins or continues the sweep before Hydra starts its jobs; a single run is a sweep of one job.

    Errors end the program here: Hydra would turn them into warnings.
    """

    attempt: ClassVar[Attempt | None] = None

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Give a single run its folder."""
        with fatal_errors():
            Sweep.attempt = begin(config, {}, alone=True)
            with read_write(config):
                config.hydra.run.dir = str(Sweep.attempt.folder / "0")

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Give a sweep its folder; end here if there is nothing left to do."""
        with fatal_errors():
            Sweep.attempt = attempt = begin(config, sweep_axes(config), alone=False)
            if attempt.complete:
                print("every job of this sweep is done: nothing to train")
                end("done")
                sys.exit()
            launcher = OmegaConf.to_container(config.hydra.launcher, resolve=True)
            decided = decisions(attempt.folder, sharing.threads_of_a_job(config.threads, launcher))
            with read_write(config):
                config.hydra.sweep.dir = str(attempt.folder)
                config.hydra.overrides.hydra = [*config.hydra.overrides.hydra, *decided]
            if attempt.record["launcher"] != "basic":
                attempt.follow()


def begin(config: DictConfig, axes: dict[str, list[str]], alone: bool) -> Attempt:
    """Begin or continue the sweep that this command means."""
    launcher = config.hydra.runtime.choices["hydra/launcher"]
    sharing.check(launcher, config.trainer, config.jobs_per_gpu, config.threads)
    fingerprint = None
    if not chooses_data(axes):
        prepare_data(config.data)
        fingerprint = open_store(config.data.store).fingerprint
    plain = OmegaConf.to_container(OmegaConf.masked_copy(config, [key for key in config if key != "hydra"]))
    if config.datamodule.predicted is not None and "datamodule.predicted" not in axes:  # other masks, another sweep
        plain["datamodule"]["predicted"] = masks_file(str(config.datamodule.predicted), Path(config.runs))
    conf = [Path(source.path) for source in config.hydra.runtime.config_sources if source.schema == "file"]
    which = identity(plain, axes, conf, fingerprint)
    plan = plan_jobs(axes)
    facts = {"experiment": config.name, "command": COMMAND, "launcher": launcher}
    facts |= {"axes": list(axes), "plan": plan, "jobs": len(plan)}
    attempt = Attempt(Path(config.runs, config.name, "sweeps"), which, facts, alone, config.rerun)
    if config.logger._target_ == JOURNAL:
        attempt.track(config.tracking.uri, config.name, config.tracking.artifacts)
    return attempt


def end(status: str) -> None:
    """End the sweep, if one has begun; raise an error if one of its jobs has failed."""
    attempt, Sweep.attempt = Sweep.attempt, None
    failed = attempt.end(status) if attempt else 0
    if failed and status == "done":
        again = f"{failed} of {attempt.record['jobs']} jobs failed; the same command trains only those again"
        raise failures[0] if attempt.alone else ValueError(again)


def sweep_axes(config: DictConfig) -> dict[str, list[str]]:
    """Return the axes of a sweep and their values; the command line wins over the experiment."""
    params = [f"{key}={value}" for key, value in (config.hydra.sweeper.params or {}).items()]
    overrides = OverridesParser.create().parse_overrides([*params, *config.hydra.overrides.task])
    chosen = {override.get_key_element(): override for override in overrides}
    return {key: list(o.sweep_string_iterator()) for key, o in chosen.items() if o.is_sweep_override()}


def stage_configurations(cfg: DictConfig) -> list[DictConfig]:
    """Return the configuration of each stage: the run's with that stage's overrides, which end with it."""
    check_stages(cfg.stages)
    configurations: list[DictConfig] = []
    for number, overrides in enumerate(cfg.stages):
        stage = copy.deepcopy(cfg)
        with open_dict(stage.callbacks):  # a stage may have some of its own
            stage.merge_with(overrides)
        check_stage(stage, overrides, first=number == 0)
        locate(stage)
        if isinstance(stage.loss, str):  # a sum of terms
            stage.loss = OmegaConf.merge(cfg.loss, {"text": stage.loss})
        stage.stage_seed = derive(cfg.seed, number)
        stage.offset = sum(earlier.epochs for earlier in configurations)
        configurations.append(stage)
    check_segmenter(configurations[0])
    return configurations


def plan(cfg: DictConfig, fingerprint: str, sweep: str) -> list[Stage]:
    """Return the stages of a run, each with its key and the way to build it."""
    configurations = stage_configurations(cfg)
    resolved = [OmegaConf.to_container(stage, resolve=True) for stage in configurations]
    stages = []
    for number, stage in enumerate(configurations):
        key = stage_key(resolved[: number + 1], fingerprint)
        folder = Path(cfg.runs, cfg.name, key)
        stage.folder, stage.fingerprint = str(folder), fingerprint
        tests = tuple(stage.model.get("availability") or stage.model.get("views") or ())
        own = OmegaConf.select(cfg.stages[number], "network.checkpoint") is not None
        finder = partial(find_lr, stage) if stage.optimizer.get("lr") == "auto" else None
        again, make = sweep if cfg.rerun else None, partial(build, stage)
        stages.append(Stage(stage.stage, stage.epochs, key, folder, cfg.seed, make, tests, again, own, finder))
    return stages


def build(stage: DictConfig, lr: float | None = None) -> Any:
    """Return the data, the task and the trainer of a stage."""
    stage = copy.deepcopy(stage)  # instantiate resolves what it is given: max_lr would keep the first learning rate
    if lr is not None:
        stage.optimizer.lr = lr
    OmegaConf.save(stage, Path(stage.folder, "config.yaml"), resolve=True)
    data, task, trainer = (instantiate(stage[part]) for part in ("datamodule", "model", "trainer"))
    warn_of_origins(stage, data)
    return data, task, trainer


def find_lr(stage: DictConfig, load: Callable[[Any], None]) -> float:
    """Return a learning rate for a stage whose task starts from what ``load`` puts into it."""
    from dermoscopy.training.lr_finder import find_learning_rate  # noqa: PLC0415  (see the top)

    data, task, _ = build(stage, lr=0.0)
    load(task)
    trainer = instantiate(stage.trainer, _partial_=True)
    return find_learning_rate(task, data, trainer, Path(stage.folder), **stage.lr_finder)


def prepare_data(data: DictConfig) -> None:
    """Bring the store up to date if its raw files are named; without them the store must be there."""
    if data.raw is None:
        return
    with lease(Path(data.store)):  # two sweeps that start at once prepare it once
        if "make" in data:
            instantiate(data.make)
        prepare(instantiate(data.source), data.store, data.size, data.fit, data.on_error)


def run(cfg: DictConfig, folder: Path, record: jobs.Record, before: jobs.Record) -> None:
    """Do what is left to do of a job, and complete its record."""
    if not isinstance(cfg.seed, int) or cfg.seed < 0:
        raise ValueError(f"seed must be a whole number of at least 0, got {cfg.seed}")
    store = open_store(cfg.data.store, cfg.data.size, cfg.data.fit)
    record["data"] = {"name": cfg.data.name, "fingerprint": store.fingerprint, "size": list(store.size)}
    stages = plan(cfg, store.fingerprint, folder.parent.name)
    if jobs.still_done(before, stages):
        print("  done before")
        record |= before
        return
    from dermoscopy.machine import hardware  # noqa: PLC0415  (see the top)

    record |= hardware.claim(cfg.threads, cfg.trainer.accelerator)
    parameters = flatten(OmegaConf.to_container(cfg, resolve=True))
    jobs.train(folder, stages, instantiate(cfg.logger), record, parameters)


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> float:
    """Run one job; return the best value of the monitored metric, which a sweeper may optimise."""
    job = HydraConfig.get()
    folder = Path(job.runtime.output_dir)
    if sweeps.stopped(folder.parent):
        return math.nan
    sweep, place = sweeps.read_sweep(folder.parent), 0 if job.mode == RunMode.RUN else job.job.num
    facts = jobs.job_facts(cfg.name, sweep["plan"][place], cfg.seed, cfg.split.get("fold"))
    number = "" if job.mode == RunMode.RUN else f"{place + 1}/{sweep['jobs']} "
    told = nullcontext() if sweep["launcher"] == "basic" else jobs.log_file(folder)  # several talk at once
    try:
        with told, jobs.job_record(folder, facts) as (record, before):
            print(f"{number}{facts['arm']}, seed {cfg.seed}", flush=True)
            if chooses_data(sweep["axes"]):
                prepare_data(cfg.data)
            run(cfg, folder, record, before)
    except Exception as error:  # kept in the job's record; Hydra would print it twice, and only when all jobs are over
        failures.append(error)
        if number and sweep["launcher"] == "basic":
            print(number + describe(read_json(folder / sweeps.JOB), folder), flush=True)
        if cfg.sweep.fail_fast:
            sweeps.stop(folder.parent)
        return math.nan
    return float(record["metrics"][f"best/{cfg.monitor.metric}"])


if __name__ == "__main__":
    Plugins.instance()  # plugins store defaults under the names of our presets, of which Hydra would warn
    for preset in (ROOT / "conf/hydra/launcher").glob("*.yaml"):
        ConfigStore.instance().repo["hydra"]["launcher"].pop(preset.name, None)
    for resolver in (len, sharing.processes, sharing.cpus_a_job, sharing.gpus_a_job, sharing.gpus):
        OmegaConf.register_new_resolver(resolver.__name__, resolver, use_cache=True, replace=True)
    with one_line_errors():
        sys.argv[1:] = spell_out(sys.argv[1:], {path.stem for path in (ROOT / "conf/loss").glob("*.yaml")})
        try:
            main()
        except BrokenProcessPool as error:
            end("interrupted")
            raise OSError("a job's process was killed, perhaps for memory; the same command goes on") from error
        except BaseException:
            end("interrupted")
            raise
        end("done")
