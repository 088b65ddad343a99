"""Figures as SVG within a page: colours and fonts of the page, tooltips, a title and a description.

Why matplotlib rather than a library for the browser: it is installed for the figures of a README, and one code
serves both; a chart is some kB instead of one to four MB of script (bokeh, vega, plotly), prints and is read without a
script, and takes the colours of the page from variables of its style sheet, which is all that the dark mode needs.
"""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from dermoscopy.plots.style import COLOURS, FAINT, GRID, INK
from dermoscopy.report.results.arms import short_names

WIDTH = 4.8  # inches: text of 9.5 points is read with ease where the page shows the chart 340 to 560 pixels wide
# Variables of the page's style sheet in place of the colours of figures; `--arm-0` ... are the colours of arms.
VARIABLES = {INK: "--ink", FAINT: "--faint", GRID: "--grid", "#ffffff": "--paper"}
VARIABLES |= {colour.lower(): f"--arm-{number}" for number, colour in enumerate(COLOURS)}
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")  # no part of XML
STYLE: dict[Any, Any] = {"svg.fonttype": "none", "savefig.transparent": True}
ATTRIBUTES = ("d", "x", "y", "width", "height", "transform", "points")
LONGEST_NAME = 60  # characters of a name within a figure; tooltips and tables have all of it
FEW = 3  # arms whose bands can be distinguished; those of more are fainter until one is pointed at
REFERENCE = re.compile(r"url\(#([^)]+)\)|^#(.+)$")


@dataclass(frozen=True)
class Chart:
    """A figure of a page, with everything that is read where it is not seen.

    Attributes:
        name: unique in the page, letters and dashes.
        title: one line above it.
        text: what is drawn and how to read it; also the description for screen readers.
        figure: it has no title of its own.
        head, rows: the same numbers as a table.
        tips: texts of the artists with a gid, one for each of its markers or one for the whole artist.
        arms: name and colour of each arm, for the key below; empty where the figure names them itself.
    """

    name: str
    title: str
    text: str
    figure: Figure
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    tips: Mapping[str, Sequence[str]] = field(default_factory=dict)
    arms: Sequence[tuple[str, str]] = ()

    @property
    def key(self) -> list[tuple[str, str]]:
        """Name of each arm and its colour as CSS, for the key below the chart."""
        return [(arm, css_colour(colour)) for arm, colour in self.arms]


def printable(text: object) -> str:
    """Return a name of any characters as one line of characters that XML allows."""
    return " ".join(CONTROL.sub("\ufffd", str(text)).split())


def capital(text: str) -> str:
    """Return a text with a capital as its first letter; the others stay as they are."""
    return text[:1].upper() + text[1:]


def shown_names(arms: Sequence[str]) -> dict[str, str]:
    """Return the display name of each arm, of characters that a page can hold."""
    return {arm: printable(name) for arm, name in short_names(list(arms)).items()}


def drawn_names(arms: Sequence[str]) -> dict[str, str]:
    """Return names for figures, long ones cut in their middle."""
    names, half = shown_names(arms), LONGEST_NAME // 2
    return {
        arm: name if len(name) <= LONGEST_NAME else f"{name[:half]} … {name[-half:]}" for arm, name in names.items()
    }


def page_axes(height: float = 3.0, columns: Sequence[float] = (1,)) -> tuple[Figure, list[Axes]]:
    """Return a figure of the width of a chart, and its panels with these relative widths, in a row.

    Args:
        height: in inches.
        columns: relative widths of the panels.
    """
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    FigureCanvasSVG(figure)
    return figure, list(figure.subplots(1, len(columns), sharey=True, squeeze=False, width_ratios=columns)[0])


def css_colour(colour: str) -> str:
    """Return a colour of a figure as the variable of the page that stands for it, or itself if there is none."""
    variable = VARIABLES.get(colour.lower())
    return f"var({variable})" if variable else colour


