"""Changes of state of jobs in other processes are printed on the console."""

import json

from dermoscopy.machine.files import write_json
from dermoscopy.sweep.follow import Changes, follow, progress


def test_each_change_of_state_of_jobs_in_other_processes_is_printed_once(tmp_path, capsys):
    job = {"arm": "zeroing=everything", "seed": 0, "fold": 2, "started": "t", "stages": []}
    write_json(tmp_path / "0" / "job.json", job | {"status": "done", "seconds": 1})  # before this start
    with follow(tmp_path, 3, seconds=0.01):
        write_json(tmp_path / "1" / "job.json", job | {"status": "done", "seconds": 12.3})
        write_json(tmp_path / "2" / "job.json", job | {"status": "failed", "error": "no such thing"})
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "2/3 zeroing=everything, seed 0, fold 2: done in 12 s",
        f"3/3 zeroing=everything, seed 0, fold 2: failed: no such thing ({tmp_path / '2' / 'error.txt'})",
    ]


def test_the_time_left_is_told_once_when_it_is_known_and_with_each_job_that_ends(make_sweep):
    axes = {"zeroing": ["everything", "nothing"], "seed": ["0", "1"]}
    folder = make_sweep(axes, ["running", "running", "missing", "missing"])
    changes = Changes(folder, 4, clock=lambda: 0.0)
    (first,) = changes.lines()
    assert first.startswith("0 of 4 jobs done; about 4 min for the 4 jobs left, until ")  # (2 x 70 + 2 x 150) / 2 s
    assert changes.lines() == []
    for number, last in ((0, False), (1, True)):
        job = json.loads((folder / str(number) / "job.json").read_text())
        write_json(folder / str(number) / "job.json", job | {"status": "failed", "error": "no such thing"})
        printed = changes.lines(last)
        assert printed[0].startswith(f"{number + 1}/4 zeroing=everything, seed {number}: failed: no such thing")
        assert [line.startswith("0 of 4 jobs done, 1 failed; about ") for line in printed[1:]] == (
            [] if last else [True]
        )
    assert changes.lines(last=True) == []


def test_the_jobs_done_are_counted_with_each_that_ends_even_if_little_time_is_left(tmp_path):
    job = {"arm": "a", "seed": 0, "fold": None, "started": "t", "stages": [], "status": "done", "seconds": 1}
    changes = Changes(tmp_path, 3)
    write_json(tmp_path / "2" / "job.json", job)
    assert progress(tmp_path, 3, "") == "1 of 3 jobs done"
    assert progress(tmp_path, 3, "soon") == "1 of 3 jobs done; soon"
    assert changes.lines() == ["3/3 a, seed 0: done in 1 s", "1 of 3 jobs done"]
