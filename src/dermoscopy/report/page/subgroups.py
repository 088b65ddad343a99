"""The section of a page about subgroups of the test images, such as sex, age band and site."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from dermoscopy.metrics.subgroups import SMALLEST, subgroup_scores
from dermoscopy.report.page.section import Section
from dermoscopy.report.results.answer import best_arm
from dermoscopy.report.results.findings import Findings
from dermoscopy.report.results.metadata import image_metadata, subgroups_of
from dermoscopy.report.results.numbers import interval, number
from dermoscopy.report.results.test_images import gather
from dermoscopy.runs.tables import SweepResults

TABLE = "subgroups.csv"


def subgroup_table(sweep: SweepResults, findings: Findings) -> tuple[pd.DataFrame, str]:
    """Return the compared score of each subgroup for the reference and for the best arm, and what is missing.

    Returns:
        Columns arm and those of `subgroup_scores`; empty if the data have no metadata.
    """
    metadata, lacking = image_metadata(sweep)
    columns = subgroups_of(metadata)
    place, score = findings.metric.split("/", 2)[1:]
    images = gather(sweep, place) if columns else None
    if images is None or score not in images.scores:
        return pd.DataFrame(), lacking
    parts = []
    for arm in dict.fromkeys([findings.reference, best_arm(findings) or findings.reference]):
        tables = [table for (name, _), table in images.tables.items() if name == arm]
        if tables:
            parts.append(subgroup_scores(tables, columns, score).assign(arm=arm))
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return (table[["arm", *table.columns.drop("arm")]] if len(table) else table), lacking


def subgroups_section(table: pd.DataFrame, findings: Findings) -> Section:
    """Return the subgroups of the best arm, the worst of each column, and how they differ from the other images."""
    arm = best_arm(findings) or findings.reference
    own = table[table["arm"] == arm]
    rows, worst = [], []
    for column, part in own.groupby("column", sort=False):
        rows += [_row(row, f"{column}: {row['subgroup']}") for row in part.to_dict("records")]
        enough = part[part["images"] >= SMALLEST].dropna(subset="value").set_index("subgroup")["value"]
        if len(enough) > 1:
            name = str(enough.idxmax() if findings.lower_is_better else enough.idxmin())
            worst.append((str(column), f"worst in {name} ({number(float(enough[name]))})"))
    text = (
        f"{findings.words()} of {findings.names[arm]}, the mean over its {findings.repeats}; images are counted once. "
        "The difference is to all other images of which the column is known. Intervals are those over test images, for "
        "these trained networks, and are not corrected for the number of subgroups: of twenty differences one is "
        f"expected to exclude 0 by chance. Subgroups of fewer than {SMALLEST} images have no interval."
    )
    head = ["subgroup", "images", findings.words(), "95 % over test images", "difference to the others", "95 %"]
    return Section("Subgroups of the test images", head, rows, text, worst)


def _row(row: Mapping[Hashable, Any], name: str) -> list[str]:
    """Return the cells of a subgroup."""
    cells = [name, str(row["images"]), number(row["value"])]
    if row["images"] < SMALLEST:
        return [*cells, "too few images", "-", "-"]
    differs = number(row["difference"], "+.3f"), interval(row["difference_low"], row["difference_high"])
    return [*cells, interval(row["low"], row["high"]), *differs]
