"""Changes of state of jobs in other processes are printed on the console."""

from dermoscopy.machine.files import write_json
from dermoscopy.sweep.follow import follow


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
