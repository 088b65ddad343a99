"""The model of a run answers `mlflow models serve`: bytes of an image in, probabilities out."""

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dermoscopy.runs.files import BEST

QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true"}
TINY = (
    "network.backbone=test_resnet",
    "zeroing=everything",
    "trainer=cpu",
    "epochs=1",
    "trainer.limit_train_batches=1",
)
DATA = ("data.make.count=40", "data.make.size=[48,64]", "+data.make.workers=1", "data.size=[32,32]")

pytestmark = pytest.mark.services


def test_a_run_with_a_model_is_served_from_mlflow(run_script, free_port, wait_until, tmp_path):
    ended = run_script("train.py", *TINY, *DATA, "tracking.model=true", "split.val=0.3", "split.test=0.3")
    assert ended.code == 0, ended.err
    (checkpoint,) = tmp_path.glob(f"runs/run/*/{BEST}")
    (model,) = tmp_path.glob("mlartifacts/run/*/artifacts/model")
    shutil.rmtree(checkpoint.parent)  # MLflow's copy is complete
    port, log = free_port(), tmp_path / "serve.log"
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model), "--env-manager", "local"]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # where uvicorn is
    with log.open("w") as output:
        options = {"stdout": output, "stderr": output, "env": os.environ | QUIET | {"PATH": path}}
        process = subprocess.Popen([*command, "--port", str(port)], start_new_session=True, **options)
    server = f"http://127.0.0.1:{port}"

    def answers():
        try:
            return urllib.request.urlopen(f"{server}/ping", timeout=5).status == 200
        except OSError:
            return False

    try:
        wait_until(answers, process, log)
        file = io.BytesIO()
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)).save(file, "JPEG")
        rows = [[base64.b64encode(file.getvalue()).decode()]]
        body = json.dumps({"dataframe_split": {"columns": ["image"], "data": rows}}).encode()
        request = urllib.request.Request(f"{server}/invocations", body, {"Content-Type": "application/json"})
        (predicted,) = json.loads(urllib.request.urlopen(request, timeout=120).read())["predictions"]
        assert 0 < predicted["globules"] < 1 and predicted["globules_predicted"] in (0, 1)
    finally:
        os.killpg(process.pid, 15)
        process.wait(60)
