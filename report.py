"""Write the page of a finished sweep: python report.py experiment=zeroing; its progress: status=true"""

import sys

try:
    from dermoscopy.config.help import show_help

    show_help(__name__, __file__)  # before the imports below, which take seconds
except ModuleNotFoundError as missing:
    sys.exit(f"error: this python lacks {missing.name}: type make setup, then .venv/bin/python report.py")

from pathlib import Path

import hydra
from omegaconf import DictConfig

from dermoscopy.config.command_line import checked, command
from dermoscopy.report.page.page import write_report
from dermoscopy.report.results.mask_folds import masks_to_join
from dermoscopy.report.terminal.results import print_table
from dermoscopy.report.terminal.status import print_overview, print_status
from dermoscopy.runs.tables import find_sweep, load_sweep


# conf/report rather than conf/, where experiment=NAME would choose a file of the group experiment.
@hydra.main(version_base="1.3", config_path="conf/report", config_name="report")
@checked
def main(cfg: DictConfig) -> None:
    """Print the table of a sweep and write its page; with status=true only print its progress."""
    runs = Path(cfg.runs)
    experiment = None if cfg.experiment is None else str(cfg.experiment)
    if cfg.status and experiment is None:
        return print_overview(runs)
    sweep = load_sweep(find_sweep(runs, experiment, str(cfg.sweep)))
    if cfg.status:
        return print_status(sweep)
    print_table(sweep)
    print(*write_report(sweep, Path(cfg.experiments), cfg.reference, cfg.metric), sep="\n")
    for path, folders in masks_to_join(sweep).items():
        from dermoscopy.masks.out_of_fold import join_masks  # noqa: PLC0415  (torch, which reports do not need)

        print(join_masks(folders, path))
    return None


if __name__ == "__main__":
    with command("report.py"):
        main()
