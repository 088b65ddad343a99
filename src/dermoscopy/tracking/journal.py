"""Journal of a run for the tracking server: kept in the run's folder, and sent from there once and in order."""

import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from dermoscopy.machine.files import append_line
from dermoscopy.tracking.addresses import address, artifact_store
from dermoscopy.tracking.delivery import PAUSE, deliver, direct, read_events, read_sent, rejected_file, sent_file
from dermoscopy.tracking.events import JOURNAL, LIMITS, Destination, Event, parts
from dermoscopy.tracking.server import server

STATUS = {"success": "FINISHED", "failed": "FAILED", "aborted": "KILLED"}  # by Lightning's status


class Journal:
    """A logger that appends events to `tracking.jsonl` in the run's folder, from which they are sent to MLflow.

    No event is lost or recorded twice if a process is killed: events are only appended, each with its time, and those
    that may not have arrived are sent again. MLflow ignores a metric that it already has (same key, step, time and
    value), and a tag identifies the run. Training continues while the server cannot be reached.

    Args:
        folder: of the run; one process writes in it at a time.
        uri: of the MLflow tracking store.
        experiment: name of the experiment in MLflow.
        artifacts: place of the artifacts of all experiments, see `artifact_store`.
        pause: seconds without requests to a server that did not answer.
        name: of its file, for more than one journal in a folder; it begins with `tracking`.

    Attributes:
        sends: whether this process sends the events; otherwise another one does, see `courier.sending`.
    """

    sends = True

    def __init__(
        self,
        folder: str | Path,
        uri: str,
        experiment: str,
        artifacts: str | Path | None = None,
        pause: float = PAUSE,
        name: str = "tracking",
    ) -> None:
        self.path, self.pause = Path(folder) / f"{name}.jsonl", pause
        store = artifact_store(artifacts)
        self.destination: Destination = {"uri": address(uri), "experiment": experiment, "artifacts": store}
        self._forget()

    @property
    def run_id(self) -> str | None:
        """Id of the run in MLflow, None until the server is first reached."""
        sent = read_sent(self.path)
        return sent["run"] if sent["to"] == self.destination else None

    def begin(self, name: str, tags: Mapping[str, object], identity: Mapping[str, object]) -> None:
        """Begin the run, or continue the run in this folder.

        Args:
            name: of the run.
            tags: of the run; None is left out.
            identity: tags that identify the run; a different run in the folder is ended and its files are renamed.
        """
        self.load()
        identity_texts = _texts(identity)
        if self.begun and self.begun["identity"] != identity_texts:
            self._put_aside()
        if new := not self.begun:
            both, id = _texts(tags) | identity_texts, uuid4().hex
            begun: Event = {"begin": name, JOURNAL: id, "identity": identity_texts, "tags": both}
            self._append({**begun, "to": self.destination})
        if self.to != self.destination:
            self._append({"to": self.destination})
        if new or read_sent(self.path)["to"] != self.destination:
            direct(self.path, self.destination)
        if self.status != "RUNNING":
            self._append({"status": "RUNNING"})
        self.set_tags(tags)
        self.flush(force=not server(self.destination["uri"]).away)

    def set_tags(self, tags: Mapping[str, object]) -> None:
        """Set tags of the run; None is left out."""
        new = {name: text for name, text in _texts(tags).items() if self.tags.get(name) != text}
        for part in parts(new, LIMITS["tags"]):
            self._append({"tags": part})
        self.flush()

    def log_hyperparams(self, params: Mapping[str, object]) -> None:
        """Log parameters; those that the run already has are kept, since MLflow does not allow changes."""
        new = {name: str(value) for name, value in params.items() if name not in self.params}
        for part in parts(new, LIMITS["params"]):
            self._append({"params": part})
        self.flush()

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log metrics of a step, except NaN, infinity, and metrics that were already logged for this step."""
        at = step or 0
        values = {name: float(value) for name, value in metrics.items() if (at, name) not in self.logged}
        finite = {name: value for name, value in values.items() if math.isfinite(value)}
        for part in parts(finite, LIMITS["metrics"]):
            self._append({"metrics": part, "step": at})
        self.flush()

    def replace_metrics(self, metrics: Mapping[str, float]) -> None:
        """Log metrics without a step, which replace those logged before if they have changed, as of a resumed sweep."""
        finite = {name: float(value) for name, value in metrics.items() if math.isfinite(value)}
        new = {name: value for name, value in finite.items() if self.logged.get((0, name)) != value}
        for part in parts(new, LIMITS["metrics"]):
            self._append({"metrics": part, "step": 0})
        self.flush()

    def log_dataset(self, name: str, digest: str, source: str, profile: Mapping[str, object]) -> None:
        """Log the data of the run: their name, a hash and the file of their content, and facts such as their number."""
        about = {"name": name, "digest": digest, "source_type": "local", "source": json.dumps({"uri": source})}
        fields = about | {"profile": json.dumps(dict(profile))}
        if self.dataset != fields:
            self._append({"dataset": fields})
        self.flush()

    def set_experiment_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags of the experiment in which the run is."""
        if new := {name: text for name, text in tags.items() if self.experiment_tags.get(name) != text}:
            self._append({"experiment_tags": new})
        self.flush()

    def log_artifact(self, path: str | Path) -> None:
        """Log a small file, of which MLflow keeps a copy with the run."""
        self._append({"artifact": os.path.relpath(path, self.path.parent)})
        self.flush()

    def finalize(self, status: str) -> None:
        """End the run with Lightning's status: success, failed or aborted."""
        self.end(STATUS[status])

    def end(self, status: str) -> None:
        """End the run (FINISHED, FAILED or KILLED), and send unsent events now, also during a pause."""
        if self.status != status:
            self._append({"status": status})
        self.flush(force=True)

    def flush(self, force: bool = False) -> bool:
        """Send unsent events unless there is a pause; return whether none is left.

        Args:
            force: send now, also during a pause after a request or a failure.
        """
        return deliver(self.path, self.pause, force) if self.sends else False

    def _append(self, event: Event) -> None:
        if not self.begun and "begin" not in event:
            raise RuntimeError("a journal starts with begin()")
        dated: Event = {"time": time.time_ns() // 1_000_000, **event}
        append_line(self.path, json.dumps(dated))
        self._note(dated)

    def load(self) -> None:
        """Read the journal in the folder, and cut off an incomplete last line of a process that was killed."""
        self._forget()
        end = 0
        for end, event in read_events(self.path):  # noqa: B007  (its last value is used)
            self._note(event)
        if self.path.is_file():
            os.truncate(self.path, end)

    def _forget(self) -> None:
        self.begun: Event = {}
        self.to: Destination | None = None
        self.status = "RUNNING"
        self.tags: dict[str, str] = {}
        self.params: set[str] = set()
        self.logged: dict[tuple[int, str], float] = {}
        self.dataset: dict[str, str] = {}
        self.experiment_tags: dict[str, str] = {}

    def _note(self, event: Event) -> None:
        self.begun = event if "begin" in event else self.begun
        self.to = event.get("to", self.to)
        self.status = event.get("status", self.status)
        self.tags |= event.get("tags", {})
        self.params |= set(event.get("params", ()))
        self.logged |= {(event["step"], name): value for name, value in event.get("metrics", {}).items()}
        self.dataset = event.get("dataset", self.dataset)
        self.experiment_tags |= event.get("experiment_tags", {})

    def _put_aside(self) -> None:
        """End a different run in this folder, and rename its files, from which unsent events are still sent."""
        self.end("KILLED" if self.status == "RUNNING" else self.status)
        aside = self.path.with_stem(f"{self.path.stem}-{self.begun[JOURNAL]}")
        for file in (sent_file, rejected_file, Path):  # the journal last: without the other files it is only sent again
            if file(self.path).is_file():
                file(self.path).rename(file(aside))
        self._forget()


def _texts(tags: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in tags.items() if value is not None}
