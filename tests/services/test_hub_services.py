"""Weights from a hub: a server on loopback that answers as the Hugging Face hub does, and its cache."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import timm
from timm.models import save_for_hf

pytestmark = pytest.mark.services
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TAGGED, OWN = "timm/mobilenetv3_small_050.lamb_in1k", "owner/small"  # repositories: of a timm name, and of hf-hub:
ROOT = Path(__file__).parents[2]
SMALL = "mobilenetv3_small_050"


class Hub(BaseHTTPRequestHandler):
    """Serves `server.files`, by repository and name, with the headers that the hub's client needs."""

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, with_body: bool) -> None:
        self.server.asked.append(self.path)
        repository, _, name = self.path.strip("/").partition("/resolve/main/")
        body = self.server.files.get((repository, name), None if name else b"hub")
        self.send_response(404 if body is None else 200)
        if body is None:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.send_header("Content-Length", str(len(body or b"")))
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha256(body or b"").hexdigest()}"')
        self.end_headers()
        if with_body:
            self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a small network with random weights, as timm publishes a network."""
    folder = tmp_path_factory.mktemp("published")
    save_for_hf(timm.create_model(SMALL, pretrained=False), folder, safe_serialization=True)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def hub(published: dict[str, bytes]) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.files = {(name, file): content for name in (TAGGED, OWN) for file, content in published.items()}
    server.asked = []
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def train(backbone: str, folder: Path, store: Path, endpoint: str, cache: Path) -> subprocess.CompletedProcess:
    """Train one batch from published weights by the command that a user types."""
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(cache), "HF_HUB_DISABLE_XET": "1"}
    data = (f"data.store={store}", "data.raw=null", "data.size=[32,32]", "threads=1")
    network = (f"network.backbone={backbone}", "network.pretrained=true")
    command = (sys.executable, str(ROOT / "train.py"), "+debug=fast_dev_run", *data, *network)
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)


def beginnings(folder: Path) -> list[str]:
    """Return what the trained jobs in a folder record of the weights that they began with, by time."""
    jobs = [json.loads(job.read_text()) for job in sorted(folder.glob("runs/debug/sweeps/*/0/job.json"))]
    return [json.dumps(job["initial_weights"]) for job in jobs if job["status"] == "done"]


@pytest.mark.parametrize("backbone", [SMALL, f"'hf-hub:{OWN}'"])
def test_a_run_begins_with_weights_of_a_hub_and_then_of_its_cache(backbone, hub, demo_store, tmp_path):
    endpoint, cache = f"http://127.0.0.1:{hub.server_address[1]}", tmp_path / "cache"
    first = train(backbone, tmp_path, demo_store, endpoint, cache)
    assert first.returncode == 0, first.stderr
    assert any(path.endswith("model.safetensors") for path in hub.asked)
    hub.shutdown()
    hub.server_close()
    again = train(backbone, tmp_path, demo_store, endpoint, cache)  # nobody answers there now
    assert again.returncode == 0, again.stderr
    one, other = beginnings(tmp_path)
    assert one == other and '"published"' in one
    without = train(backbone, tmp_path, demo_store, endpoint, tmp_path / "empty")
    assert without.returncode == 1 and "cannot be reached" in without.stderr.splitlines()[-1]
    assert len(beginnings(tmp_path)) == 2
