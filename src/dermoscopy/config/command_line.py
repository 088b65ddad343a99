"""The command line of a program: checked, and brought into the form that Hydra reads."""

import functools
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf

from dermoscopy.config.choices import groups
from dermoscopy.config.effects import check_effects
from dermoscopy.config.renamed import check_names, replaced_choice
from dermoscopy.config.shorthand import spell_out
from dermoscopy.config.texts import as_text, expand_home, expand_homes, is_text, names_weights
from dermoscopy.config.unknown import check_known, unknown_key
from dermoscopy.machine.messages import nearest, one_line_errors

CONF = Path(__file__).resolve().parents[3] / "conf"
SWEEPS = "train.py"  # the only program that does

OF_REPORT = ("experiment", "sweep")  # keys of report.py that are groups of train.py

# Keys of Hydra that would move a program or its files, and what this project offers instead.
MOVES = {
    "hydra.job.chdir": "relative paths start at the current directory",
    "hydra.run.dir": "runs=DIR names the folder of all runs",
    "hydra.sweep.dir": "runs=DIR names the folder of all runs",
    "hydra.sweep.subdir": "the folders of jobs are their numbers",
}
# Keys of Hydra that have an effect: in every program, and in one that sweeps.
EFFECTIVE = ("hydra.searchpath", "hydra.job.env_set", "hydra.job.chdir", "hydra.mode")
OF_SWEEPS = ("hydra/launcher", "hydra.launcher", "hydra/sweeper", "hydra.sweeper", "hydra.callbacks")
REFUSED = {  # options of Hydra, and what this project offers instead
    "config_path": "--config-dir=DIR adds a folder of your own files",
    "config_name": "--config-dir=DIR adds a folder of your own files",
    "experimental_rerun": "python reproduce.py run=ID trains a run again",
}


def overrides() -> list[str]:
    """Return the overrides that the user typed, each `key=value`."""
    return list(HydraConfig.get().overrides.task)


@contextmanager
def command(script: str) -> Iterator[None]:
    """Run the block, a program of Hydra, with its arguments checked and in the form of Hydra, and errors in one line.

    Args:
        script: name of the program, such as train.py.
    """
    with one_line_errors():
        sys.argv[1:] = hydra_arguments(script, sys.argv[1:])
        try:
            yield
        except MissingConfigException as error:
            raise ValueError(replaced_choice(str(error.missing_cfg_file)) or _without_path(error)) from error
        except ConfigCompositionException as error:
            if answer := unknown_key(error, CONF, Path(script).stem, sys.argv[1:]):
                raise ValueError(answer) from error
            raise


def checked(main: Callable[[DictConfig], None]) -> Callable[[DictConfig], None]:
    """Return the main function of a program that does not sweep, called with a checked configuration.

    Errors end the program here: Hydra would add a line to one that leaves `main`.
    """

    @functools.wraps(main)
    def run(cfg: DictConfig) -> None:
        with one_line_errors():
            program = str(HydraConfig.get().job.config_name)
            check_known(cfg, CONF, program)
            check_effects(cfg, program, overrides())
            expand_homes(cfg)
            main(cfg)

    return run


