"""The report program writes a page or prints the status, and writes nothing else."""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import ROOT
from sweeps_on_disk import configure

from dermoscopy.report.gallery.runs import DRAWN_BY
from dermoscopy.runs.tables import load_sweep

MakeRuns = Callable[..., Path]
MakeSweep = Callable[..., Path]
AXES = {"zeroing": ["everything", "nothing"], "seed": ["0", "1"]}


def report(*overrides: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "error", str(ROOT / "report.py"), *overrides]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_report_program_writes_a_page_and_no_other_files(
    make_runs: MakeRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_runs()
    monkeypatch.chdir(tmp_path)
    paths = [f"runs={tmp_path / 'runs'}", f"experiments={tmp_path / 'experiments'}"]
    finished = report("experiment=zeroing", "reference=whole_50", paths[0])
    assert finished.returncode == 0, finished.stderr
    own = tmp_path / "runs" / "zeroing" / "report"
    assert "python report.py experiment=zeroing reference=whole_50" in (own / "README.md").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]
    published = report(f"from={own}", "publish=true", *paths)
    assert published.returncode == 0, published.stderr
    for name in ("index.html", "README.md", "jobs.csv", "images.csv"):
        assert (tmp_path / "experiments" / "zeroing" / name).read_bytes() == (own / name).read_bytes()
    refused = report(paths[0])
    assert refused.returncode == 1
    assert "error: experiment is missing: python report.py experiment=NAME" in refused.stderr.splitlines()[-1]
    assert "zeroing" in refused.stderr.splitlines()[-1]
    assert "Traceback" not in refused.stderr


def test_the_report_program_compares_runs_and_refuses_what_cannot_be_compared(
    make_runs: MakeRuns, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        make_runs(name)
    runs = f"runs={tmp_path / 'runs'}"
    file = tmp_path / "runs" / "two" / "sweeps" / "2026-03-01_10-00-00" / "3" / "job.json"
    file.write_text(file.read_text().replace("f" * 64, "e" * 64))
    keys = f"run=[{tmp_path / 'runs' / 'one' / 'everything0'},{file.parent}]"
    refused = report(keys, runs)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1), refused.stderr
    assert refused.stderr.startswith("error: not comparable: data: made_up (fingerprint ")
    compared = report(keys, runs, "compare=anyway", "name=both")
    assert compared.returncode == 0, compared.stderr
    page = (tmp_path / "runs" / "both" / "report" / "README.md").read_text()
    assert "> Compared in spite of differences: data: made_up" in page


def test_the_report_program_joins_earlier_pages_with_a_sweep_and_with_each_other(
    make_runs: MakeRuns, tmp_path: Path
) -> None:
    paths = [f"runs={tmp_path / 'runs'}", f"experiments={tmp_path / 'experiments'}"]
    make_runs(seeds=2)
    assert report("experiment=zeroing", "publish=true", *paths).returncode == 0
    published = tmp_path / "experiments" / "zeroing"
    shutil.rmtree(tmp_path / "runs")
    make_runs(stamp="2026-03-02_10-00-00")  # the same arms, seed 2 besides
    joined = report("experiment=zeroing", f"from={published}", "publish=true", *paths)
    assert joined.returncode == 0, joined.stderr
    text = (published / "README.md").read_text()
    assert "sweep zeroing 2026-03-01_10-00-00, zeroing 2026-03-02_10-00-00" in text
    assert f" from={published} " in text and "> Unfinished: jobs 9: " in text
    shutil.rmtree(tmp_path / "runs")
    other = shutil.copytree(published, tmp_path / "other")
    both = report(f"from=[{published},{other}]", "name=both", paths[0])
    assert both.returncode == 0, both.stderr
    own = tmp_path / "runs" / "both" / "report"
    assert (own / "images.csv").read_bytes() == (published / "images.csv").read_bytes()
    refused = report(f"from={published}", "experiment=zeroing", paths[0])
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1), refused.stderr
    assert refused.stderr.startswith("error: no sweep of experiment 'zeroing' in ")
    refused = report(f"from=[{published},{tmp_path}]", paths[0])
    assert refused.stderr.startswith(f"error: {tmp_path}/record.json is missing: no page was written to this folder")
    refused = report(f"from={published}", "compare=anyway", paths[0])
    assert refused.stderr == "error: compare=anyway has no effect on a single sweep: leave it out\n"
    assert report("from=[]", paths[0]).stderr.startswith("error: from=[] names no page: give from=DIR or ")
    refused = report("experiment=zeroing", "sweep=1", paths[0])  # the number of a sweep, no choice of a group
    assert refused.stderr.startswith("error: no sweep of experiment 'zeroing'")
    refused = report(f"from=[{published},{other}]", "gallery=true", paths[0])
    assert refused.stderr == "error: gallery has an effect only without from=DIR: leave it out\n"