def svg(chart: Chart) -> str:
    """Return a chart as an SVG element for HTML: the same chart gives the same text.

    It has role img, a title and a description. An artist whose gid is in `chart.tips` becomes `<g data-tip="...">` or,
    with one text per marker, has them at its markers; one whose gid is `arm-3.line` also gets `data-arm="arm-3"`, by
    which the page's script finds the parts of one arm.
    """
    buffer = BytesIO()
    FigureCanvasSVG(chart.figure)
    with mpl.rc_context({**STYLE, "svg.hashsalt": chart.name}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # the browser has the fonts, we only lay out
        chart.figure.savefig(buffer, format="svg", metadata={"Date": None})
    root = ElementTree.fromstring(buffer.getvalue())
    for child in [*root.iter()]:
        child.tag = child.tag.rpartition("}")[2]
    for child in [part for part in root if part.tag == "metadata" or part.find("style") is not None]:
        root.remove(child)  # its style would apply to the whole page
    _plain_attributes(root)
    _shared_styles(root)
    _tips(root, chart.tips)
    _own_ids(root, chart.name)
    _accessible(root, chart)
    return ElementTree.tostring(root, encoding="unicode")


def _plain_attributes(root: ElementTree.Element) -> None:
    """Shorten numbers, take colours and fonts from the page, and drop namespaces, which HTML does not need."""
    for part in root.iter():
        for name in [*part.attrib]:
            value = part.attrib.pop(name)
            name = name.rpartition("}")[2]
            if name in ATTRIBUTES:
                value = re.sub(r"\d+\.\d+", lambda match: f"{float(match[0]):.1f}".rstrip("0").rstrip("."), value)
                value = re.sub(r"\s+", " ", re.sub(r"(?<=[A-Z])\s|\s*\n\s*(?=[A-Z])", "", value))
            if name == "style":
                value = re.sub(r"#[0-9a-f]{6}", lambda match: css_colour(match[0]), value)
                value = re.sub(r"font-family:[^;]*;?", "", value)
                value = re.sub(r"(?<![\w-])font:\s*(?:\d+ )?([\d.]+px)[^;]*", r"font-size: \1", value)
                value = re.sub(r"\s*([:;])\s*", r"\1", value)
            if not (name == "transform" and value.startswith("rotate(-0 ")):
                part.set(name, value)
        part.tail = None
        part.text = part.text if part.tag == "text" else None


def _shared_styles(root: ElementTree.Element) -> None:
    """Move the style of markers to their group where all of them have the same."""
    for group in root.iter("g"):
        styles = {part.attrib.get("style") for part in group}
        if len(group) > 1 and {part.tag for part in group} == {"use"} and len(styles) == 1:
            group.set("style", styles.pop() or "")
            for marker in group:
                marker.attrib.pop("style", None)


def _tips(root: ElementTree.Element, tips: Mapping[str, Sequence[str]]) -> None:
    for part in root.iter("g"):
        gid = part.get("id", "")
        if arm := re.match(r"(arm-\d+)\.", gid):
            part.set("data-arm", arm[1])
        if gid.endswith(".band"):
            part.set("class", "band")
        markers, texts = [*part.iter("use")], [printable(text) for text in tips.get(gid, ())]
        if len(texts) == len(markers) > 1:
            for marker, text in zip(markers, texts, strict=True):
                marker.set("data-tip", text)
        elif texts:
            part.set("data-tip", texts[0])


def _own_ids(root: ElementTree.Element, name: str) -> None:
    """Keep the ids that are referred to, preceded by the chart's name: ids are unique in a page."""
    used = {
        match[1] or match[2]
        for part in root.iter()
        for value in part.attrib.values()
        if (match := REFERENCE.search(value))
    }
    for part in root.iter():
        if (old := part.attrib.pop("id", None)) in used:
            part.set("id", f"{name}-{old}")
        for key in ("href", "clip-path"):
            if key in part.attrib:
                part.set(key, part.attrib[key].replace("#", f"#{name}-"))


def _accessible(root: ElementTree.Element, chart: Chart) -> None:
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    title, text = (
        ElementTree.Element("title", id=f"{chart.name}-title"),
        ElementTree.Element("desc", id=f"{chart.name}-text"),
    )
    title.text, text.text = printable(chart.title), printable(chart.text)
    root.insert(0, title)
    root.insert(1, text)
    if len(chart.arms) > FEW:
        root.set("data-many", "")
    root.attrib |= {"role": "img", "aria-labelledby": title.attrib["id"], "aria-describedby": text.attrib["id"]}
