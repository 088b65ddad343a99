"""The gallery is one file of chosen images, the same for the same input, and shows what the runs predicted."""

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import ROOT

from dermoscopy.masks.predicted import read_masks
from dermoscopy.report.gallery import gallery
from dermoscopy.report.gallery.gallery import check_gallery, write_gallery
from dermoscopy.report.gallery.runs import shown_runs
from dermoscopy.report.results.findings import Findings
from dermoscopy.runs.tables import SweepResults

Make = Callable[..., tuple[SweepResults, Findings]]
TILE = "article figure"
TWO = {"network": ["small", "large"], "seed": ["0"]}
HOSTILE = "</script><img src=x onerror=alert(1)> \"&' ${a}\n😀"


def data_of(page: str) -> dict[str, Any]:
    (text,) = re.findall(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL)
    data: dict[str, Any] = json.loads(text)
    return data


def test_all_images_are_shown_if_they_are_few_and_the_page_is_the_same_each_time(
    segmented: Make, tmp_path: Path
) -> None:
    found = segmented(TWO)
    page = write_gallery(*found, tmp_path).read_text()
    assert "All 40 test images of the sweep are shown." in page
    images = data_of(page)["images"]
    assert len(images) == 40 and not any(image["chosen"] for image in images)
    assert write_gallery(*found, tmp_path / "again").read_text() == page
    assert not re.search(r'(src|href)="?(https?:)?//', page)


def test_a_selection_says_what_it_is_and_what_is_left_out(segmented: Make, tmp_path: Path) -> None:
    page = write_gallery(*segmented(TWO), tmp_path, images=12).read_text()
    data = data_of(page)
    shown = {name: [image["id"] for image in data["images"] if name in image["chosen"]] for name in data["reasons"]}
    places = {len(ids) for ids in shown.values()}
    assert len(places) == 1 and 10 <= len(data["images"]) <= 12
    (number,) = places
    assert f"{len(data['images'])} of 40 test images are shown: the {number} on which arms disagree most" in page
    assert f"{40 - len(data['images'])} images are left out." in page
    loss = sorted(data["images"], key=lambda image: -image["scores"]["masks loss"])
    assert {image["id"] for image in loss[:number]} == set(shown["loss"])


