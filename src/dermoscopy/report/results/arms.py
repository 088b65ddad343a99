"""Test scores of arms over their repeats: tables, and the two files of them that a sweep writes."""

from collections import Counter
from pathlib import Path

import pandas as pd

from dermoscopy.machine.files import write_atomically
from dermoscopy.machine.messages import nearest
from dermoscopy.runs.files import ARMS, RESULTS
from dermoscopy.runs.tables import SweepResults

HEADLINE = "average_precision"
TUNED_F1 = "f1_at_"  # the beginning of F1 at the threshold chosen in validation, by whatever rule; the second headline
CONDITIONS = ("none", "given")
# Display names: what the zeroing of masks in training means for the classifier.
IN_WORDS = {"zeroing=everything": "image only", "zeroing=nothing": "masks always given"}
VALIDATION_MASKS = "validation_masks"  # the mask condition of each arm's validation, see `with_validation_masks`
MASK_HEADLINES = ("dice", "iou", "thresholded_jaccard", "failure_rate")


def pivot(jobs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return a metric as a table of arms x repeats (a seed, or a seed and a fold); NaN where no job is done.

    Raises:
        ValueError: no job has this metric, or two jobs have the same arm and repeat.
    """
    if metric not in jobs.columns:
        available = macro_metrics(jobs)
        listed = ", ".join(available) or "none"
        raise ValueError(f"no job has the metric {metric!r}; there are: {listed}{nearest(metric, available)}")
    known = jobs[jobs["arm"].notna()]
    done = known[known["status"] == "done"]
    twice = done[done.duplicated(["arm", "repeat"])]
    if len(twice):
        raise ValueError(f"two jobs are {twice['arm'].iloc[0]}, {twice['repeat'].iloc[0]}: give each arm its own axis")
    repeats = known.sort_values(["seed", "fold"], kind="stable")["repeat"].dropna().unique()
    table = done.pivot(index="arm", columns="repeat", values=metric)  # noqa: PD010  (pivot_table would average repeats)
    return table.reindex(index=known["arm"].unique(), columns=repeats).astype(float)


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Return mean, standard deviation (Bessel-corrected) and number of defined repeats of each arm of a pivot."""
    return pd.DataFrame({"mean": table.mean(axis=1), "sd": table.std(axis=1), "n": table.count(axis=1)})


def is_test_metric(name: str) -> bool:
    """Check whether a name is that of a test metric: `test/<condition>/<name>`, perhaps of a label."""
    return name.startswith("test/") and name.count("/") >= 2


def macro_metrics(jobs: pd.DataFrame) -> list[str]:
    """Return the columns `test/<condition>/<metric>`, without those of single labels."""
    return [name for name in jobs.columns if name.startswith("test/") and name.count("/") == 2]


def is_segmentation(jobs: pd.DataFrame) -> bool:
    """Tell whether the jobs are segmenters that predict no labels."""
    tested = {name.split("/", 2)[-1] for name in jobs.columns if name.startswith("test/")}
    return "dice" in tested and "average_precision" not in tested


def headline_metrics(jobs: pd.DataFrame, monitor: str = "") -> list[str]:
    """Return the test metrics to report first, up to four, which fit a terminal; a page compares the first.

    If arms were validated with different masks, the scores are those with each arm's validation masks and with none,
    else those with none and with ground-truth masks. They are average precision, then F1 at the threshold chosen in
    validation; F1 at a probability of .5 depends more on calibration than on what was learned. Segmenters have three
    metrics beside the monitored one, without TTA or else with the first.

    Args:
        jobs: table of a sweep.
        monitor: metric by which the best epoch was chosen, reported before the others.
    """
    own = any(name.startswith(f"test/{VALIDATION_MASKS}/") for name in jobs.columns)
    places = (VALIDATION_MASKS, "none") if own else CONDITIONS
    tuned = [name.split("/")[2] for name in macro_metrics(jobs) if name.split("/")[2].startswith(TUNED_F1)]
    scores = [
        score
        for score in dict.fromkeys([monitor, HEADLINE, *tuned])
        if any(f"test/{place}/{score}" in jobs for place in places)
    ]
    names = [f"test/{place}/{score}" for score in scores[:2] for place in places]
    if is_segmentation(jobs):
        tta = {name.split("/")[1] for name in macro_metrics(jobs) if name.endswith("/dice")}
        first = min(tta, key=lambda place: (place != "none", place))
        compared = dict.fromkeys([monitor, *MASK_HEADLINES[:3]])  # first what chose the epoch
        names = [f"test/{first}/{name}" for name in compared]
    return [name for name in names if name in jobs.columns]


def headlines(sweep: SweepResults) -> list[str]:
    """Return the metrics of a sweep to report first, see `headline_metrics`."""
    monitor = sweep.done[0].last.configuration.monitor_metric if sweep.done else ""
    return headline_metrics(sweep.table, monitor)


def short_names(arms: list[str]) -> dict[str, str]:
    """Return the display name of each arm: in words, and without `axis=` if only one axis was swept.

    Arms that would share a name, as those of two sweeps may, are named in full.
    """
    axes = {arm.split("=")[0] for arm in arms}
    alone = len(axes) == 1 and all(arm.count("=") == 1 for arm in arms)
    names = {arm: ", ".join(_display_name(setting, alone) for setting in arm.split(", ")) for arm in arms}
    counts = Counter(names.values())
    return {arm: name if counts[name] == 1 else arm for arm, name in names.items()}


def _display_name(setting: str, alone: bool) -> str:
    axis, _, value = setting.partition("=")
    if axis.startswith("arm/"):
        return value.replace("_", " ")
    return IN_WORDS.get(setting, value if alone and value else setting)


def mean_and_sd(table: pd.DataFrame) -> dict[str, str]:
    """Format each arm of a pivot as `0.412 ± 0.010`, without a deviation for one repeat, as `-` for none."""
    texts = {}
    for arm, mean, sd, n in summarise(table).itertuples():
        texts[str(arm)] = "-" if n == 0 else f"{mean:.3f}" + (f" ± {sd:.3f}" if n > 1 else "")
    return texts


def write_results(sweep: SweepResults) -> list[Path]:
    """Write results.csv (one row per epoch and mode) and table.csv (test metrics, arms x repeats) of a sweep."""
    results = write_atomically(sweep.folder / RESULTS, results_table(sweep).to_csv(index=False))
    return [results, write_atomically(sweep.folder / ARMS, arms_table(sweep.table).to_csv(index=False))]


def results_table(sweep: SweepResults) -> pd.DataFrame:
    """Return the history for publication: job, arm, seed, fold, stage, epoch and mode, then the metrics."""
    return sweep.history.drop(columns="cumulative")


def arms_table(jobs: pd.DataFrame) -> pd.DataFrame:
    """Return every test metric of every arm: its value in each repeat, then mean, sd and n."""
    parts = []
    for metric in macro_metrics(jobs):
        table = pivot(jobs, metric)
        parts.append(table.join(summarise(table)).rename_axis("arm").reset_index().assign(metric=metric))
    if not parts:
        return pd.DataFrame(columns=["metric", "arm", "mean", "sd", "n"])
    whole = pd.concat(parts, ignore_index=True)
    return whole[["metric", *(name for name in whole.columns if name != "metric")]]
