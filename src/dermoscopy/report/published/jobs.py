"""One row per job: what it trained, each setting in which the jobs differ, and all its scores."""

import pandas as pd

from dermoscopy.report.results.differences import differences, settings_of
from dermoscopy.runs.tables import JobResults, SweepResults

FIRST = ("job", "experiment", "arm", "seed", "fold", "status", "key", "seconds")


def jobs_table(sweep: SweepResults) -> pd.DataFrame:
    """Return the content of jobs.csv.

    Returns:
        Columns job, experiment, arm, seed, fold, status, key (of the last stage), seconds; one per key of the
        configuration that has several values, empty where a job lacks it, `stage 0.` and so on before those of earlier
        stages; then `best/...` and `test/...`.
    """
    table = sweep.table.set_index("job")
    records = {job.number: job.record for job in sweep.jobs}
    names = {number: (number, record["experiment"], record.get("key", "")) for number, record in records.items()}
    known = pd.DataFrame.from_dict(names, orient="index", columns=["job", "experiment", "key"])
    settings = {str(job.number): _settings(job) for job in sweep.jobs}
    own = differences({number: values for number, values in settings.items() if values is not None})
    incomplete = [name for name in own if str(name).startswith("stage ") and len({*map(repr, own[name])} - {"''"}) == 1]
    own = own.drop(columns=[*incomplete, *(name for name in own if name in FIRST)])  # of jobs that ended in a stage
    own = own.rename(index=int).reindex(table.index)
    scores = [name for name in table if str(name).startswith(("best/", "test/"))]
    others = table[["arm", "seed", "fold", "status", "seconds"]]
    whole = pd.concat([known, others, own, table[scores]], axis=1)
    return whole[[*FIRST, *own.columns, *scores]]


def _settings(job: JobResults) -> dict[str, object] | None:
    try:
        return settings_of(job) if job.stages else None
    except FileNotFoundError:
        return None
