"""What the arms cost: parameters, time, and the machine it was measured on; and what that buys."""

import pandas as pd

from dermoscopy.runs.stage import finished
from dermoscopy.runs.tables import Sweep, history, last_stage

COLUMNS = ["parameters", "trainable", "epoch", "hours", "hardware"]


def costs(sweep: Sweep) -> pd.DataFrame:
    """Table of arms x cost, of the jobs that are done.

    Returns:
        parameters, trainable (in the last stage), epoch (mean seconds, over all stages), hours (of all jobs of the arm,
        each stage counted once), hardware. No row for an arm whose stages left no result.
    """
    done = sweep.jobs[sweep.jobs["status"] == "done"]
    epochs = history(sweep)
    epochs = epochs[(epochs["mode"] == "train") & epochs["job"].isin(done["job"])]
    seconds = epochs.groupby("arm")["seconds"].mean() if len(epochs) else pd.Series(dtype=float)
    rows = {}
    for arm, jobs in done.groupby("arm", sort=False)["job"]:
        folder = last_stage(sweep, jobs.iloc[0])
        result = finished(folder) if folder else None
        if result and result.get("parameters"):
            records = [sweep.records[job] for job in jobs]
            stages = {stage["key"]: stage.get("seconds") or 0.0 for each in records for stage in each["stages"]}
            hardware = "; ".join(dict.fromkeys(f"{each.get('hardware')}" for each in records))
            numbers = [result["parameters"], result["trainable"], seconds.get(arm), sum(stages.values()) / 3600]
            rows[arm] = [*numbers, hardware]
    return pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS)
