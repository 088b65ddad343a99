"""How jobs share machines: counted on machines that are made up, taken by processes that are real."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dermoscopy.machine import allocation as sharing


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Makes this machine look as if it had so many cores and GPUs; None: no driver."""

    def build(cores=8, gpus=0, visible=None):
        monkeypatch.setattr(sharing, "cores", lambda: cores)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        monkeypatch.setenv("PATH", str(tmp_path))
        if gpus is not None:
            program = tmp_path / "nvidia-smi"
            lines = "".join(f"echo 'GPU {n}: NVIDIA H200 (UUID: GPU-{n})'\n" for n in range(gpus))
            program.write_text(f"#!/bin/sh\ntest $1 = -L || exit 2\n{lines}echo '  MIG 1g.18gb Device 0:'\n")
            program.chmod(program.stat().st_mode | stat.S_IXUSR)

    return build


def test_the_module_and_the_count_of_gpus_leave_torch_alone():
    code = "import sys; from dermoscopy.machine import allocation; allocation.gpus(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("gpus", "visible", "names"),
    [
        (None, None, []),
        (0, None, []),
        (3, None, ["0", "1", "2"]),
        (4, "2,3", ["2", "3"]),
        (4, "1, GPU-ab,-1,0", ["1", "GPU-ab"]),
        (4, "", []),
        (4, "-1", []),
    ],
)
def test_the_visible_gpus_are_those_that_cuda_would_show(machine, gpus, visible, names):
    machine(gpus=gpus, visible=visible)
    assert sharing.visible_gpus() == names
    assert sharing.gpus() == len(names)


def test_a_driver_that_does_not_answer_is_no_gpu(machine, tmp_path):
    machine(gpus=2)
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho 'GPU 0: lost'\nexit 9\n")
    assert sharing.gpus() == 0


@pytest.mark.parametrize("threads", [None, 1, 2, 3, 8, 100])
@pytest.mark.parametrize("cores", [1, 2, 8, 64])
def test_without_a_gpu_the_cores_are_shared_out_and_never_taken_twice(machine, cores, threads):
    machine(cores=cores)
    jobs = sharing.processes(threads, 4, "auto")
    assert jobs >= 1
    assert jobs * (threads or 1) <= max(cores, threads or 1)
    assert (jobs + 1) * (threads or 1) > cores  # and none is left idle that could take a job


def test_with_gpus_each_takes_its_jobs_and_the_cores_go_round(machine):
    machine(cores=64, gpus=4)
    assert sharing.processes(None, 3, "auto") == 12
    assert sharing.processes(None, 3, "gpu") == 12
    assert sharing.processes(None, 3, "cpu") == 64
    assert sharing.threads_of_a_job(None, {"n_jobs": sharing.processes(None, 3, "auto")}) == 64 // 12


@pytest.mark.parametrize(
    ("accelerator", "jobs", "gpus", "part"),
    [
        ("auto", 1, 0, None),
        ("cpu", 1, 4, None),
        ("auto", 1, 4, 1),
        ("auto", 4, 1, 0.25),
        ("gpu", 2, 0, 0.5),  # asked for on a machine that has none
    ],
)
def test_the_part_of_a_gpu_that_a_job_asks_for(machine, accelerator, jobs, gpus, part):
    machine(gpus=gpus)
    assert sharing.gpus_a_job(jobs, accelerator) == part


def test_the_parts_of_a_gpu_hold_as_many_jobs_as_were_named(machine):
    for jobs in range(1, 100):
        units = 10_000 * sharing.gpus_a_job(jobs, "gpu")  # Ray counts in ten thousandths
        assert units == pytest.approx(round(units))
        assert 10_000 - jobs < round(units) * jobs <= 10_000


