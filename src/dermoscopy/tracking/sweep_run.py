"""The runs of a sweep in MLflow: one for the whole sweep, below it one per arm, below those the runs of the jobs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dermoscopy.tracking.delivery import flush_pending, follow_database, read_sent
from dermoscopy.tracking.experiment import open_experiment
from dermoscopy.tracking.journal import Journal
from dermoscopy.tracking.view import LOCAL, sweep_view, view_link

STATUS = {"done": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
PARENT, NOTE = "mlflow.parentRunId", "mlflow.note.content"


@dataclass(frozen=True)
class Place:
    """Where the runs of an experiment are kept, and what the user adds to them.

    Attributes:
        uri: address of the tracking store.
        experiment: its name.
        artifacts: place of the artifacts of all experiments, see `artifact_store`.
        tags: of the user's own, for every run.
    """

    uri: str | None
    experiment: str
    artifacts: str | None = None
    tags: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class SweepSummary:
    """What the runs of a sweep and of its arms say when it has ended; arms by full name.

    Attributes:
        note: description of the sweep, Markdown.
        metrics: of the sweep, such as the mean of each arm.
        arm_notes, arm_metrics: descriptions and metrics of the arms.
        columns: metrics of the table of jobs.
        order: the one by which it is sorted, "" for none.
        lower: whether the smallest value of it comes first, rather than the largest.
    """

    note: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    arm_notes: Mapping[str, str] = field(default_factory=dict)
    arm_metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    columns: Sequence[str] = ()
    order: str = ""
    lower: bool = False


class SweepRun:
    """The run of a sweep and those of its arms, begun or continued.

    Args:
        folder: of the sweep.
        place: where the runs are kept.
        arms: display name of each arm by its full name.
        jobs: number of jobs.
        summary: what is known before the first job.

    Raises:
        ValueError: the tracking store cannot be used; raised before anything is trained.
    """

    def __init__(self, folder: Path, place: Place, arms: Mapping[str, str], jobs: int, summary: SweepSummary) -> None:
        self.experiment = open_tracking(folder.parents[2], place)
        self.folder, self.names, self.jobs = folder, arms, jobs
        self.parent = self._begin(place, "tracking", folder.name, {"kind": "sweep"}, {})
        own = {"kind": "arm", PARENT: self.parent.run_id}
        self.arms = {
            arm: self._begin(place, f"tracking-arm-{number}", name, own | {"arm": name}, {"setting": arm})
            for number, (arm, name) in enumerate(arms.items())
        }
        self._describe(summary)

    def _begin(
        self, place: Place, file: str, name: str, tags: Mapping[str, object], identity: Mapping[str, object]
    ) -> Journal:
        journal = Journal(self.folder, str(place.uri), place.experiment, place.artifacts, name=file)
        journal.begin(name, {**place.tags, **tags}, {"sweep": self.folder.name, **identity})
        return journal

    @property
    def run_ids(self) -> dict[str, str | None]:
        """MLflow ids of the runs of the arms by full name, None for those that were not sent yet."""
        return {arm: journal.run_id for arm, journal in self.arms.items()}

    @property
    def where(self) -> str:
        """How to see the jobs grouped by arm: a link, for a local database with the command that opens it."""
        uri = self.parent.destination["uri"]
        link = view_link(uri if uri.startswith("http") else LOCAL, self.experiment, self.folder.name)
        return link if uri.startswith("http") else f"make ui opens {link}"

    def end(self, status: str, summary: SweepSummary, files: Iterable[Path]) -> None:
        """End the runs (done, failed or interrupted) with what the sweep says, and log files as artifacts."""
        for arm, journal in self.arms.items():
            journal.replace_metrics(summary.arm_metrics.get(arm, {}))
        self._describe(summary)
        for file in files:
            self.parent.log_artifact(file)
        for journal in [*self.arms.values(), self.parent]:
            journal.end(STATUS[status])

    def _describe(self, summary: SweepSummary) -> None:
        for arm, note in summary.arm_notes.items():
            self.arms[arm].set_tags({NOTE: note})
        self.parent.replace_metrics(summary.metrics)
        self.parent.set_tags({NOTE: summary.note})
        names = list(self.names.values())
        view = sweep_view(self.folder.name, names, self.jobs, summary.columns, (summary.order, summary.lower))
        self.parent.set_experiment_tags(view)


def open_tracking(runs: Path, place: Place) -> str:
    """Open the experiment, send events that earlier runs could not send, and return the id of the experiment.

    Raises:
        ValueError: the tracking store cannot be used; raised before anything is trained.
    """
    experiment = open_experiment(place.uri, place.experiment, place.artifacts)
    follow_database(runs, str(place.uri), place.artifacts)
    send_rest(runs)
    return experiment


def add_files(sweep: Path, files: Iterable[Path]) -> None:
    """Log files as artifacts of the run of a sweep that was tracked, such as its page; else do nothing."""
    to = read_sent(sweep / "tracking.jsonl")["to"]
    if to is None:
        return
    journal = Journal(sweep, to["uri"], to["experiment"], to["artifacts"])
    journal.load()
    for file in files:
        journal.log_artifact(file)
    journal.flush(force=True)


def send_rest(runs: Path) -> None:
    """Send the unsent events of all runs in this folder, and print how many runs still have some."""
    if unsent := flush_pending(runs):
        print(f"{len(unsent)} runs wait for their tracking server ({unsent[0]}, ...): the next training sends them")
