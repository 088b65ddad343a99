"""Arguments that would have no effect in a command, refused instead of silently ignored."""

import re
from collections.abc import Collection, Mapping, Sequence

from omegaconf import DictConfig, ListConfig, OmegaConf

from dermoscopy.config.unknown import dotted, is_read, references

TERM = re.compile(r"(\w+)\.terms\.(\w+)")  # of a loss of masks
OF_TRAINING = ("data.labels", "data.masks", "data.stratify")
OF_PAGES = ("metric", "name", "compare", "reference", "meaningful", "gallery")  # of report.py
FLAGS = {  # keys that are true or false, by program; those of a training are checked with its stages
    "report": ("publish", "force", "self_test", "status"),
    "predict": ("fill_holes", "instances", "probabilities", "hd95"),
    "prepare": ("inspect",),
}
# Parts that train.py itself reads; what else has an effect is named by a reference in one of them.
READ = (
    *(
        "name",
        "seed",
        "epochs",
        "stages",
        "monitor",
        "rerun",
        "threads",
        "jobs_per_gpu",
        "sweep",
        "runs",
        "weights",
        "about",
        "trust",
    ),
    *("data", "datamodule", "model", "trainer", "callbacks", "logger", "tracking", "protocol.name", "protocol.scale"),
    *("hydra.sweeper", "hydra.launcher"),
)


def check_effects(cfg: DictConfig, program: str, typed: Sequence[str]) -> None:
    """Refuse arguments without an effect, in a program that does not train.

    Args:
        cfg: the configuration.
        program: name of its configuration, such as report.
        typed: the arguments, each key=value.

    Raises:
        ValueError: an argument has no effect, or is neither true nor false where it must be.
    """
    keys = keys_of(typed)
    _check_flags(cfg, program)
    if program == "report":
        _check_report(cfg, keys)
    if program == "prepare":
        _refuse(keys, OF_TRAINING, "in train.py, where it chooses from what the store holds")
        if not cfg.inspect:
            _refuse(keys, ("out", "inspection"), "with inspect=true")
    if program == "predict" and cfg.get("data") is not None:
        _refuse(keys, (*OF_TRAINING, "data.on_error"), "in train.py and prepare.py")
        if cfg.data.get("raw") is None:
            _refuse(keys, ("data.source",), "with data.raw=DIR")


def _check_flags(cfg: DictConfig, program: str) -> None:
    """Refuse text where true or false is expected: any text, also no, would count as true."""
    for key in FLAGS.get(program, ()):
        value = OmegaConf.select(cfg, key, throw_on_missing=False)
        if isinstance(value, str):
            raise ValueError(f"{key} must be true or false, got {value}")


def _check_report(cfg: DictConfig, keys: Sequence[str]) -> None:
    """Refuse arguments of report.py without an effect."""
    if cfg.self_test:
        _refuse(
            keys,
            ("from", "status", "prune", "older", "gallery", "publish", "experiments", "force"),
            "without self_test=true",
        )
    if cfg.status:
        _refuse(keys, (*OF_PAGES, "publish", "experiments", "run", "from"), "without status=true")
    if cfg.prune is not False or cfg.older is not None:
        _refuse(keys, (*OF_PAGES, "publish", "experiments", "run", "from", "sweep"), "without prune=true")
    if cfg["from"] is not None:
        _refuse(keys, ("gallery",), "without from=DIR")
    if cfg.run is not None:
        _refuse(keys, ("experiment", "sweep"), "without run=KEY")
    if cfg.experiment is None:
        _refuse(keys, ("sweep",), "with experiment=NAME")
    if not cfg.publish:
        _refuse(keys, ("experiments", "force"), "with publish=true")


