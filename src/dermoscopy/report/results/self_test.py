"""Simulations of a sweep with its own variances: how often the sentences of its page would be wrong or right."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from dermoscopy.metrics.repeats import Design, holm
from dermoscopy.metrics.statistics import Floats
from dermoscopy.report.results.comparisons import compare_spreads
from dermoscopy.report.results.conditions import with_validation_masks
from dermoscopy.report.results.findings import Findings, find
from dermoscopy.report.results.verdicts import equivalent, established
from dermoscopy.runs.tables import SweepResults

SWEEPS = 4000


@dataclass(frozen=True)
class SelfTest:
    """Rates over simulated sweeps.

    Attributes:
        findings: of the sweep whose variances were taken.
        sweeps: number of simulated sweeps.
        any_claim: share of sweeps without any difference whose page establishes one.
        comparisons: number of simulated comparisons: all of the page with at least two repeats, each once.
        arms: rates of each compared arm with at least two repeats: n, its repeats; false_alarm, established where the
            true difference is 0; power, established to be higher where it is `meaningful`; equivalent and
            false_equivalent, called equivalent where it is 0 and where it is `meaningful`, NaN if that is not known;
            coverage, 95 % intervals that contain the true difference, in a fixed split those over test images.
    """

    findings: Findings
    sweeps: int
    any_claim: float
    comparisons: int
    arms: pd.DataFrame

    def error(self, rate: float) -> float:
        """Return the standard error of a rate over the simulated sweeps."""
        return float(np.sqrt(rate * (1 - rate) / self.sweeps))


def simulate_page(
    sweep: SweepResults,
    reference: str | float | None = None,
    metric: str | None = None,
    meaningful: float | None = None,
) -> SelfTest:
    """Simulate the page of a sweep.

    Args:
        sweep: whose variances are taken.
        reference, metric, meaningful: of the page, see `findings.find`.

    Raises:
        ValueError: no such arm or metric; no arm can be compared with the reference over two repeats.
    """
    findings = find(with_validation_masks(sweep), reference, metric, meaningful)
    if findings is None:
        raise ValueError(f"self_test=true needs a sweep with test metrics, and no job of {sweep.folder.name} has one")
    if not (findings.compared["n"] > 1).any():
        shared = f"that shares two done {findings.repeats} with {findings.names[findings.reference]}"
        raise ValueError(f"self_test=true needs another arm {shared}: sweep {sweep.folder.name} has none")
    return simulate(findings)


def simulate(findings: Findings, sweeps: int = SWEEPS, seed: int = 0, overlap: float | None = None) -> SelfTest:
    """Simulate sweeps with the variances of one, and test them as its page does.

    The differences of an arm are normal. Over repeats they have its standard deviation s. With own splits and folds
    they also share a part of variance s^2 test_per_train: repeats are then correlated by the r that the correction
    assumes, r / (1 - r) = test_per_train, and s^2 estimates what they do not share. In a fixed split they share a part
    with the error over test images, whose estimate varies with its degrees of freedom. Arms compared with the same
    reference share half of every variance, the reference's part.

    Args:
        findings: of the sweep.
        sweeps: number of simulated sweeps.
        seed: of the draws.
        overlap: test images per training image of the simulated sweeps; None: those that the page corrects for.
    """
    design, meaningful = findings.basis.design, findings.basis.meaningful
    rows = pd.concat([table.assign(table=k) for k, table in enumerate(_tables(findings))], ignore_index=True)
    again = rows["p"].notna() & rows["p"].round(12).duplicated() & (rows["table"] > 0)  # one hypothesis in two tables
    rows = rows[(rows["n"] > 1) & ~again]
    rng = np.random.default_rng(seed)
    errors = _image_errors(rng, rows, sweeps)
    differences = _differences(rng, rows, sweeps, design, design.test_per_train if overlap is None else overlap)
    null = _tested(differences, errors, rows, design)
    claims = _by_sweep(established(null), sweeps)
    arms = findings.compared[findings.compared["n"] > 1]
    rates = pd.DataFrame({"n": arms["n"]}).assign(
        false_alarm=claims[:, : len(arms)].mean(0),
        coverage=_covered(null, sweeps, design).mean(0)[: len(arms)],
        **dict.fromkeys(("power", "equivalent", "false_equivalent"), np.nan),
    )
    if meaningful is not None:
        shifted = _tested(differences + meaningful, errors, rows, design)
        same = [_by_sweep(equivalent(table, findings.basis), sweeps).mean(0) for table in (null, shifted)]
        rates["power"] = _power(null, shifted, sweeps)[: len(arms)]
        rates["equivalent"], rates["false_equivalent"] = (share[: len(arms)] for share in same)
    return SelfTest(findings, sweeps, float(claims.any(1).mean()), claims.shape[1], rates)


def _tables(findings: Findings) -> list[pd.DataFrame]:
    """Return the tables of all sentences of the page, the differences to the reference first."""
    curves = findings.curves
    others = [table for place, table in curves.compared.items() if place != curves.place] if curves else []
    return [table for table in (findings.compared, findings.against_trivial, *others) if len(table)]


def _image_errors(rng: np.random.Generator, rows: pd.DataFrame, sweeps: int) -> Floats:
    """Return estimates of the standard errors over test images, (S, K), NaN where there are none."""
    error, freedom = rows["image_error"].to_numpy(float), rows["image_freedom"].to_numpy(float)
    squares = rng.chisquare(np.nan_to_num(freedom, nan=1.0), (sweeps, len(rows)))
    return np.asarray(error * np.sqrt(squares / freedom))


def _differences(rng: np.random.Generator, rows: pd.DataFrame, sweeps: int, design: Design, overlap: float) -> Floats:
    """Return differences over repeats whose true mean is 0, (S, K, n), NaN beyond the repeats of an arm."""
    sd, image_error, n, table = (rows[[name]].to_numpy(float) for name in ("sd", "image_error", "n", "table"))
    repeats, place = int(n.max()), table[:, 0].astype(int)

    def normal(number: int) -> Floats:
        of_arm, of_reference = rng.normal(size=(2, sweeps, len(rows), number))
        return np.asarray((of_arm + of_reference[:, place]) / np.sqrt(2))

    shared = np.nan_to_num(image_error) if design.fixed else np.sqrt(overlap) * sd
    differences = sd * normal(repeats) + shared * normal(1)
    return np.where(np.arange(repeats) < n, differences, np.nan)


def _tested(differences: Floats, errors: Floats, rows: pd.DataFrame, design: Design) -> pd.DataFrame:
    """Compare all rows of all sweeps as a page does, (S, K, n) to S x K rows, each sweep's p values as one family."""
    sweeps, comparisons, repeats = differences.shape
    stacked = pd.DataFrame(differences.reshape(-1, repeats))
    over = {
        "estimate": stacked.mean(axis=1),
        "error": errors.ravel(),
        "freedom": np.tile(rows["image_freedom"], sweeps),
    }
    table = compare_spreads(stacked, design, pd.DataFrame(over))
    p = _by_sweep(table["p"], sweeps)
    return table.assign(p_holm=holm(p).ravel(), family=np.repeat(np.isfinite(p).sum(1), comparisons))


def _power(null: pd.DataFrame, shifted: pd.DataFrame, sweeps: int) -> Floats:
    """Return per comparison how often it is established to be higher where it alone has a true difference, (K,)."""
    p, other = (_by_sweep(table["p"], sweeps) for table in (null, shifted))
    higher, rates = _by_sweep(shifted["difference"] > 0, sweeps), []
    for k in range(p.shape[1]):
        alone = np.where(np.arange(p.shape[1]) == k, other, p)
        claimed = established(pd.DataFrame({"p_holm": holm(alone)[:, k]}))
        rates.append(float((claimed & higher[:, k]).mean()))
    return np.array(rates)


def _covered(table: pd.DataFrame, sweeps: int, design: Design) -> Floats:
    """Return which intervals contain a true difference of 0, (S, K); NaN where there are none over test images."""
    low, high = (table[f"image_{end}" if design.fixed else end] for end in ("low", "high"))
    return _by_sweep(((low <= 0) & (high >= 0)).astype(float).where(low.notna()), sweeps)


def _by_sweep(values: ArrayLike, sweeps: int) -> NDArray[Any]:
    return np.asarray(values).reshape(sweeps, -1)
