"""Whether sweeps may be compared: the same data, labels or masks, test images and conditions."""

import itertools
from collections.abc import Sequence

from dermoscopy.report.results.arms import is_test_metric, macro_metrics
from dermoscopy.runs.tables import JobResults, SweepResults

Tested = dict[str, tuple[str | None, int | None]]  # by repeat: hash of the ids of the test images, and their number
SHOWN = 3  # most repeats or names that a message lists


def title(sweep: SweepResults, among: Sequence[SweepResults]) -> str:
    """Return the name of a sweep among others: its experiment, and its folder where that is not enough."""
    alone = sum(other.experiment == sweep.experiment for other in among) == 1
    return sweep.experiment if alone else f"{sweep.experiment} {sweep.folder.name}"


def disagreements(sweeps: Sequence[SweepResults], jobs: Sequence[JobResults]) -> tuple[list[str], list[str]]:
    """Return in what sweeps differ so that they must not be compared, and what is not recorded of them, in words.

    Sweeps without a done job have nothing to compare yet.

    Args:
        sweeps: as they were trained.
        jobs: of all of them, with their arms in the whole.
    """
    done = [sweep for sweep in sweeps if sweep.done]
    if len(done) < 2:
        return [], []
    names = [title(sweep, sweeps) for sweep in done]
    data = [_data(sweep) for sweep in done]
    targets = [_targets(sweep) for sweep in done]
    texts = [_differing("data", names, data), _differing("labels or masks", names, targets)]
    tested = [_tested(sweep) for sweep in done]
    texts += [_other_images(names, tested), _unpaired(jobs), _conditions(names, done)]
    unnamed = [name for name, images in zip(names, tested, strict=True) if not all(ids for ids, _ in images.values())]
    unknown = [f"Which images were tested is not recorded for {_listed(unnamed)}: only their number was compared."]
    return [text for text in texts if text], unknown if unnamed else []


def _differing(what: str, names: Sequence[str], values: Sequence[str]) -> str:
    """Write the values of the sweeps if they differ, "" if not."""
    if len(set(values)) == 1:
        return ""
    of = {value: [name for name, own in zip(names, values, strict=True) if own == value] for value in values}
    return f"{what}: {'; '.join(f'{value} in {_listed(own)}' for value, own in of.items())}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _data(sweep: SweepResults) -> str:
    stores = {(job.record["data"]["name"], job.record["data"]["fingerprint"][:12]) for job in sweep.done}
    return ", ".join(f"{name} (fingerprint {fingerprint})" for name, fingerprint in sorted(stores))


def _targets(sweep: SweepResults) -> str:
    """Return the labels or masks that are scored one by one; a single one has no scores of its own."""
    single = [name.split("/", 3) for name in sweep.table.columns if is_test_metric(name) and name.count("/") > 2]
    return ", ".join(sorted({parts[3] for parts in single})) or "a single one"


def _tested(sweep: SweepResults) -> Tested:
    return {str(job.repeat): (job.last.test_images, job.record["data"].get("test")) for job in sweep.done}


def _other_images(names: Sequence[str], tested: Sequence[Tested]) -> str:
    """Write which repeats have other test images than in the first sweep that has them; "" if none has."""
    first: dict[str, tuple[str, str | None, int | None]] = {}
    other: dict[str, list[str]] = {}
    for name, images in zip(names, tested, strict=True):
        for repeat, (ids, number) in images.items():
            earlier, known, count = first.setdefault(repeat, (name, ids, number))
            if ids != known if ids and known else number != count:
                other.setdefault(f"{earlier} and {name}", []).append(repeat)
    pairs = [f"{pair} have others ({_listed(repeats)})" for pair, repeats in other.items()]
    return f"test images: {'; '.join(pairs)}" if pairs else ""


def _unpaired(jobs: Sequence[JobResults]) -> str:
    """Write which two arms have no done repeat in common, so that nothing can be compared; "" if all have."""
    repeats: dict[str, set[str]] = {}
    for job in jobs:
        if job.record["status"] == "done":
            repeats.setdefault(job.arm, set()).add(str(job.repeat))
    for (one, own), (other, others) in itertools.combinations(repeats.items(), 2):
        if not own & others:
            return f"test images: {one} has {_listed(sorted(own))}, {other} has {_listed(sorted(others))}"
    return ""


def _conditions(names: Sequence[str], sweeps: Sequence[SweepResults]) -> str:
    """Write in which conditions the sweeps were tested if they have no test metric in common."""
    metrics = [set(macro_metrics(sweep.table.dropna(axis=1, how="all"))) for sweep in sweeps]
    if set.intersection(*metrics):
        return ""
    own = [
        f"{name} has {_listed(sorted({metric.rsplit('/', 1)[0] for metric in tested})) or 'none'}"
        for name, tested in zip(names, metrics, strict=True)
    ]
    return f"mask conditions: no test metric is in all, {'; '.join(own)}"