@pytest.mark.parametrize(
    ("launcher", "threads"),
    [
        ({"_target_": "…BasicLauncher"}, None),
        ({"n_jobs": 3}, 2),
        ({"n_jobs": 100}, 1),
        ({"n_jobs": -1}, 1),
        ({"n_jobs": -6}, 2),  # all cores but five: three jobs
        ({"n_jobs": -100}, 8),
        ({"ray": {"init": {}, "remote": {"num_cpus": 4}}}, 4),
        ({"ray": {"init": {}, "remote": {}}}, 1),
        ({"submitit_folder": "…", "cpus_per_task": 6}, 6),
        ({"submitit_folder": "…", "cpus_per_task": None}, 1),
    ],
)
def test_a_job_takes_the_threads_that_its_launcher_leaves_it_unless_they_are_named(machine, launcher, threads):
    machine(cores=8)
    assert sharing.threads_of_a_job(None, launcher) == threads
    assert sharing.threads_of_a_job(5, launcher) == 5


TAKE = """
import os, sys
from pathlib import Path
from dermoscopy.machine import allocation as sharing
name = sharing.take_gpu(Path(sys.argv[1]))
assert sharing.take_gpu(Path(sys.argv[1])) is None and sharing.visible_gpus() == [name]
print(name, flush=True)
sys.stdin.read()
"""


def test_a_process_takes_the_gpu_with_the_fewest_jobs_and_gives_it_back_even_if_killed(tmp_path):
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "2,GPU-ab"}

    def start() -> tuple[subprocess.Popen, str]:
        process = subprocess.Popen(
            [sys.executable, "-c", TAKE, str(tmp_path)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return process, process.stdout.readline().strip()

    running = [start() for _ in range(4)]
    assert [name for _, name in running] == ["2", "GPU-ab", "2", "GPU-ab"]
    running[1][0].kill()
    running[1][0].wait()
    running.append(start())
    assert running[-1][1] == "GPU-ab"
    for process, _ in running:
        process.communicate()


def test_a_process_that_sees_one_gpu_or_none_takes_none(monkeypatch, tmp_path):
    for visible in ("", "3"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert sharing.take_gpu(tmp_path) is None
        assert os.environ["CUDA_VISIBLE_DEVICES"] == visible
    assert not list(Path(tmp_path).iterdir())


def test_a_job_of_ray_works_in_the_folder_that_it_is_told(monkeypatch, tmp_path):
    monkeypatch.chdir("/")  # back to where the tests run, at the end
    monkeypatch.setenv("DERMOSCOPY_FOLDER", str(tmp_path))
    sharing.work_in_folder()
    assert Path.cwd() == tmp_path


@pytest.mark.parametrize(
    ("launcher", "trainer", "jobs_per_gpu", "message"),
    [
        ("joblib", {"devices": 2}, 1, "trainer.devices=2: a job trains on one device; .* hydra/launcher=joblib"),
        ("basic", {"devices": "auto"}, 1, "trainer.devices=auto"),
        ("ray", {"devices": 1, "num_nodes": 2}, 1, "trainer.num_nodes=2: .* hydra/launcher=ray"),
        ("joblib", {}, 0, "jobs_per_gpu must be a whole number of at least 1, got 0"),
        ("joblib", {}, 0.5, "jobs_per_gpu must be a whole number of at least 1, got 0.5"),
        ("basic", {}, 2, "no effect with hydra/launcher=basic: use hydra/launcher=joblib or ray"),
        ("submitit_slurm", {}, 2, "no effect with hydra/launcher=submitit_slurm: .* inside an allocation"),
    ],
)
def test_what_no_job_can_do_is_refused_with_the_way_to_do_it(launcher, trainer, jobs_per_gpu, message):
    with pytest.raises(ValueError, match=message):
        sharing.check(launcher, trainer, jobs_per_gpu)


def test_a_launcher_that_is_not_installed_is_refused_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(sharing, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"hydra/launcher=ray is not installed: pip install -e '.\[ray\]'"):
        sharing.check("ray", {}, 1)
    with pytest.raises(ValueError, match=r"pip install -e '.\[slurm\]'"):
        sharing.check("submitit_slurm", {}, 1)
    sharing.check("joblib", {"devices": 1}, 4)
    sharing.check("basic", {"devices": 1}, 1)