def check_training_effects(config: DictConfig, typed: Sequence[str], axes: Mapping[str, Sequence[str]]) -> None:
    """Refuse arguments of train.py, and overrides of stages, without an effect, such as zeroing=nothing of masks.

    Args:
        config: the configuration, after `check_stages`.
        typed: the arguments, each key=value.
        axes: keys that are swept over, with their values; where groups are, some job may have an effect for every
            argument.

    Raises:
        ValueError: an argument has no effect.
    """
    keys = keys_of(typed)
    if config.data.raw is None:
        _refuse(keys, ("data.on_error",), "with data.raw=DIR, which prepares the store")
    if any(isinstance(OmegaConf.select(config, key), DictConfig) or "/" in key for key in axes):
        return
    keys = [key for key in keys if not key.startswith("hydra")]
    swept = "auto" in [value for values in axes.values() for value in values]
    automatic = swept or config.optimizer.get("lr") == "auto" or "auto" in str(config.stages)
    _check_read(config, keys, f"{config.stages}", axes, automatic)
    for overrides in config.stages:
        if isinstance(overrides.get("loss"), str):  # a sum of terms
            overrides = OmegaConf.merge(overrides, {"loss": {"text": overrides.loss}})
        stage = OmegaConf.merge(_open(config), overrides)
        assert isinstance(stage, DictConfig) and isinstance(overrides, DictConfig)
        own = [key for key in dotted(overrides) if _is_in(config, key) and not _is_part(overrides, key)]
        try:
            _check_read(stage, own, "", axes, swept or stage.optimizer.get("lr") == "auto")
        except ValueError as error:
            raise ValueError(f"stage {overrides.stage}: {error}") from error


def _open(config: DictConfig) -> DictConfig:
    """Return a copy to which any key can be added."""
    copy = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    OmegaConf.set_struct(copy, False)
    return copy


def _is_in(config: DictConfig, key: str) -> bool:
    """Return whether a configuration has a key; others are refused with the nearest ones when a stage is merged."""
    return OmegaConf.select(config, key, default=config, throw_on_missing=False) is not config


def _is_part(overrides: DictConfig, key: str) -> bool:
    return isinstance(OmegaConf.select(overrides, key, throw_on_missing=False), DictConfig)


def _check_read(config: DictConfig, keys: Sequence[str], stages: str, axes: Collection[str], automatic: bool) -> None:
    """Refuse keys that nothing in a configuration reads.

    Args:
        config: of a run or a stage.
        keys: to check.
        stages: of a run, as a text, in which the loss of a stage may name a term.
        axes: keys that are swept over.
        automatic: whether a learning rate is found.
    """
    read = _reached(config)
    for key in keys:
        if (term := TERM.match(key)) and not _names_term(config, term[1], term[2], stages, axes):
            raise ValueError(
                f"{key} has no effect, as {term[1]}.text names no {term[2]}: leave it out, or name it there"
            )
        known = OmegaConf.select(config, key, throw_on_missing=False) is not None
        if known and not is_read(key, read) and not (key.startswith("lr_finder") and automatic):
            only = " (only with lr=auto)" if key.startswith("lr_finder") else ""
            raise ValueError(
                f"{key} has no effect in this configuration{only}, nothing in it reads {key}: leave it out"
            )


def _names_term(config: DictConfig, loss: str, term: str, stages: str, axes: Collection[str]) -> bool:
    """Return whether the text of a loss, here or in a stage, names a term, or is swept over."""
    texts = f"{OmegaConf.select(config, f'{loss}.text')} {stages}"
    return re.search(rf"\b{term}\b", texts) is not None or bool({loss, f"{loss}.text"} & {*axes})


def keys_of(typed: Sequence[str]) -> list[str]:
    """Return the dotted keys, or the groups, that arguments set."""
    return [argument.partition("=")[0].lstrip("+~").rpartition("@")[2] for argument in typed]


def _reached(config: DictConfig) -> set[str]:
    """Return the keys that training reads: `READ`, and what references in them name, directly or not."""
    read: set[str] = set()
    waiting = list(READ)
    while waiting:
        key = waiting.pop()
        if key in read:
            continue
        read.add(key)
        parent, _, last = key.rpartition(".")
        holder = OmegaConf.select(config, parent, throw_on_missing=False) if parent else config
        node = holder._get_node(last) if isinstance(holder, DictConfig) and last in holder else None
        if node is None:
            continue
        if isinstance(node, DictConfig | ListConfig) and not node._is_interpolation():
            waiting += references(node, tuple(key.split(".")))
        else:
            waiting += references(OmegaConf.create({last: node._value()}), tuple(parent.split(".")) if parent else ())
    return read


def _refuse(keys: Sequence[str], without: Sequence[str], condition: str) -> None:
    """Refuse the first of some keys that has no effect: one of `without`, or below it."""
    for key in keys:
        if key in without or key.startswith(tuple(f"{name}." for name in without)):
            raise ValueError(f"{key} has an effect only {condition}: leave it out")
