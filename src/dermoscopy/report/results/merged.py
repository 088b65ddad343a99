"""Several sweeps or single runs as one sweep, so that a page compares them like the arms of one experiment.

What differs between their configurations becomes the arms; seeds and folds stay repeats. A training that several of
them share is one job.
"""

from collections import ChainMap, Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from dermoscopy.report.results.arm_names import Arm, Unit, group_arms
from dermoscopy.report.results.arms import is_segmentation, macro_metrics
from dermoscopy.report.results.comparable import disagreements, title
from dermoscopy.runs.tables import NOT_AN_ARM, Constants, JobResults, Metadata, SweepResults, job_table

ANYWAY = "compare=anyway"
SEED, FOLD = NOT_AN_ARM


def merge(sweeps: Sequence[SweepResults], name: str, anyway: bool = False) -> SweepResults:
    """Return several sweeps as one.

    Args:
        sweeps: at least one, each with all its jobs or some of them.
        name: of the result, in place of an experiment.
        anyway: whether to compare also what was tested on different images or data; its `remarks` then say so.

    Returns:
        One sweep with the jobs of all, numbered anew, each training once. It has the test metrics that all have. Its
        folder, `<runs>/<name>/sweeps/<the sweeps>`, does not exist.

    Raises:
        ValueError: they are not comparable, and `anyway` is false.
    """
    arms = group_arms(sweeps)
    jobs = _jobs(sweeps, arms)
    differing, unknown = disagreements(sweeps, jobs)
    if differing and not anyway:
        raise ValueError(f"not comparable: {'; '.join(differing)}; {ANYWAY} compares them, and says so on the page")
    kinds = {is_segmentation(sweep.table): title(sweep, sweeps) for sweep in sweeps if sweep.done}
    if len(kinds) > 1:
        raise ValueError(f"nothing to compare: {kinds[True]} predicts masks, {kinds[False]} labels")
    table = job_table(jobs)
    lacking = _not_in_all(sweeps)
    if lacking and not set(macro_metrics(table)) - set(lacking):
        raise ValueError(f"nothing to compare: no test metric is in all of {', '.join(s.experiment for s in sweeps)}")
    remarks = [f"Compared in spite of differences: {text}." for text in differing] + unknown
    if lacking and set(macro_metrics(table)) - set(lacking):
        conditions = dict.fromkeys(metric.rsplit("/", 1)[0] for metric in lacking)
        remarks.append(f"Left out: {len(lacking)} scores ({', '.join(conditions)}/...) for which not all were tested.")
        left_out = tuple(f"{metric}/" for metric in lacking)
        table = table[[column for column in table if not f"{column}/".startswith(left_out)]]
    own = ", ".join(dict.fromkeys(_named(sweep) for sweep in sweeps))
    return SweepResults(
        folder=sweeps[0].folder.parents[2] / name / "sweeps" / own,
        experiment=name,
        command="; ".join(dict.fromkeys(sweep.command for sweep in sweeps)),
        axes=_axes(sweeps, jobs),
        about=_about(sweeps),
        started=min(sweep.started for sweep in sweeps),
        resumed=max(sweep.resumed for sweep in sweeps),
        jobs=jobs,
        processes=None,
        table=table,
        constants=_constants(sweeps, arms),
        metadata=_metadata(sweeps),
        remarks=tuple(dict.fromkeys([*(text for sweep in sweeps for text in sweep.remarks), *remarks])),
    )


def _named(sweep: SweepResults) -> str:
    """Return the experiment and the time of a sweep; one that was merged before names those of its parts."""
    name = sweep.folder.name
    return name if name.startswith(f"{sweep.experiment} ") else f"{sweep.experiment} {name}"


def _constants(sweeps: Sequence[SweepResults], arms: Mapping[Unit, Arm]) -> Constants:
    """Return what is known of constant masks without the stores, with the arms of the whole."""
    parts = [
        {(arms[number, arm].name, repeat): table for (arm, repeat), table in sweep.constants[0].items()}
        for number, sweep in enumerate(sweeps)
    ]
    lacking = next((sweep.constants[1] for sweep in sweeps if sweep.constants[1]), "")
    return dict(ChainMap(*reversed(parts))), lacking


