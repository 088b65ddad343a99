"""MLflow's user interface with the view of the latest sweep: python -m dermoscopy.tracking.ui [EXPERIMENT]"""

import os
import socket
import subprocess
import sys
import time
import urllib.request
import webbrowser
from pathlib import Path
from urllib.parse import urlsplit

from dermoscopy.machine.messages import one_line_errors
from dermoscopy.tracking.addresses import address, database
from dermoscopy.tracking.delivery import journals_of, read_events, read_sent
from dermoscopy.tracking.events import Destination
from dermoscopy.tracking.experiment import connect
from dermoscopy.tracking.view import LOCAL, WORKFLOW, run_link, view_link

HERE = "sqlite:///mlflow.db"
PATIENCE = 120  # seconds until the server must answer


def latest(runs: Path, experiment: str | None) -> Path | None:
    """Return the journal of the latest sweep or single run that was tracked, None if there is none.

    Raises:
        ValueError: there is none of this experiment.
    """
    sweeps = sorted(runs.glob(f"{experiment or '*'}/sweeps/*"), key=lambda sweep: sweep.name, reverse=True)
    for sweep in sweeps:
        for journal in journals_of(sweep):  # that of the sweep is the first
            if read_sent(journal)["to"] is not None:
                return journal
    if experiment is not None:
        raise ValueError(f"no sweep of {experiment} in {runs.resolve()} was tracked in MLflow: leave EXPERIMENT out")
    return None


def tracking_uri(to: Destination | None) -> str:
    """Return the address of a tracking store, for a database that was moved with the project that of its new place."""
    if to is None:
        return address(HERE)
    file = database(to["uri"])
    return to["uri"] if file is None or file.is_file() else address(HERE)


def link(server: str, uri: str, journal: Path | None) -> str:
    """Return the link to the view of the sweep or to the run of a journal, without one to the list of experiments."""
    if journal is None:
        return f"{server}/#/experiments?{WORKFLOW}"
    sent = read_sent(journal)
    assert sent["to"] is not None
    experiment = connect(uri).get_experiment_by_name(sent["to"]["experiment"])
    if experiment is None:
        return f"{server}/#/experiments?{WORKFLOW}"
    _, begun = next(read_events(journal))
    if begun["identity"].keys() == {"sweep"}:
        return view_link(server, experiment.experiment_id, begun["identity"]["sweep"])
    return run_link(server, experiment.experiment_id, str(sent["run"]))


def serve(uri: str) -> tuple[str, subprocess.Popen[bytes]]:
    """Start MLflow's server on a database; return its address once it answers, and its process.

    Raises:
        OSError: it does not start.
    """
    port = _free_port(int(urlsplit(LOCAL).port or 0))
    server = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, "--port", str(port)]
    process = subprocess.Popen([*command, "--workers", "1"], stdout=subprocess.DEVNULL)
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        if _answers(server):
            return server, process
        time.sleep(0.3)
    process.terminate()
    raise OSError(f"mlflow server does not answer at {server}")


def _answers(server: str) -> bool:
    try:
        return bool(urllib.request.urlopen(f"{server}/health", timeout=5).status == 200)
    except OSError:
        return False


def _free_port(wanted: int) -> int:
    """Return this port if no program uses it, else another one."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no port is free")


def show(page: str) -> None:
    """Print a link, and open it in a browser where there is a display."""
    print(page, flush=True)
    if sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(page)


def main(experiment: str | None = None, runs: Path = Path("runs")) -> None:
    """Show the latest sweep, of this experiment if one is named, until Ctrl-C ends the server."""
    journal = latest(runs, experiment)
    uri = tracking_uri(None if journal is None else read_sent(journal)["to"])
    file = database(uri)
    if file is None:
        return show(link(uri, uri, journal))
    if not file.is_file():
        raise FileNotFoundError(f"there is no {file}: nothing was trained here with tracking=sqlite")
    server, process = serve(uri)
    try:
        show(link(server, uri, journal))
        print("Ctrl-C ends it")
        process.wait()
    except KeyboardInterrupt:
        pass
    finally:
        process.terminate()
        process.wait()
    return None


if __name__ == "__main__":
    with one_line_errors():
        main(next(iter(sys.argv[1:]), None))
