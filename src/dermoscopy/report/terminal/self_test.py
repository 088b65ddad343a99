"""What the self test of a sweep prints: how often the sentences of its page would be wrong, within 80 columns."""

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dermoscopy.metrics.repeats import ALPHA
from dermoscopy.report.results.self_test import SelfTest
from dermoscopy.report.terminal.results import arm_names
from dermoscopy.runs.tables import SweepResults

LEAST_COVERAGE = 0.93  # of 95 % intervals
LIMIT = (
    "Assumed: variances are the sweep's own, differences are normal and, with own splits and folds, repeats are as "
    "correlated as the correction takes them to be; docs/statistics.md simulates what need not be so."
)


def print_self_test(sweep: SweepResults, result: SelfTest, console: Console | None = None) -> None:
    """Print the rates of each arm, those of the whole page, and what they mean."""
    console = console or Console()
    findings = result.findings
    design = findings.basis.design
    overlap = "" if design.fixed else f", {design.test_per_train:.2f} test images per training image"
    console.print(Text(f"{sweep.experiment}, sweep {sweep.folder.name}: {result.sweeps} simulated sweeps like it"))
    console.print(Text(f"{findings.words()}; repeats: {findings.repeats}; design: {design.kind}{overlap}"))
    console.print(_table(sweep, result))
    console.print(Text(_legend(result)))
    console.print(Text(_conclusion(result)))


def _table(sweep: SweepResults, result: SelfTest) -> Table:
    meaningful = result.findings.basis.meaningful
    table = Table(show_edge=False, pad_edge=False)
    table.add_column("arm", overflow="fold")
    size = "" if meaningful is None else f"{meaningful:g}"
    heads = ["false\nalarms", f"power\n{size}", "equiv.\nat 0", f"equiv.\nat {size}", "coverage"]
    columns = ["false_alarm", "power", "equivalent", "false_equivalent", "coverage"]
    for head in [result.findings.repeats, *heads]:
        table.add_column(head, justify="right", no_wrap=True)
    names = arm_names(sweep)
    for arm, row in result.arms.iterrows():
        uncertain = {name: _rate(result, row[name]) for name in ("false_alarm", "false_equivalent")}
        cells = [uncertain.get(name) or _share(row[name]) for name in columns]
        table.add_row(Text(names[str(arm)]), f"{row['n']:.0f}", *cells)
    return table


def _legend(result: SelfTest) -> str:
    meaningful = result.findings.basis.meaningful
    lines = [f"against {result.findings.names[result.findings.reference]}; ± one standard error of the simulation"]
    if result.findings.basis.design.fixed:
        lines.append("coverage: of 95 % intervals over test images")
    if meaningful is not None:
        lines.append(f"power: established where this arm alone is higher by {meaningful:g}")
        lines.append(
            f"equiv.: called equivalent within {meaningful:g}, at a true difference of 0 and of {meaningful:g}"
        )
    return "; ".join(lines)


def _conclusion(result: SelfTest) -> str:
    """Write whether the sentences keep their level within two standard errors of the simulation."""
    alarms = f"{_rate(result, result.any_claim)} of sweeps without any difference establish one"
    kept = f"in any of {result.comparisons} comparisons of the page (at most {ALPHA:g} wanted)"
    wrong = [name for name, bad in _broken(result).items() if bad]
    trusted = (
        f"These sentences cannot be trusted: {', '.join(wrong)}."
        if wrong
        else "Its sentences can be trusted as far as this goes."
    )
    return f"{alarms} {kept}. {trusted} {LIMIT}"


def _broken(result: SelfTest) -> dict[str, bool]:
    """Return what a page says, and whether it errs too often."""

    def above(rate: float) -> bool:
        return rate - 2 * result.error(rate) > ALPHA

    coverage = result.arms["coverage"].min()
    return {
        "differences": above(result.any_claim),
        "equivalence": above(result.arms["false_equivalent"].max()),
        "intervals": bool(coverage + 2 * result.error(coverage) < LEAST_COVERAGE),
    }


def _rate(result: SelfTest, rate: float) -> str:
    return "-" if np.isnan(rate) else f"{rate:.3f} ± {result.error(rate):.3f}"


def _share(rate: float) -> str:
    return "-" if np.isnan(rate) else f"{rate:.2f}"