def _metadata(sweeps: Sequence[SweepResults]) -> Metadata:
    """Return what is known of the test images without the stores."""
    known = [table for table, _ in (sweep.metadata for sweep in sweeps) if table is not None]
    lacking = next((sweep.metadata[1] for sweep in sweeps if sweep.metadata[1]), "")
    whole = pd.concat(known).fillna("") if known else None
    return None if whole is None else whole[~whole.index.duplicated()], lacking


def _jobs(sweeps: Sequence[SweepResults], arms: Mapping[Unit, Arm]) -> tuple[JobResults, ...]:
    """Return the jobs of all sweeps with their arm in the whole; of an arm and repeat the first that is done."""
    kept: dict[object, JobResults] = {}
    for number, sweep in enumerate(sweeps):
        for job in sweep.jobs:
            arm = arms[number, job.arm]
            repeats = {axis: value for axis, value in job.record["axes"].items() if axis in NOT_AN_ARM}
            own = replace(job, record={**job.record, "arm": arm.name, "axes": {**arm.axes, **repeats}})
            place = (arm.name, job.repeat) if job.repeat else (number, job.number)
            earlier = kept.setdefault(place, own)
            if earlier.record["status"] != "done" and own.record["status"] == "done":
                kept[place] = own
    order = list(dict.fromkeys(arm.name for arm in arms.values()))
    together = sorted(kept.values(), key=lambda job: order.index(job.arm))
    return tuple(replace(job, number=number) for number, job in enumerate(together))


def _not_in_all(sweeps: Sequence[SweepResults]) -> list[str]:
    """Return the macro test metrics that a sweep with done jobs lacks."""
    tested = [set(macro_metrics(sweep.table.dropna(axis=1, how="all"))) for sweep in sweeps if sweep.done]
    counts = Counter(metric for metrics in tested for metric in metrics)
    return sorted(metric for metric, count in counts.items() if count < len(tested))


def _axes(sweeps: Sequence[SweepResults], jobs: Sequence[JobResults]) -> tuple[str, ...]:
    """Return the axes of the whole: those of its arms, and seed and fold where they have several values."""
    swept = [axis for sweep in sweeps for axis in sweep.axes]
    seeds, folds = {job.record["seed"] for job in jobs}, {job.record["fold"] for job in jobs}
    repeats = [axis for axis, values in ((SEED, seeds), (FOLD, folds)) if len(values) > 1]
    own = [axis for job in jobs for axis in job.record["axes"] if axis not in NOT_AN_ARM]
    return tuple(dict.fromkeys([*own, *(axis for axis in swept if axis in NOT_AN_ARM), *repeats]))


def _about(sweeps: Sequence[SweepResults]) -> dict[str, str]:
    """Return what the experiments are about, together; their primary metric only if all name the same beforehand.

    Of several sweeps of an experiment the last one has the word.
    """
    abouts = [*{sweep.experiment: sweep.about for sweep in sweeps if sweep.about}.values()]
    if not abouts:
        return {}
    texts = {}
    for key in abouts[0]:
        sentences = " " if key in ("question", "expectation") else "; "
        texts[key] = sentences.join(dict.fromkeys(about[key] for about in abouts if key in about))
    if len({sweep.about.get("primary_metric") for sweep in sweeps}) > 1:
        texts.pop("primary_metric", None)
    return texts


def default_name(sweeps: Sequence[SweepResults], whole: bool) -> str:
    """Return the name of several sweeps together: their experiments, and the keys of the runs unless they are whole."""
    names = "+".join(dict.fromkeys(sweep.experiment for sweep in sweeps))
    if whole:
        return names
    keys = [str(job.record.get("key", job.number)) for sweep in sweeps for job in sweep.jobs]
    shown, more = "-".join(key[:6] for key in keys[:4]), len(keys) - 4
    return f"{names}-{shown}" + (f"-and-{more}-more" if more > 0 else "")
