"""Fixtures of the report tests: what an experiment is about, scores of single images, and a browser."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dermoscopy.runs.files import SWEEP

CHROMIUM = Path("/usr/bin/chromium")
ABOUT = {
    "question": "Do masks help, given as input?",
    "command": "python train.py +experiment=zeroing -m",
    "cost": "20 min | 2 cores",
    "expectation": "No.",
    "primary_metric": "test/none/average_precision",
}


@pytest.fixture
def with_about() -> Callable[..., Path]:
    """Return a function that lets a sweep on disk say what its experiment is about."""

    def change(sweep: Path, **changes: str) -> Path:
        record = json.loads((sweep / SWEEP).read_text())
        (sweep / SWEEP).write_text(json.dumps(record | {"about": ABOUT | changes}))
        return sweep

    return change


def scores_of(**arms: dict[str, list[float]]) -> pd.DataFrame:
    """Return a table of scores by arm and image, one per seed."""
    rows = [
        (arm, image, seed, value)
        for arm, images in arms.items()
        for image, values in images.items()
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["arm", "id", "seed", "value"])


@pytest.fixture
def make_scores() -> Callable[..., pd.DataFrame]:
    """Return a factory of scores of single images, see `scores_of`."""
    return scores_of


@pytest.fixture
def browse() -> Iterator[Callable[..., Any]]:
    """Opens a file in a headless Chromium; fails on console messages, errors, and requests that leave the page."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
    if not CHROMIUM.is_file():
        pytest.skip(f"no {CHROMIUM}")
    trouble: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])

        def open_page(file: Path, width: int = 1000, scheme: str = "light", awaited: str = "body") -> Any:
            size = {"width": width, "height": 900}
            page = browser.new_page(viewport=size, color_scheme=scheme, reduced_motion="reduce")  # scrolls at once
            page.on("console", lambda message: trouble.append(message.text))
            page.on("pageerror", lambda error: trouble.append(str(error)))
            page.on("request", lambda request: _leaves(request.url, file) and trouble.append(request.url))
            page.goto(file.as_uri())
            page.wait_for_selector(awaited)
            return page

        yield open_page
        browser.close()
    assert not trouble


def _leaves(url: str, file: Path) -> bool:
    return url != file.as_uri() and not url.startswith(("data:", "blob:"))
