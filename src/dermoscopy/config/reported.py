"""The sweep that a command of report.py names: one, or several sweeps, runs or earlier pages as one."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from dermoscopy.config.checks import check_name
from dermoscopy.config.texts import names_of
from dermoscopy.report.page.page import read_data
from dermoscopy.report.published.record import unpack
from dermoscopy.report.results.merged import default_name, merge
from dermoscopy.runs.files import SWEEP
from dermoscopy.runs.selection import load_runs
from dermoscopy.runs.tables import SweepResults, find_sweep, load_sweep


def chosen_sweep(cfg: DictConfig, runs: Path, experiments: Sequence[str], pages: Sequence[str]) -> SweepResults:
    """Return the sweep of a page: the one that is named, or several sweeps, runs or earlier pages as one.

    Args:
        cfg: of report.py.
        runs: folder that contains the folders of the experiments.
        experiments: that `experiment=` names.
        pages: folders of earlier pages, whose jobs come first.

    Raises:
        FileNotFoundError: a file of an earlier page is missing.
        ValueError: there is none, or they are not comparable.
    """
    if cfg.compare not in (None, "anyway"):
        raise ValueError(f"compare must be anyway, or null, got {cfg.compare}")
    if cfg["from"] is not None and not pages:
        raise ValueError("from=[] names no page: give from=DIR or from=[DIR,DIR], or leave it out")
    named = typed_names(cfg.run)
    sweeps = [unpack(read_data(Path(folder))[0])[0] for folder in pages]
    whole = all((Path(name) / SWEEP).is_file() for name in named)
    if cfg.run is not None:
        sweeps += load_runs(named, runs)
    elif experiments or not pages:
        if len(experiments) > 1 and cfg.sweep != "latest":
            raise ValueError(f"sweep={cfg.sweep} names a sweep of one experiment; several: run=[FOLDER,FOLDER]")
        latest = dict.fromkeys(experiments) if experiments else [None]
        sweeps += [latest_sweep(runs, name, str(cfg.sweep)) for name in latest]
    if len(sweeps) == 1 and cfg.compare is not None:
        raise ValueError("compare=anyway has no effect on a single sweep: leave it out")
    if len(sweeps) == 1 and whole and cfg.name is None:
        return sweeps[0]
    name = cfg.name or default_name(sweeps, whole)
    check_name(name)
    return merge(sweeps, name, anyway=cfg.compare == "anyway")


def typed_names(value: object) -> list[str]:
    """Return the names that `experiment=`, `run=` or `from=` gives: one, or several with commas, in brackets or not."""
    return [] if value is None else names_of(f"[{str(value).strip('[]')}]")


def latest_sweep(runs: Path, experiment: str | None, sweep: str) -> SweepResults:
    """Return the sweep of this name, or the latest one, of an experiment.

    Raises:
        ValueError: there is none.
    """
    return load_sweep(find_sweep(runs, experiment, sweep))


def at_most_one(experiments: Sequence[str]) -> str | None:
    """Return the only experiment, None without one.

    Raises:
        ValueError: there are several.
    """
    if len(experiments) > 1:
        raise ValueError(f"experiment={','.join(experiments)}: only a page takes several; give one, or none for all")
    return experiments[0] if experiments else None