def status(tmp_path: Path, *overrides: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "error", str(ROOT / "report.py"), "status=true", f"runs={tmp_path / 'runs'}"]
    return subprocess.run([*command, *overrides], capture_output=True, text=True, check=False, cwd=tmp_path)


def test_a_gallery_is_written_beside_the_page_and_published_only_if_it_shows_no_photograph(
    make_segmented: MakeRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = make_segmented({"network": ["small", "large"], "seed": ["0"]}, ["done"] * 2)
    monkeypatch.chdir(tmp_path)
    typed = ["experiment=encoders", "gallery=6", "publish=true"]
    finished = report(*typed)
    assert finished.returncode == 0, finished.stderr
    gallery = tmp_path / "runs" / "encoders" / "report" / "gallery.html"
    assert (
        str(gallery.relative_to(tmp_path)) in finished.stdout and "of 40 test images are shown" in gallery.read_text()
    )
    published = tmp_path / "experiments" / "encoders" / "gallery.html"
    assert not published.exists()
    for job in load_sweep(sweep).done:
        data = dict(job.last.configuration.content["data"]) | {"make": {"_target_": DRAWN_BY}}
        configure(job.last.folder, data=data)
    assert report(*typed).returncode == 0
    assert published.read_bytes() == gallery.read_bytes()
    assert gallery.name not in report("experiment=encoders").stdout and gallery.is_file()  # of the same jobs
    shutil.rmtree(sweep / "1")
    assert f"removed {gallery.relative_to(tmp_path)}" in report("experiment=encoders").stdout and not gallery.exists()


def test_the_report_program_prints_the_status_and_writes_nothing(make_sweep: MakeSweep, tmp_path: Path) -> None:
    empty = status(tmp_path)
    assert (empty.returncode, empty.stdout.count("\n")) == (0, 1), empty.stderr
    assert empty.stdout.startswith("no sweep in runs yet: ")
    make_sweep(AXES, ["done", "killed", "missing", "missing"])
    before = sorted(tmp_path.rglob("*"))
    one = status(tmp_path, "experiment=zeroing")
    assert one.returncode == 0, one.stderr
    assert one.stdout.startswith("zeroing, sweep runs/zeroing/sweeps/2026-03-01_10-00-00\n")
    assert "1 of 4 jobs done, 1 interrupted, 2 missing" in one.stdout
    assert sorted(tmp_path.rglob("*")) == before


def test_the_report_program_shows_what_can_be_deleted_and_the_command_that_deletes_it(
    make_sweep: MakeSweep, tmp_path: Path
) -> None:
    make_sweep(AXES, ["done"] * 4)
    stage = tmp_path / "runs" / "zeroing" / ("a" * 16)
    stage.mkdir()
    (stage / "best.ckpt").write_bytes(b"1" * 1500)
    options = [f"runs={tmp_path / 'runs'}", "older=30"]
    shown = report("prune=true", *options)
    assert shown.returncode == 0, shown.stderr
    assert "1.5 kB" in shown.stdout
    assert stage.is_dir()
    command = shlex.split(shown.stdout.splitlines()[-1].partition(": ")[2])
    assert command[:2] == ["python", "report.py"]
    deleted = report(*command[2:])
    assert (deleted.returncode, stage.exists()) == (0, False), deleted.stderr
    assert deleted.stdout.splitlines()[-1] == "deleted 1.5 kB"


def test_the_report_program_tests_a_page_by_simulation_and_writes_nothing(make_runs: MakeRuns, tmp_path: Path) -> None:
    make_runs()
    before = sorted(tmp_path.rglob("*"))
    runs = f"runs={tmp_path / 'runs'}"
    tested = report("experiment=zeroing", "self_test=true", "metric=test/none/f1", runs)
    assert tested.returncode == 0, tested.stderr
    assert tested.stdout.startswith("zeroing, sweep 2026-03-01_10-00-00: 4000 simulated sweeps like it\nF1 (none)")
    assert sorted(tmp_path.rglob("*")) == before
    refused = report("experiment=zeroing", "self_test=true", "prune=true", runs)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert refused.stderr.startswith("error: prune has an effect only without self_test=true")