def hydra_arguments(script: str, arguments: Sequence[str]) -> list[str]:
    """Return the arguments of a command in the form of Hydra: options first, paths and names quoted where needed.

    Raises:
        ValueError: an argument is refused; the message says what to type instead.
    """
    check_names(arguments)
    options, typed = _split(arguments)
    sweeps = script == SWEEPS
    if "--multirun" in options and not sweeps:
        raise ValueError(f"only {SWEEPS} sweeps (-m), {script} does not: leave it out")
    if sweeps:
        typed = spell_out([*options, *typed], groups(CONF)["loss"])[len(options) :]
    several = "--multirun" in options or any(a.startswith("hydra.mode=") and "MULTIRUN" in a.upper() for a in typed)
    spelled = [_hydra_argument(argument, several, sweeps) for argument in typed]
    shown = any(
        option.startswith("--cfg") for option in options
    )  # the configuration of a sweep, which Hydra shows without -m
    check_hydra(typed, sweeps, several or shown)
    return [*options, *spelled]


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the options of a command, wherever they stand, and its other arguments."""

    def refuse(message: str) -> NoReturn:
        raise ValueError(message)

    parser = get_args_parser()
    parser.error = refuse  # type: ignore[method-assign]
    options, unknown = parser.parse_known_intermixed_args(list(arguments))
    names = {name: f"--{name.replace('_', '-')}" for name in vars(options) if name != "overrides"}
    if unknown:
        key = unknown[0].lstrip("-")
        hint = f": a key has no dashes, {key}" if "=" in key else nearest(unknown[0], names.values())
        raise ValueError(f"there is no option {unknown[0]}{hint}")
    given = {name: value for name, value in vars(options).items() if name in names and value not in (None, False)}
    for name, instead in REFUSED.items():
        if name in given:
            raise ValueError(f"{names[name]} is not supported, leave it out: {instead}")
    for name in ("resolve", "package"):
        if name in given and "cfg" not in given:
            raise ValueError(f"{names[name]} has an effect only with --cfg job: add it, or leave {names[name]} out")
    if "config_dir" in given:
        given["config_dir"] = expand_home("runs", given["config_dir"])
        if not Path(given["config_dir"]).is_dir():
            raise ValueError(f"--config-dir={Path(given['config_dir']).resolve()} is no folder: name one like conf/")
    spelled = [names[name] if value is True else f"{names[name]}={value}" for name, value in given.items()]
    return spelled, list(options.overrides)


def _hydra_argument(argument: str, several: bool, sweeps: bool) -> str:
    """Return an argument `key=value` as Hydra reads it.

    Args:
        argument: as typed.
        several: whether values with commas are swept over.
        sweeps: whether the program can sweep.

    Raises:
        ValueError: it is no `key=value`, or has several values without -m.
    """
    typed, separator, value = argument.partition("=")
    key = typed.lstrip("+")
    if separator and (not key or typed != typed.strip()):
        raise ValueError(f"{argument!r} has no key: write key=value, without blanks around =")
    if separator and (is_text(key) or names_weights(key, value)):
        return f"{typed}={as_text(key, value, several)}"
    try:
        (parsed,) = OverridesParser.create().parse_overrides([argument])
    except HydraException as error:
        raise ValueError(_unreadable(argument)) from error
    choices = groups(CONF).get(key) if sweeps or key not in OF_REPORT else None
    if choices and not parsed.is_delete() and isinstance(parsed._value, int | float | None):
        raise ValueError(f"{argument} names no choice of {key}; the choices are {', '.join(choices)}")
    if parsed.is_sweep_override() and not several:
        text = "to give it as one text, quote it twice: " + shlex.quote(f'{typed}="{value}"')
        instead = f"add -m to train a job for each; {text}" if sweeps else text
        raise ValueError(f"{argument} has several values: {instead}")
    return argument


def _unreadable(argument: str) -> str:
    typed, separator, value = argument.partition("=")
    if not separator:
        return f"{argument!r} is no argument: write key=value, such as {argument.strip()}=VALUE"
    if re.search(r"[{,]\s*(['\"])[^'\"]*\1\s*:", value):
        return (
            f"{argument} cannot be read: a name before : has no quotes; blanks stay as they are, other signs have "
            "a backslash before them, as in '{a\\,b: \"dx=mel\"}'; a YAML file (docs/data.md) takes any name"
        )
    if re.fullmatch(r"\s*\([^()\"']*\)\s*", value):
        return f"{argument} cannot be read: a list has brackets, {shlex.quote(f'{typed}=[{value.strip()[1:-1]}]')}"
    if value.lstrip().startswith(("[", "{")):
        return f"{argument} cannot be read: its brackets and quotes must be closed; texts with other signs need quotes"
    quoted = f"{typed}='{value}'" if '"' in value else f'{typed}="{value}"'
    return f"{argument} cannot be read: quote the value twice, {shlex.quote(quoted)}"


def check_hydra(typed: Sequence[str], sweeps: bool = False, several: bool = False) -> None:
    """Refuse keys of Hydra that would have no effect, or would separate the program from its files.

    Args:
        typed: the arguments of the command.
        sweeps: whether the program sweeps; -m is refused where it does not.
        several: whether this command sweeps.

    Raises:
        ValueError: one of them is used; the message says what to use instead.
    """
    for override in typed:
        key, _, value = override.lstrip("+~").partition("=")
        if not key.startswith(("hydra.", "hydra/")):
            continue
        if key in MOVES and not (key == "hydra.job.chdir" and value.lower() in ("false", "null")):
            instead = MOVES[key] if sweeps else MOVES["hydra.job.chdir"]
            raise ValueError(f"{key}={value} is not supported, leave it out: {instead}")
        if key == "hydra.mode" and not sweeps and "MULTIRUN" in value.upper():
            raise ValueError(f"only {SWEEPS} sweeps (-m): leave it out")
        of_sweep = key.startswith(OF_SWEEPS)
        if not key.startswith(EFFECTIVE) and not (of_sweep and sweeps):
            raise ValueError(f"{key} has no effect here: leave it out")
        if of_sweep and not several and not key.startswith("hydra.callbacks"):
            raise ValueError(f"{key} has an effect only in a sweep: add -m, or leave it out")


def _without_path(error: MissingConfigException) -> str:
    """Return the message of Hydra about a choice that does not exist, without the search path."""
    group, _, choice = str(error.missing_cfg_file).rpartition("/")
    known = error.options or ()
    if not group or not known:
        return str(error).partition("Config search path")[0].strip()
    return f"{group}={choice} does not exist; the choices are {', '.join(known)}{nearest(choice, known)}"


def is_given(cfg: DictConfig, key: str) -> bool:
    """Check whether a key has a value: it is neither missing (???) nor null."""
    return not OmegaConf.is_missing(cfg, key) and cfg.get(key) is not None


def text_of(cfg: DictConfig, key: str) -> str | None:
    """Return the value of a key as text, None where it has none."""
    return str(cfg[key]) if is_given(cfg, key) else None
