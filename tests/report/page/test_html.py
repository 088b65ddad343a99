"""The page is one file that loads nothing, whatever its names are and whatever is missing."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pages import Structure, page_of

from dermoscopy.machine.messages import PURPOSE
from dermoscopy.report.page.section import Code, Section

HOSTILE = '<img src=x onerror=alert(1)>&"|😀{{7*7}}'
SECTION = Section("Facts", ["a", "b"], [["1", Code("x")]], "Text.", [("whom", "what")])
LARGEST = 2_000_000  # bytes of a page


def test_a_page_is_one_file_with_a_heading_and_described_charts(
    make_runs: Callable[..., Path], with_about: Callable[..., Path]
) -> None:
    page = page_of(with_about(make_runs()), sections=[SECTION], links=["table.csv"], alerts=["job 7 failed"])
    seen = Structure(page)
    assert seen.said("h1") == ["Do masks help, given as input?"]
    assert PURPOSE in seen.said("p")
    assert len(seen.all("svg")) >= 4
    for drawing in seen.all("svg"):
        assert drawing["role"] == "img"
    assert len(seen.said("title")) == 1 + len(seen.all("svg"))
    ids = [attributes["id"] for _, attributes in seen.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    parts = [(attributes.get("href") or "") for attributes in seen.all("a")]
    assert {part[1:] for part in parts if part.startswith("#")} <= set(ids)
    assert [part for part in parts if not part.startswith("#")] == ["table.csv"]
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", page)  # data: and #id are within the page
    assert "job 7 failed" in seen.said("p") and "Facts" in seen.said("summary") and "x" in seen.said("code")
    assert "whom" in seen.said("strong") and ": what" in "".join(seen.said("li"))
    assert "python train.py +experiment=zeroing -m" in seen.said("code")


def test_the_same_sweep_gives_the_same_bytes(make_runs: Callable[..., Path]) -> None:
    folder = make_runs(seeds=2)
    assert page_of(folder) == page_of(folder)


def test_names_of_any_characters_are_text(
    make_classified: Callable[..., Path], with_about: Callable[..., Path]
) -> None:
    folder = make_classified({"zeroing": [HOSTILE, "b\n$x$ `c` ${data.size}"], "seed": ["0", "1"]})
    page = page_of(
        with_about(folder, question=HOSTILE),
        sections=[Section(HOSTILE, [HOSTILE], [[HOSTILE]], HOSTILE, [(HOSTILE, Code(HOSTILE))])],
        command=HOSTILE,
        links=[HOSTILE],
    )
    seen = Structure(page)
    assert "<img" not in page and not seen.all("img")
    assert seen.said("h1") == [HOSTILE] and HOSTILE in seen.said("code") and HOSTILE in seen.said("summary")
    names = [text for name in ("th", "button") for text in seen.said(name)]
    assert any("{{7*7}}" in text for text in names) and any("b $x$ `c` ${data.size}" in text for text in names), names
    assert len(seen.all("script")) == 1


@pytest.mark.parametrize("kept", [[], [0]])
def test_a_sweep_without_results_says_what_is_missing(kept: list[int], make_runs: Callable[..., Path]) -> None:
    folder = make_runs()
    for number in set(range(9)) - set(kept):
        shutil.rmtree(folder / str(number), ignore_errors=True)
    for file in folder.glob("*/job.json"):
        file.write_text(json.dumps(json.loads(file.read_text()) | {"metrics": {}}))
    said = " ".join(Structure(page_of(folder)).said("p"))
    assert "nothing to compare" in said
    assert ("No job has a history" in said) == (not kept)


def test_one_arm_and_one_seed_have_a_page_without_columns_of_differences(make_classified: Callable[..., Path]) -> None:
    seen = Structure(page_of(make_classified({"seed": ["0"]})))
    heads = seen.said("button")
    assert "mean" in heads and "difference" not in heads
    assert "Score" in seen.said("h2") and "Differences" not in seen.said("h2")


def test_forty_arms_stay_small(make_sweep: Callable[..., Path]) -> None:
    folder = make_sweep({"zeroing": [f"arm {k}" for k in range(40)], "seed": ["0", "1"]}, ["done"] * 80)
    for number, file in enumerate(sorted(folder.glob("*/job.json"))):
        record = json.loads(file.read_text())
        file.write_text(json.dumps(record | {"metrics": {"test/none/average_precision": number % 7 / 10}}))
        rows = [(mode, epoch, epoch / (number + 1)) for mode in ("train", "val") for epoch in range(20)]
        table = pd.DataFrame(rows, columns=["mode", "epoch", "loss"]).assign(stage="masks", seconds=1.0)
        table.to_csv(Path(record["stages"][-1]["folder"]) / "history.csv", index=False)
    page = page_of(folder)
    assert len(page.encode()) < LARGEST / 2
    assert len([part for part in Structure(page).all("button") if part.get("data-arm")]) >= 40


# Lowest contrast of any visible text with what is behind it, by WCAG 2.
CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
    .map((v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, k) => sum + v * [.2126, .7152, .0722][k], 0);
  const behind = (part) => {
    for (; part; part = part.parentElement) {
      const colour = rgba(getComputedStyle(part).backgroundColor);
      if (colour[3] > 127) return colour;
    }
    return [255, 255, 255, 255];
  };
  let worst = [99, ""];
  for (const part of document.querySelectorAll("main *, header *, footer *")) {
    const own = [...part.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !part.checkVisibility() || part.matches("title, desc, .arrow")) continue;
    const style = getComputedStyle(part);
    const [one, other] = [light(rgba(part.ownerSVGElement ? style.fill : style.color)), light(behind(part))];
    const ratio = (Math.max(one, other) + .05) / (Math.min(one, other) + .05);
    if (ratio < worst[0]) worst = [ratio, part.textContent.trim().slice(0, 40)];
  }
  return worst;
}"""


