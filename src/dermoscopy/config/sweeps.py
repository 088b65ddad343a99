"""The sweep of a command of train.py: begun or continued before Hydra starts its jobs, and ended after them."""

import shlex
import sys
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.errors import MissingConfigException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, read_write

from dermoscopy.config.build import plain
from dermoscopy.config.checks import check_about
from dermoscopy.config.choices import groups, register_choices
from dermoscopy.config.command_line import check_hydra
from dermoscopy.config.data import prepare_data
from dermoscopy.config.jobs import failures
from dermoscopy.config.launchers import check_launcher, threads_per_job
from dermoscopy.config.references import masks_file
from dermoscopy.config.renamed import check_keys, check_names, replaced_choice
from dermoscopy.config.shorthand import spell_out
from dermoscopy.config.stages import SET_BY_PROGRAM
from dermoscopy.data.store.reader import open_store
from dermoscopy.machine import allocation
from dermoscopy.machine.messages import fatal_errors, one_line_errors
from dermoscopy.sweep import plan
from dermoscopy.sweep.session import SweepSession

JOURNAL = "dermoscopy.tracking.journal.Journal"  # of conf/logger/mlflow.yaml
# Keys that are no part of the identity of a sweep: they may change between its start and its continuation.
HOW = ("threads", "jobs_per_gpu", "sweep", "about", "trust")
RESOLVERS = (len, allocation.processes, allocation.cpus_a_job, allocation.gpus_a_job, allocation.gpus)


class SweepCallback(Callback):
    """Begin or continue the sweep before Hydra starts its jobs; a single run is a sweep of one job.

    Errors end the program here: Hydra would turn them into warnings.
    """

    session: ClassVar[SweepSession | None] = None
    command: ClassVar[str] = ""  # as typed

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Set the folder of a single run."""
        with fatal_errors():
            SweepCallback.session = session = begin(config, {}, alone=True)
            with read_write(config):
                config.hydra.run.dir = str(session.folder / "0")

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Set the folder of a sweep; exit if no job is left."""
        with fatal_errors():
            SweepCallback.session = session = begin(config, sweep_axes(config), alone=False)
            if session.complete:
                print("every job of this sweep is done: nothing to train")
                end("done")
                sys.exit()
            threads = threads_per_job(config.threads, plain(config.hydra.launcher))
            decided = plan.decisions(session.folder, threads)
            with read_write(config):
                config.hydra.sweep.dir = str(session.folder)
                config.hydra.overrides.hydra = [*config.hydra.overrides.hydra, *decided]
            if session.record["launcher"] != "basic":
                session.follow()


@contextmanager
def training_command(conf: Path) -> Iterator[None]:
    """Run the block as a command: report errors in one line, and end the sweep together with the block.

    Args:
        conf: folder of the configuration files.
    """
    failures.clear()
    SweepCallback.command = shlex.join(["python", Path(sys.argv[0]).name, *sys.argv[1:]])
    Plugins.instance()  # plugins register defaults under the names of our presets, which makes Hydra warn
    for preset in (conf / "hydra/launcher").glob("*.yaml"):
        ConfigStore.instance().repo["hydra"]["launcher"].pop(preset.name, None)
    register_choices(conf)
    for resolver in RESOLVERS:
        OmegaConf.register_new_resolver(resolver.__name__, resolver, use_cache=True, replace=True)
    with one_line_errors():
        check_names(sys.argv[1:])
        sys.argv[1:] = spell_out(sys.argv[1:], groups(conf)["loss"])
        try:
            yield
        except MissingConfigException as error:
            if answer := replaced_choice(str(error.missing_cfg_file)):
                raise ValueError(answer) from error
            raise
        except BrokenProcessPool as error:
            end("interrupted")
            raise OSError(
                "the process of a job was killed, perhaps for lack of memory; the same command continues"
            ) from error
        except BaseException:
            end("interrupted")
            raise
        end("done")


def begin(config: DictConfig, axes: dict[str, list[str]], alone: bool) -> SweepSession:
    """Begin or continue the sweep of this command.

    Args:
        config: of the sweep.
        axes: the values of each axis.
        alone: whether the command is a single run.
    """
    choices = config.hydra.runtime.choices
    launcher = choices["hydra/launcher"]
    check_hydra(config.hydra.overrides.hydra, sweeps=True)
    check_keys({*map(str, config), *(f"{part}.{key}" for part in ("model", "network") for key in config[part])})
    for key in SET_BY_PROGRAM:
        if key in config:
            raise ValueError(f"{key} is set by the program in each stage: leave it out")
    about = check_about(choices.get("experiment"), plain(config.about) if "about" in config else None)
    check_launcher(launcher, config.trainer, config.jobs_per_gpu, config.threads)
    fingerprint = None
    if not plan.chooses_data(axes):
        prepare_data(config.data)
        fingerprint = open_store(config.data.store).fingerprint
    conf = [Path(source.path) for source in config.hydra.runtime.config_sources if source.schema == "file"]
    identity = plan.identity(_settings(config, axes), axes, conf, fingerprint)
    jobs = plan.plan_jobs(axes)
    facts = {"experiment": config.name, "command": SweepCallback.command, "launcher": launcher}
    facts |= {"axes": list(axes), "plan": jobs, "jobs": len(jobs), "about": about}
    session = SweepSession(Path(config.runs, config.name, "sweeps"), identity, facts, alone, config.rerun)
    if config.logger._target_ == JOURNAL:
        session.track(config.tracking.uri, config.name, config.tracking.artifacts)
    return session


def _settings(config: DictConfig, axes: dict[str, list[str]]) -> dict[str, Any]:
    """Return the settings that identify the sweep, with unresolved references."""
    names = [str(name) for name in config if name not in ("hydra", *HOW)]
    settings = plain(OmegaConf.masked_copy(config, names), resolve=False)
    if config.datamodule.predicted is not None and "datamodule.predicted" not in axes:  # other masks make another sweep
        settings["datamodule"]["predicted"] = masks_file(str(config.datamodule.predicted), Path(config.runs))
    return settings


def end(status: str) -> None:
    """End the sweep, if it has begun; raise an error if one of its jobs failed."""
    session, SweepCallback.session = SweepCallback.session, None
    failed = session.end(status) if session else 0
    if session and failed and status == "done":
        message = f"{failed} of {session.record['jobs']} jobs failed; the same command trains only those again"
        raise failures[0] if session.alone else ValueError(message)


def sweep_axes(config: DictConfig) -> dict[str, list[str]]:
    """Return the axes of a sweep and their values; the command line takes precedence over the experiment."""
    params = [f"{key}={value}" for key, value in (config.hydra.sweeper.params or {}).items()]
    overrides = OverridesParser.create().parse_overrides([*params, *config.hydra.overrides.task])
    chosen = {override.get_key_element(): override for override in overrides}
    return {key: list(o.sweep_string_iterator()) for key, o in chosen.items() if o.is_sweep_override()}
