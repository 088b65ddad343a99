"""Write the page of sweeps or runs: python report.py experiment=zeroing; or status, self_test or prune=true"""

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
from dermoscopy.config.effects import keys_of
from dermoscopy.config.reported import at_most_one, chosen_sweep, latest_sweep, typed_names
from dermoscopy.machine.files import write_atomically
from dermoscopy.report.gallery.gallery import check_gallery, write_gallery
from dermoscopy.report.gallery.runs import are_drawn
from dermoscopy.report.page.html import GALLERY
from dermoscopy.report.page.page import make_page, read_page, report_folder, write_page
from dermoscopy.report.page.publish import publish
from dermoscopy.report.published.record import Choice
from dermoscopy.report.results.mask_folds import masks_to_join
from dermoscopy.report.results.self_test import simulate_page
from dermoscopy.report.terminal.prune import delete, print_removable
from dermoscopy.report.terminal.results import print_table
from dermoscopy.report.terminal.self_test import print_self_test
from dermoscopy.report.terminal.status import print_overview, print_status
from dermoscopy.runs.prune import find_removable
from dermoscopy.runs.splits import seen_in_training
from dermoscopy.runs.tables import SweepResults, find_sweep
from dermoscopy.tracking.sweep_run import add_files

NOT_SHOWN = ("publish", "force", "experiments", "gallery")  # in the command that a page shows: they do not change it


# conf/report rather than conf/, where experiment=NAME would choose a file of the group experiment.
@hydra.main(version_base="1.3", config_path="conf/report", config_name="report")
@checked
def main(cfg: DictConfig) -> None:
    """Write the page of sweeps or runs, or test it; or print the progress of a sweep; or show or delete files."""
    runs = Path(cfg.runs)
    experiments = typed_names(cfg.experiment)
    if cfg.prune is not False or cfg.older is not None:
        return _prune(cfg, runs, at_most_one(experiments))
    if cfg.status:
        experiment = at_most_one(experiments)
        return print_status(latest_sweep(runs, experiment, str(cfg.sweep))) if experiment else print_overview(runs)
    check_gallery(cfg.gallery)
    choice = Choice(cfg.reference, cfg.metric, _meaningful(cfg.meaningful))
    shown = [typed for typed in overrides() if keys_of([typed])[0] not in NOT_SHOWN]
    typed = shlex.join(["python", "report.py", *shown])
    pages = typed_names(cfg["from"])
    again = len(pages) == 1 and not experiments and all(cfg[key] is None for key in ("run", "name", "compare"))
    if again:
        chosen = {key: value for key, value in vars(choice).items() if key in keys_of(overrides())}
        page = read_page(Path(pages[0]), chosen, typed)
    else:
        sweep = chosen_sweep(cfg, runs, experiments, pages)
        if cfg.self_test:
            return print_self_test(sweep, simulate_page(sweep, choice.reference, choice.metric, choice.meaningful))
        page = make_page(sweep, choice, typed)
    if pages and cfg.publish and page.images_left_out and not cfg.force:
        raise ValueError(f"publish=true would lose numbers of the page ({page.images_left_out}): add force=true")
    print_table(page.sweep)
    folder = report_folder(runs, page.sweep.experiment)
    shown_before = (folder / GALLERY).is_file()
    files = write_page(page, folder)
    if not again:
        add_files(sweep.folder, files)
    if cfg.gallery:
        files.append(write_gallery(sweep, page.findings, folder, cfg.gallery))
    elif shown_before and not (folder / GALLERY).is_file():
        print(f"removed {folder / GALLERY}, which showed other results; gallery=true writes it again")
    if cfg.publish:
        published = publish(page, Path(cfg.experiments), cfg.force)
        if cfg.gallery and are_drawn(sweep):  # photographs are not published
            copy = Path(cfg.experiments) / page.sweep.experiment / files[-1].name
            published.append(write_atomically(copy, files[-1].read_bytes()))
        files += published
    print(*files, sep="\n")
    if page.images_left_out:
        print(f"the page cannot be made again from these files alone: {page.images_left_out}")
    if not again and sweep.folder.is_dir():
        _join_masks(sweep)
    return None


def _join_masks(sweep: SweepResults) -> None:
    """Join the predicted masks of the folds of a sweep of segmenters, where all are there."""
    for path, folders in masks_to_join(sweep).items():
        from dermoscopy.masks.out_of_fold import join_masks  # noqa: PLC0415  (torch, which reports do not need)

        print(join_masks(folders, path, [seen_in_training(folder) for folder in folders]))


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
