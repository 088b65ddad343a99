"""A chart within a page: no colour, font, id or address of its own, whatever its names are."""

import re
from xml.etree import ElementTree

from dermoscopy.plots.style import COLOURS, INK
from dermoscopy.report.figures.vector import Chart, capital, css_colour, drawn_names, page_axes, printable, svg

HOSTILE = '<script>alert("&")</script> | ${x} 😀\x01\n$\\frac{1}'


def chart(name: str = "one", title: str = "Title") -> Chart:
    figure, (axes,) = page_axes(2.0)
    axes.plot([0, 1, 2], [1, 2, 3], "o-", color=COLOURS[1], gid="arm-1.line")
    axes.fill_between([0, 1, 2], [0, 1, 2], [2, 3, 4], color=COLOURS[1], alpha=0.1, gid="arm-1.band")
    axes.plot(0, 0, "s", color=INK, gid="row-0")
    axes.set_xlabel(printable(HOSTILE), parse_math=False)
    tips = {"arm-1.line": ["a", "b", HOSTILE], "row-0": ["whole"]}
    return Chart(name, title, "Text", figure, ["arm"], [["x"]], tips)


def test_a_chart_takes_colours_and_fonts_from_the_page_and_has_no_address() -> None:
    text = svg(chart())
    assert "var(--arm-1)" in text
    assert not re.search(r"#[0-9a-f]{6}\b|font-family|http|<style|<metadata", text)
    root = ElementTree.fromstring(text)
    assert root.tag == "svg" and root.attrib["role"] == "img" and "width" not in root.attrib
    assert [root.findtext("title"), root.findtext("desc")] == ["Title", "Text"]


def test_markers_and_whole_artists_have_their_tips_and_parts_their_arm() -> None:
    root = ElementTree.fromstring(svg(chart()))
    tips = [part.attrib["data-tip"] for part in root.iter() if "data-tip" in part.attrib]
    assert tips == ["a", "b", printable(HOSTILE), "whole"]
    arms = [(part.attrib["data-arm"], part.attrib.get("class")) for part in root.iter("g") if "data-arm" in part.attrib]
    assert sorted(arms, key=str) == [("arm-1", "band"), ("arm-1", None)]


def test_ids_of_two_charts_differ_and_every_reference_has_its_target() -> None:
    ids: list[str] = []
    for name in ("one", "two"):
        root = ElementTree.fromstring(svg(chart(name)))
        own = [part.attrib["id"] for part in root.iter() if "id" in part.attrib]
        used = re.findall(r'(?:url\(#|href="#)([^)"]+)', ElementTree.tostring(root, "unicode"))
        assert used and set(used) <= set(own)
        ids += own
    assert len(ids) == len(set(ids))


def test_the_same_chart_is_the_same_text() -> None:
    assert svg(chart()) == svg(chart())


def test_hostile_names_are_shown_as_they_are() -> None:
    root = ElementTree.fromstring(svg(chart(title=HOSTILE)))
    assert root.findtext("title") == printable(HOSTILE)
    assert printable(HOSTILE) in [text.text for text in root.iter("text")]


def test_names_are_one_line_of_printable_characters_and_cut_only_in_figures() -> None:
    assert printable("a\n\tb\x00\ud800") == "a b\ufffd\ufffd"
    long = "x" * 40 + "y" * 40
    assert drawn_names([f"a={long}"])[f"a={long}"] == f"{'x' * 30} … {'y' * 30}"
    assert capital("iOS of F1") == "IOS of F1" and capital("") == ""
    assert css_colour(COLOURS[0].lower()) == "var(--arm-0)" and css_colour("#123456") == "#123456"
