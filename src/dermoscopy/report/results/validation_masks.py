"""Each arm with the masks of its validation: an availability `own` beside those tested."""

from dataclasses import replace

import numpy as np
import pandas as pd

from dermoscopy.report.results.arms import OWN
from dermoscopy.runs.tables import Sweep, own_availability


def with_own_masks(sweep: Sweep) -> Sweep:
    """Add `own`, each job's, and the metrics `test/own/...` to a sweep whose jobs were validated with different masks.

    Without them a classifier of the segmented lesion would be compared with others on masks that it never saw.
    """
    if OWN in sweep.jobs:
        return sweep
    done = sweep.jobs.loc[sweep.jobs["status"] == "done", "job"]
    own = {job: own_availability(sweep, job) for job in done}
    if len(set(own.values())) < 2:
        return sweep
    place = sweep.jobs["job"].map(own)
    columns: dict[str, pd.Series] = {OWN: place}
    for column in sweep.jobs.columns[sweep.jobs.columns.str.match("test/[^/]+/")]:
        _, tested, metric = column.split("/", 2)
        values = columns.setdefault(f"test/{OWN}/{metric}", pd.Series(np.nan, sweep.jobs.index))
        columns[f"test/{OWN}/{metric}"] = values.mask(place == tested, sweep.jobs[column])
    known = pd.DataFrame(columns).dropna(axis=1, how="all")
    return replace(sweep, jobs=pd.concat([sweep.jobs, known], axis=1))
