"""One start of a sweep, from locking its folder to printing its tables."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from dermoscopy.machine.files import write_json
from dermoscopy.machine.leases import lease
from dermoscopy.report.results import arms
from dermoscopy.report.terminal import results as tables
from dermoscopy.runs import records as sweeps
from dermoscopy.runs import tables as runs
from dermoscopy.runs.files import SWEEP
from dermoscopy.sweep.follow import follow
from dermoscopy.sweep.plan import arm_names
from dermoscopy.sweep.summary import first_summary, sweep_summary
from dermoscopy.tracking.courier import sending
from dermoscopy.tracking.sweep_run import Place, SweepRun, open_tracking, send_rest

if TYPE_CHECKING:
    from dermoscopy.report.results.answer import Answer
    from dermoscopy.report.results.findings import Findings


class SweepSession:
    """One start of the sweep of an identity, which is begun or continued; its folder is locked until the end.

    Args:
        root: `runs/<experiment>/sweeps`.
        identity: of the sweep, see `dermoscopy.sweep.plan.identity`.
        facts: entries of its record: command, axes, plan, launcher.
        alone: whether this is a single run, which needs no tables.
        rerun: whether a sweep that is done is begun anew.

    Raises:
        ValueError: the same sweep is running already.
    """

    def __init__(self, root: Path, identity: str, facts: Mapping[str, object], alone: bool, rerun: bool) -> None:
        self.alone = alone
        self.folder = sweeps.find_or_make(root, identity, rerun)
        self.followed = ExitStack()
        self.run: SweepRun | None = None
        with ExitStack() as held:
            held.enter_context(lease(self.folder, self._refuse))
            self.before, self.record = sweeps.start_sweep(self.folder, {"identity": identity, **facts})
            self.left = sweeps.jobs_left(self.folder)
            self.held = held.pop_all()

    def _refuse(self) -> None:
        raise ValueError(f"this command is running already, in {self.folder}: make status shows its progress")

    def track(self, place: Place, monitor: str, lower: bool) -> None:
        """Open the experiment in MLflow, and begin or continue the runs of the sweep and of its arms there.

        A single run needs none but its own, and a sweep that is done and complete has nothing to add.

        Args:
            place: where the runs are kept.
            monitor: metric that chooses the best epoch.
            lower: whether its smallest value is the best.
        """
        if self.alone:
            open_tracking(self.folder.parents[2], place)
        elif not (self.before == "done" and self.left == 0):
            record = self.record
            self.first = first_summary(record.get("about", {}), record["command"], monitor, lower)
            names = arm_names(record["plan"], record["experiment"])
            self.run = SweepRun(self.folder, place, names, record["jobs"], self.first)
            self.note(parent_run=self.run.parent.run_id, arm_runs=self.run.run_ids)

    def note(self, **entries: object) -> None:
        """Add entries to the record of the sweep."""
        self.record |= entries  # type: ignore[typeddict-item]
        write_json(self.folder / SWEEP, self.record)

    def follow(self) -> None:
        """Print from now on each change of state of jobs in other processes, and send what they record."""
        self.followed.enter_context(follow(self.folder, self.record["jobs"]))
        if self.run:
            self.followed.enter_context(sending(self.folder))

    def end(self, status: str, meaningful: float | None = None) -> int:
        """Complete the record, and write and print the results, whatever the outcome of the jobs.

        Args:
            status: done or interrupted; a sweep is done only if each of its jobs is, whatever the launcher reports.
            meaningful: size of the smallest difference that matters, for the answer; None: none is known.

        Returns:
            The number of jobs that are not done.

        Raises:
            OSError: the results or the record cannot be written; the sweep is then not done.
        """
        with self.held:
            self.followed.close()
            states = [job["status"] for job in sweeps.read_jobs(self.folder).values()]
            unfinished = self.record["jobs"] - states.count("done")
            if status == "done" and unfinished:
                status = "failed" if "failed" in states else "interrupted"
            self.record["status"] = status
            try:
                send_rest(self.folder.parents[2])
                self._show(meaningful)
            except OSError:
                self.record["status"] = "failed" if status == "failed" else "interrupted"
                raise
            finally:  # last, so that `done` implies that everything else is written
                sweeps.end_sweep(self.folder, self.record)
        return unfinished

    def _show(self, meaningful: float | None) -> None:
        sweep = runs.load_sweep(self.folder)
        if self.alone:
            return tables.print_run(sweep)
        files = arms.write_results(sweep)
        findings, said = _answer(sweep, meaningful)
        if self.run:
            summary = sweep_summary(sweep, findings, said, self.run.names, self.first)
            self.run.end(self.record["status"], summary, files)
            print(f"compare: {self.run.where}")
        tables.print_table(sweep)
        go_on = f"; to go on: {self.record['command']}" if self.record["status"] == "interrupted" else ""
        print(f"tables: {files[0]} and {files[1].name}{go_on}")
        tables.print_jobs(sweep, self.record["resumed"])
        return tables.print_answer(sweep, said)


def _answer(sweep: runs.SweepResults, meaningful: float | None) -> tuple["Findings | None", "Answer"]:
    """Return what the page of a sweep will say, and what that rests on."""
    from dermoscopy.report.results.answer import answer  # noqa: PLC0415  (half a second, needed at the end only)
    from dermoscopy.report.results.conditions import with_validation_masks  # noqa: PLC0415
    from dermoscopy.report.results.findings import find  # noqa: PLC0415

    sweep = with_validation_masks(sweep)
    findings = find(sweep, meaningful=meaningful)
    return findings, answer(sweep, findings)