def test_a_gallery_that_becomes_too_large_shows_fewer_images_and_says_so(
    segmented: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = segmented(TWO)
    monkeypatch.setattr(gallery, "LARGEST", 60_000)
    page = write_gallery(*found, tmp_path).read_text()
    assert 0 < len(data_of(page)["images"]) < 40 and "larger than 0 MB" in page
    assert len(data_of(write_gallery(*found, tmp_path, images=40).read_text())["images"]) == 40


def test_names_of_any_characters_stay_text(classified: Make, tmp_path: Path) -> None:
    sweep, findings = classified({"zeroing": ["a", "b"], "seed": ["0"]}, labels=[HOSTILE, "streaks"], suffix=HOSTILE)
    page = write_gallery(sweep, findings, tmp_path).read_text()
    assert "<img src=x" not in page and page.count("<script") == 5
    data = data_of(page)
    assert data["labels"][0] == HOSTILE and any(HOSTILE in arm["full"] for arm in data["arms"])


def test_a_sweep_that_was_not_tested_has_no_gallery(segmented: Make, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no job of encoders has a test metric: leave out gallery="):
        write_gallery(segmented(TWO)[0], None, tmp_path)


@pytest.mark.parametrize("value", [0, 1, 2, -1, 1.5, "many", None])
def test_a_value_that_is_no_number_of_images_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"gallery .* got"):
        check_gallery(value)


@pytest.mark.services
def test_a_wheel_holds_the_files_of_the_page(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "uv", "build", "--wheel", "--offline", "-o", tmp_path, ROOT],
        check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    names = {Path(name).name for name in zipfile.ZipFile(wheel).namelist() if "report/gallery" in name}
    assert {"gallery.html", "gallery.css", "gallery.js", "masks.js", "tiles.js"} <= names


def dice_of(page: Any) -> dict[str, float]:
    """Return the Dice of the first shown arm by image, after all canvases have been drawn."""
    script = """() => Object.fromEntries([...document.querySelectorAll("article")]
        .map((own) => [own.querySelector("h2")?.textContent, own.querySelector("[data-dice]")?.dataset.dice])
        .filter(([id, dice]) => dice !== undefined).map(([id, dice]) => [id, Number(dice)]))"""
    found: dict[str, float] = page.evaluate(script)
    return found


def recorded(sweep: SweepResults, mask: str) -> dict[str, float]:
    table = sweep.done[0].last.predictions
    assert table is not None
    rows = table[(table["mask"] == mask) & (table["size"] == "store")]
    return dict(zip(rows["id"], rows["dice"], strict=True))


@pytest.mark.services
@pytest.mark.parametrize("exclusive", [False, True])
def test_masks_in_a_browser(segmented: Make, tmp_path: Path, browse: Callable[..., Any], exclusive: bool) -> None:
    sweep, findings = segmented(TWO, exclusive=exclusive)
    page = browse(write_gallery(sweep, findings, tmp_path), awaited=TILE)
    page.wait_for_selector("[data-dice]")
    for mask in ("lesion", "streaks"):
        page.select_option("#mask", label=mask)
        page.wait_for_timeout(300)
        shown, expected = dice_of(page), recorded(sweep, mask)
        assert shown and shown == pytest.approx({id: expected[id] for id in shown}, nan_ok=True, abs=1e-12)
    assert page.is_visible("#threshold") != exclusive
    if exclusive:
        return
    page.select_option("#mask", label="lesion")
    page.wait_for_timeout(300)
    before, pixels = dice_of(page), "document.querySelector('[data-dice]').toDataURL()"
    drawn = page.evaluate(pixels)
    page.focus("#threshold")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    assert page.inner_text("#at") == ".70" and page.evaluate(pixels) != drawn
    id, job = next(id for id, dice in before.items() if 0 < dice < 1), sweep.done[0]
    probability = read_masks(job.last.folder / "masks.h5").of([id])[0, ..., 0]
    truth = shown_runs(sweep)[0][0].truth(id)[..., 0]
    predicted, present = (probability > 255 * 0.7) & (truth != 255), truth == 1
    expected_dice = 2 * np.sum(predicted & present) / (predicted.sum() + present.sum())
    assert dice_of(page)[id] == pytest.approx(expected_dice) and dice_of(page)[id] != before[id]
    for view in ("outlines", "probability"):
        drawn = page.evaluate(pixels)
        page.select_option("#view", view)
        assert page.evaluate(pixels) != drawn
    assert page.get_attribute("[data-dice]", "aria-label").startswith("probability of lesion by small")


@pytest.mark.services
def test_order_filters_and_keyboard_in_a_browser(classified: Make, tmp_path: Path, browse: Callable[..., Any]) -> None:
    arms = {"zeroing": ["everything", "b", "c"], "seed": ["0"]}
    file = write_gallery(*classified(arms, labels=["malignant", HOSTILE], suffix=HOSTILE), tmp_path)
    data, page = data_of(file.read_text()), browse(file, awaited=TILE)

    def shown() -> list[str]:
        labels = page.eval_on_selector_all("article:not([hidden])", "all => all.map((own) => own.ariaLabel)")
        return [label.removeprefix("image ") for label in labels]

    def by_score(name: str) -> list[str]:
        images = sorted(data["images"], key=lambda image: (-image["scores"][f"labels {name}"], image["id"]))
        return [image["id"] for image in images]

    assert shown() == by_score("disagreement") != by_score("loss")
    page.select_option("#sort", label="loss")
    assert shown() == by_score("loss")
    page.select_option("#sort", "id")
    assert shown() == sorted(by_score("loss"))

    page.select_option("#truth", label="malignant: yes")
    positive = [image["id"] for image in data["images"] if image["facts"][0] == 1]
    assert shown() == sorted(positive) and page.inner_text("#count") == f"{len(positive)} of 12 images"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("/")
    page.keyboard.type(positive[0].lower())
    assert shown() == [positive[0]]
    page.fill("#text", "no such image")
    assert shown() == [] and page.is_visible("#none")
    page.click("#clear")
    assert len(shown()) == 12

    page.evaluate("document.activeElement.blur()")
    first, second = shown()[:2]
    focused = "document.activeElement.ariaLabel"
    page.keyboard.press("ArrowRight")
    assert page.evaluate(focused) == f"image {first}"
    page.keyboard.press("ArrowRight")
    assert page.evaluate(focused) == f"image {second}"
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(focused) == f"image {first}"

    page.click("#arms summary")
    page.uncheck("#arms input >> nth=0")
    page.wait_for_timeout(300)
    assert page.locator("article").first.locator("figure").count() == 4  # input, truth, two arms
    page.select_option("#condition", "given")
    page.wait_for_timeout(300)
    assert page.locator("article").first.locator("li .bar").count() == 4
    assert page.locator("img[alt='']").count() == 0 and page.locator("img:not([alt])").count() == 0


@pytest.mark.services
@pytest.mark.parametrize("width", [400, 1600])
def test_a_page_is_no_wider_than_the_window(
    segmented: Make, tmp_path: Path, browse: Callable[..., Any], width: int
) -> None:
    page = browse(write_gallery(*segmented(TWO), tmp_path), width, awaited=TILE)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
