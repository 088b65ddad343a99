"""Real services on this machine: PostgreSQL as packaged by Debian, and an MLflow server on it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from trouble import Proxy

PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), default=None)
# initdb refuses to run as root
ACCOUNT = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


# no usage statistics from tests, no job queue
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


@pytest.fixture(name="free_port")
def free_port_fixture() -> Callable[[], int]:
    return free_port


@pytest.fixture(name="wait_until")
def wait_until_fixture() -> Callable[..., None]:
    return wait_until


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_until(ready: Callable[[], bool], process: subprocess.Popen, log: Path, seconds: float = 120) -> None:
    """Wait for a service; fail with its log if it does not start."""
    end = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            pytest.fail(f"{process.args[0]} did not start:\n{log.read_text()}")
        time.sleep(0.2)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Address of an empty database."""
    if PROGRAMS is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="dermoscopy-postgres-"))  # pytest's own folders are closed to other accounts
    if ACCOUNT:
        shutil.chown(folder, "postgres", "postgres")
    port, log = free_port(), folder / "log"
    options = {"cwd": folder, **ACCOUNT}
    initdb = [PROGRAMS / "initdb", "-D", folder / "data", "-U", "mlflow", "--auth=trust", "-E", "UTF8", "--no-locale"]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, **options)
    serve = [PROGRAMS / "postgres", "-D", folder / "data", "-k", folder, "-p", str(port)]
    settings = ("listen_addresses=127.0.0.1", "fsync=off")
    with log.open("w") as output:
        flags = [flag for setting in settings for flag in ("-c", setting)]
        process = subprocess.Popen([*serve, *flags], stdout=output, stderr=output, **options)
    probe = [PROGRAMS / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port), "-U", "mlflow", "-d", "postgres"]
    wait_until(lambda: subprocess.run(probe).returncode == 0, process, log)
    yield f"postgresql+psycopg2://mlflow@127.0.0.1:{port}/postgres"
    process.send_signal(signal.SIGINT)  # ends open connections
    process.wait(60)
    shutil.rmtree(folder)


class MlflowServer:
    """An MLflow server on loopback that can be killed and started again on the same database."""

    def __init__(self, database: str, folder: Path) -> None:
        self.database, self.folder, self.port = database, folder, free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.log = folder / "log"
        # without the settings of MLflow clients
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")} | QUIET

    def start(self) -> None:
        store = ["--backend-store-uri", self.database, "--artifacts-destination", str(self.folder / "artifacts")]
        place = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "2"]
        with self.log.open("a") as output:
            command = [sys.executable, "-m", "mlflow", "server", *store, *place]
            options = {"stdout": output, "stderr": output, "start_new_session": True, "env": self.environment}
            self.process = subprocess.Popen(command, **options)
        wait_until(self.answers, self.process, self.log)

    def answers(self) -> bool:
        try:
            return urllib.request.urlopen(f"{self.uri}/health", timeout=5).status == 200
        except OSError:
            return False

    def kill(self) -> None:
        """Kill it with all its workers, without warning."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="session")
def running_server(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    server = MlflowServer(postgres, tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def mlflow_server(running_server: MlflowServer) -> MlflowServer:
    """An MLflow server on PostgreSQL, restarted if the previous test killed it."""
    if running_server.process.poll() is not None:
        running_server.start()
    return running_server


@pytest.fixture
def failing_server(mlflow_server: MlflowServer) -> Iterator[ThreadingHTTPServer]:
    """The MLflow server behind a proxy that fails on request, at the address `uri`."""
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    proxy.target, proxy.fails, proxy.uri = mlflow_server.uri, None, f"http://127.0.0.1:{proxy.server_address[1]}"
    Thread(target=proxy.serve_forever, daemon=True).start()
    yield proxy
    proxy.shutdown()
    proxy.server_close()
