"""The page of a sweep as one HTML file, which needs no server and loads nothing: `index.html`.

Its parts are in the template beside this file; the folded sections are those of the Markdown page.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from dermoscopy.machine.messages import PURPOSE
from dermoscopy.plots.style import COLOURS, FAINT
from dermoscopy.report.figures.vector import Chart, capital, printable, svg
from dermoscopy.report.page.charts import cost_charts, forest_chart, images_charts, scores_chart
from dermoscopy.report.page.curves import arm_palette, condition_charts, learning_charts
from dermoscopy.report.page.key_numbers import arm_rows, heat_cells, key_numbers
from dermoscopy.report.page.section import Code, Section
from dermoscopy.report.results.answer import Answer
from dermoscopy.report.results.findings import Findings
from dermoscopy.report.results.interactions import interactions
from dermoscopy.runs.tables import SweepResults

Part = dict[str, Any]  # what the template shows under one heading
GALLERY = "gallery.html"  # photographs, so it is not among the files of a page
NO_IMAGES = "There are no scores of single test images: no job that is done has a predictions.csv for this metric."
MANY_BOXES = 12  # arms
INTERACTION = "Mean score of each pair of settings: does the effect of one depend on the other?"


def html_page(
    sweep: SweepResults,
    findings: Findings | None,
    answer: Answer,
    sections: Sequence[Section] = (),
    command: str = "",
    links: Sequence[str] = (),
    alerts: Sequence[str] = (),
) -> str:
    """Return the page as HTML. The same input gives the same text.

    Args:
        sweep: the sweep of the page.
        findings: of the sweep, None while no job has a test metric.
        answer: of the sweep.
        sections: folded ones, below the charts.
        command: that writes the page; "": the shortest one for this sweep.
        links: names of the files beside the page.
        alerts: what must be known before the numbers: label leakage, jobs that are not done.
    """
    parts = _parts(sweep, findings, answer)
    if sections:
        parts.append(_part("details", "In detail", sections=sections))
    command = command or f"python report.py experiment={sweep.experiment}"
    commands = [{"what": "This sweep was run by", "text": sweep.command}]
    commands.append({"what": "This page is written by", "text": command})
    if findings is not None and " from=" not in command:  # a gallery needs the runs
        shown = f"Test images through all arms are shown by {GALLERY} beside it, which is written by"
        commands.append({"what": shown, "text": f"{command} gallery=true"})
    parts.append(_part("provenance", "Provenance", commands=commands, links=list(links)))
    return _template().render(
        name=sweep.experiment,
        question=sweep.about.get("question", sweep.experiment),
        answer=answer,
        alerts=alerts,
        facts=key_numbers(sweep, findings, answer),
        parts=parts,
        arms=arm_rows(findings, answer) if findings else [],
        compared=findings is not None and not findings.compared.empty,
        metric=findings.words() if findings else "",
        best_first="ascending" if findings and findings.lower_is_better else "descending",
        purpose=PURPOSE,
    )


@cache
def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("dermoscopy.report.page", "template"),
        autoescape=True,
        finalize=lambda value: value if hasattr(value, "__html__") else printable(value),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"svg": svg, "capital": capital}
    environment.tests["code"] = lambda value: isinstance(value, Code)
    return environment.get_template("page.html")


def _part(name: str, title: str, **content: Any) -> Part:
    """Return a part of the page, with what the template reads of every part."""
    empty: dict[str, Any] = {"text": "", "missing": "", "charts": [], "folded": [], "folded_title": "", "heats": []}
    empty |= {"sections": [], "commands": [], "links": []}
    return empty | {"id": name, "title": title} | content


def _parts(sweep: SweepResults, findings: Findings | None, answer: Answer) -> list[Part]:
    """Return the parts with charts; one with nothing to show says why or, where it does not apply, is left out."""
    if findings is None:
        arms = list(dict.fromkeys(job.arm for job in sweep.jobs))
        palette = {arm: COLOURS[number] if number < len(COLOURS) else FAINT for number, arm in enumerate(arms)}
        nothing = "No job has a test metric yet, so there is nothing to compare."
        return [_part("differences", "Differences", missing=nothing), _learning(sweep, None, palette)]
    palette, several = arm_palette(findings), len(findings.table) > 1
    forest, scores = forest_chart(findings, answer), scores_chart(findings)
    images, masks = images_charts(sweep, findings), condition_charts(findings, palette)
    cost = cost_charts(sweep, findings, palette)
    heats = [heat_cells(pair, findings) for pair in interactions(sweep, findings.table)]
    parts = [
        _part(
            "differences",
            "Differences" if several else "Score",
            charts=[chart for chart in (forest, scores) if chart],
            missing="" if forest else _no_difference(findings),
        ),
        _part("arms", "Arms", text=f"{capital(findings.words())} on the test images, over {findings.repeats}."),
        _learning(sweep, findings, palette),
        _images(images, len(findings.table)),
    ]
    if masks:
        parts.append(_part("masks", "Masks at test", charts=masks))
    if heats:
        parts.append(_part("interaction", "Interaction", heats=heats, text=INTERACTION))
    return parts + ([_part("cost", "Cost", charts=cost)] if cost else [])


def _no_difference(findings: Findings) -> str:
    if findings.table.isna().all(axis=None):
        return f"{capital(findings.words())} is undefined in every job that is done."
    if len(findings.table) == 1:
        return "One arm, and no trivial predictor for this metric: there is nothing to compare."
    return f"No {findings.repeats.removesuffix('s')} of two arms is done, so there is no difference yet."


def _images(charts: Sequence[Chart], arms: int) -> Part:
    """Return the part on single images; the long box plots of many arms are folded."""
    if arms > MANY_BOXES:
        return _part("images", "Single images", folded=charts, folded_title=f"Box plots of {arms} arms")
    return _part("images", "Single images", charts=charts, missing="" if charts else NO_IMAGES)


def _learning(sweep: SweepResults, findings: Findings | None, palette: Mapping[str, str]) -> Part:
    charts = learning_charts(sweep, findings, palette)
    lacking = "" if charts["val"] else "No job has a history of its epochs on disk."
    return _part(
        "learning",
        "Learning",
        charts=charts["val"],
        folded=charts["train"],
        folded_title="On the training images",
        missing=lacking,
    )
