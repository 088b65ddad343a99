"""The page is one file that loads nothing, whatever its names are and whatever is missing."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from pages import Structure, folded, page_of

from dermoscopy.machine.messages import PURPOSE
from dermoscopy.report.page.html import rendered

HOSTILE = '<img src=x onerror=alert(1)>&"|😀{{7*7}}'
LARGEST = 2_000_000  # bytes of a page


def test_a_page_is_one_file_with_a_heading_and_described_charts(
    make_runs: Callable[..., Path], with_about: Callable[..., Path]
) -> None:
    page = page_of(with_about(make_runs()), sections=[folded()], links=["table.csv"], alerts=["job 7 **failed**"])
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
    assert "failed" in seen.said("strong") and "Facts" in seen.said("summary") and "x" in seen.said("code")
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
        sections=[folded(HOSTILE, f"- {HOSTILE}\n")],
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


def test_markdown_is_shown_and_html_within_it_is_text() -> None:
    html = rendered(
        "a <script>b</script> [x](javascript:alert(1)) ![y](http://e.org/p.png)\n\n| h |\n|---|\n| \\*1 |\n"
    )
    assert "<script" not in html and "<img" not in html and 'href="javascript' not in html
    assert "<td>*1</td>" in html and 'role="region"' in html
