"""MLflow's user interface, in a real browser, opens the link of a sweep with its jobs grouped by arm."""

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from dermoscopy.tracking.job_run import JobRun, describe_run, finish_run
from dermoscopy.tracking.journal import Journal
from dermoscopy.tracking.sweep_run import Place, SweepRun, SweepSummary
from dermoscopy.tracking.ui import latest, link, serve

BROWSER = Path("/usr/bin/chromium")
ARMS = {"loss=bce": "bce", "loss=a|b <i>&": "a|b <i>&"}
SCORES = {"loss=bce": (0.1, 0.2), "loss=a|b <i>&": (0.6, 0.7)}
METRIC = "test/none/dice"

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(not BROWSER.is_file(), reason=f"{BROWSER} is not installed"),
    pytest.mark.skipif(find_spec("playwright") is None, reason="the Python package playwright is not installed"),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture
def runs(tmp_path, empty_database):
    """A folder with a tracked sweep of two arms and two seeds."""
    uri = f"sqlite:///{shutil.copy(empty_database, tmp_path / 'mlflow.db')}"
    folder, stage = tmp_path / "runs" / "lab" / "sweeps" / "2026-01-02_03-04-05", tmp_path / "stage"
    stage.mkdir()
    place = Place(uri, "lab", str(tmp_path / "artifacts"), {"project": "<b>x</b>"})
    folder.mkdir(parents=True)
    best = f"best/{METRIC.rpartition('/')[2]}"
    sweep = SweepRun(folder, place, ARMS, 4, SweepSummary("**Which loss?**", columns=[best], order=best))
    record = {"fold": None, "commit": "c", "dirty": False, "key": "k"}
    record |= {"data": {"name": "demo", "fingerprint": "f" * 64, "size": [64, 64]}}
    jobs = [(arm, seed) for arm in ARMS for seed in range(2)]
    for number, (arm, seed) in enumerate(jobs):
        journal = Journal(folder / str(number), uri, "lab", place.artifacts)
        facts = record | {"arm": arm, "seed": seed}
        run = JobRun({"loss": arm}, place.tags, "demo.h5")
        describe_run(journal, folder / str(number), facts, run, ARMS[arm], sweep.run_ids[arm])
        finish_run(journal, {METRIC: SCORES[arm][seed], best: 0.5}, stage, "5ha")
        journal.finalize("success")
    sweep.end("done", SweepSummary("**Which loss?**\n\nThe second.", columns=[best, METRIC], order=METRIC), [])
    return tmp_path / "runs"


def test_the_link_shows_the_jobs_of_the_sweep_grouped_by_arm_the_best_arm_first(runs):
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  (skipped where it is not installed)

    journal = latest(runs, "lab")
    uri = f"sqlite:///{runs.parent / 'mlflow.db'}"
    server, process = serve(uri)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=str(BROWSER), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1600, "height": 900})
            page.goto(link(server, uri, journal), wait_until="domcontentloaded", timeout=120_000)
            page.get_by_text("4 matching runs").wait_for(timeout=120_000)
            page.get_by_text("Group: bce").wait_for(timeout=120_000)
            text = page.inner_text("body")
            browser.close()
    finally:
        process.terminate()
        process.wait(60)
    assert text.index("Group: a|b <i>&") < text.index("Group: bce")
    assert re.search(r"0\.6(5|4999)", text)  # the mean of the better arm
    assert "a|b <i>&, seed 1" in text
    assert "GenAI" in text and "Training runs" not in text  # the part for model training is open
