"""The run of a whole sweep in MLflow, parent of the runs of its jobs."""

from collections.abc import Iterable
from pathlib import Path

from dermoscopy.tracking.delivery import flush_pending, follow_database
from dermoscopy.tracking.experiment import open_experiment
from dermoscopy.tracking.journal import Journal

STATUS = {"done": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}


def open_tracking(runs: Path, uri: str | None, experiment: str, artifacts: str | None) -> None:
    """Open the experiment, and send events that earlier runs could not send.

    Raises:
        ValueError: the tracking store cannot be used; raised before anything is trained.
    """
    open_experiment(uri, experiment, artifacts)
    follow_database(runs, str(uri), artifacts)
    send_rest(runs)


def begin_parent(folder: Path, uri: str | None, experiment: str, artifacts: str | None) -> Journal:
    """Begin or continue the run of the sweep in this folder, see `open_tracking`."""
    open_tracking(folder.parents[2], uri, experiment, artifacts)
    journal = Journal(folder, str(uri), experiment, artifacts)
    journal.begin(folder.name, {}, {"sweep": folder.name})
    return journal


def end_parent(journal: Journal, status: str, files: Iterable[Path]) -> None:
    """End the run of a sweep (done, failed or interrupted) and log these files as artifacts."""
    for file in files:
        journal.log_artifact(file)
    journal.end(STATUS[status])


def send_rest(runs: Path) -> None:
    """Send the unsent events of all runs in this folder, and print how many runs still have some."""
    if unsent := flush_pending(runs):
        print(f"{len(unsent)} runs wait for their tracking server ({unsent[0]}, ...): the next training sends them")
