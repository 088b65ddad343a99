"""Write the page of a finished sweep: python report.py experiment=zeroing; or status, self_test or prune=true"""

import sys

try:
    from dermoscopy.config.help import show_help

    show_help(__name__, __file__)  # before the imports below, which take seconds
except ModuleNotFoundError as missing:
    sys.exit(f"error: this python lacks {missing.name}: type make setup, then .venv/bin/python report.py")

import math
import shlex
from pathlib import Path

import hydra
from omegaconf import DictConfig

from dermoscopy.config.command_line import checked, command, overrides
from dermoscopy.report.page.page import write_report
from dermoscopy.report.results.mask_folds import masks_to_join
from dermoscopy.report.results.self_test import simulate_page
from dermoscopy.report.terminal.prune import delete, print_removable
from dermoscopy.report.terminal.results import print_table
from dermoscopy.report.terminal.self_test import print_self_test
from dermoscopy.report.terminal.status import print_overview, print_status
from dermoscopy.runs.prune import find_removable
from dermoscopy.runs.splits import seen_in_training
from dermoscopy.runs.tables import find_sweep, load_sweep


# conf/report rather than conf/, where experiment=NAME would choose a file of the group experiment.
@hydra.main(version_base="1.3", config_path="conf/report", config_name="report")
@checked
def main(cfg: DictConfig) -> None:
    """Print the table of a sweep and write its page, or test it; or print its progress; or show or delete files."""
    runs = Path(cfg.runs)
    experiment = None if cfg.experiment is None else str(cfg.experiment)
    if cfg.prune is not False or cfg.older is not None:
        return _prune(cfg, runs, experiment)
    if cfg.status and experiment is None:
        return print_overview(runs)
    sweep = load_sweep(find_sweep(runs, experiment, str(cfg.sweep)))
    if cfg.status:
        return print_status(sweep)
    meaningful = _meaningful(cfg.meaningful)
    if cfg.self_test:
        return print_self_test(sweep, simulate_page(sweep, cfg.reference, cfg.metric, meaningful))
    print_table(sweep)
    command = shlex.join(["python", "report.py", *(typed for typed in overrides() if typed != "force=true")])
    files = write_report(sweep, Path(cfg.experiments), cfg.reference, cfg.metric, command, cfg.force, meaningful)
    print(*files, sep="\n")
    for path, folders in masks_to_join(sweep).items():
        from dermoscopy.masks.out_of_fold import join_masks  # noqa: PLC0415  (torch, which reports do not need)

        print(join_masks(folders, path, [seen_in_training(folder) for folder in folders]))
    return None


def _meaningful(value: object) -> float | None:
    """Check the size of the smallest difference that matters.

    Raises:
        ValueError: it is no positive number.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"meaningful must be a positive number such as 0.02, or null, got {value}")
    return float(value)


def _prune(cfg: DictConfig, runs: Path, experiment: str | None) -> None:
    """Show what can be deleted in the folder of runs or, with prune=delete, delete it.

    Raises:
        ValueError: wrong values; no such experiment.
    """
    if cfg.prune not in (True, "delete") or cfg.status:
        raise ValueError(f"prune must be true (show) or delete, without status=true, got prune={cfg.prune}")
    if cfg.older is not None and (
        isinstance(cfg.older, bool) or not isinstance(cfg.older, int | float) or cfg.older < 0
    ):
        raise ValueError(f"older must be a number of days, got {cfg.older}")
    if experiment is not None:
        find_sweep(runs, experiment)  # a wrong name is answered with the right ones
    pruning = find_removable(runs, experiment, cfg.older)
    if cfg.prune == "delete":
        delete(pruning)
    else:
        typed = [override for override in overrides() if not override.startswith("prune=")]
        print_removable(pruning, shlex.join(["python", "report.py", "prune=delete", *typed]))


if __name__ == "__main__":
    with command("report.py"):
        main()
