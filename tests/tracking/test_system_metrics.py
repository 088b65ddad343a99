"""The load of the machine is logged at once, under names that MLflow's user interface knows."""

import subprocess
import time

from dermoscopy.tracking import system_metrics as module
from dermoscopy.tracking.system_metrics import gpu_load, load, system_metrics


class Recorder:
    def __init__(self):
        self.steps = []

    def log_metrics(self, metrics, step=None):
        self.steps.append((step, metrics))


def test_the_load_is_logged_while_a_job_trains_and_no_longer():
    logger = Recorder()
    with system_metrics(logger, seconds=0.01):
        while len(logger.steps) < 2:
            time.sleep(0.01)
    count = len(logger.steps)
    assert [step for step, _ in logger.steps] == list(range(count))
    assert all(name.startswith("system/") for name in logger.steps[0][1])
    assert 0 < load()["system/system_memory_usage_percentage"] <= 100


def test_the_load_of_gpus_is_that_of_nvidia_smi_and_empty_where_it_fails(monkeypatch):
    answer = subprocess.CompletedProcess([], 0, stdout="50, 1000, 4000\n0, 0, 4000\n")
    monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: answer)
    found = gpu_load(["0", "3"])
    assert found["system/gpu_0_utilization_percentage"] == 50
    assert found["system/gpu_0_memory_usage_percentage"] == 25
    assert found["system/gpu_1_memory_usage_megabytes"] == 0
    answer.stdout = "[N/A], 1, 2"
    assert gpu_load(["0"]) == {} == gpu_load([])