@pytest.fixture
def page_file(make_classified: Callable[..., Path], tmp_path: Path) -> Path:
    """A page with all kinds of charts, and long names."""
    long = "a_name_without_any_space_" * 4
    axes = {
        "zeroing": ["image", long, "<b>third &amp; with spaces in its name"],
        "width": ["1", "2"],
        "seed": ["0", "1"],
    }
    file = tmp_path / "index.html"
    section = Section("Long", ["a", long], [["1", Code(long)]], long, [(long, Code(long))])
    file.write_text(page_of(make_classified(axes, ("none", "predicted", "given")), sections=[section], command=long))
    return file


@pytest.mark.services
@pytest.mark.parametrize("width", [400, 1000, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_fits_and_is_readable(page_file: Path, browse: Callable[..., Any], width: int, scheme: str) -> None:
    page = browse(page_file, width, scheme)
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ratio, text = page.evaluate(CONTRAST)
    assert ratio >= 4.5, text
    page.click("#theme")
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    assert page.evaluate(CONTRAST)[0] >= 4.5


@pytest.mark.services
def test_a_page_is_used_by_keyboard_and_pointer(page_file: Path, browse: Callable[..., Any]) -> None:
    page = browse(page_file)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    means = "[...document.querySelectorAll('.sortable tbody tr')].map((row) => Number(row.cells[3].dataset.value))"
    page.focus(".sortable th:nth-child(4) button")
    for order in ("descending", "ascending"):
        page.keyboard.press("Enter")
        assert page.get_attribute(".sortable th:nth-child(4)", "aria-sort") == order
        found = page.evaluate(means)
        assert len(found) == 6 and found == sorted(found, reverse=order == "descending")
    page.locator("#forest [data-tip]").first.hover(force=True)
    assert page.text_content("#tip") == page.get_attribute("#forest [data-tip] >> nth=0", "data-tip")
    page.keyboard.press("Escape")
    assert page.is_hidden("#tip")
    page.focus("#forest svg")
    tips = page.eval_on_selector_all("#forest [data-tip]", "all => all.map((part) => part.dataset.tip)")
    for key, place in (("ArrowRight", 0), ("ArrowRight", 1), ("ArrowLeft", 0), ("ArrowLeft", -1)):
        page.keyboard.press(key)
        assert page.is_visible("#tip") and page.text_content("#tip") == tips[place]
    page.keyboard.press("Tab")
    assert page.is_hidden("#tip")
    page.focus("#conditions .key li:nth-child(2) button")
    assert page.locator("#conditions svg.picked .picked").count() > 0
    assert page.locator("#interaction table:visible").count() == 1
    page.focus("#details summary")
    page.keyboard.press("Enter")
    assert page.is_visible("#details .text")


@pytest.mark.services
def test_on_paper_everything_is_open_and_light(page_file: Path, browse: Callable[..., Any]) -> None:
    page = browse(page_file, scheme="dark")
    assert page.is_hidden("#details .text")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("document.querySelector('#details .text').getBoundingClientRect().height") > 0
    ratio, text = page.evaluate(CONTRAST)
    assert ratio >= 4.5, text
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf().startswith(b"%PDF")
