"""Trouble of tracking stores: a locked or read-only database, and a server that answers 500."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


class Proxy(BaseHTTPRequestHandler):
    """Hands requests on to `server.target`, and answers 500 to those whose path contains `server.fails`."""

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fails = self.server.fails is not None and self.server.fails in self.path
        code, text = (500, b"Internal Server Error") if fails else self.hand_on(body)
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def hand_on(self, body: bytes) -> tuple[int, bytes]:
        headers = {"Content-Type": self.headers.get("Content-Type", "application/json")}
        request = urllib.request.Request(self.server.target + self.path, body or None, headers, method=self.command)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    do_GET = do_POST = do_PUT = do_PATCH = answer

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def failing(proxy: ThreadingHTTPServer, path: str) -> Iterator[None]:
    """Let a server behind a `Proxy` answer 500 to all requests whose path contains a text."""
    proxy.fails = path
    yield
    proxy.fails = None


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Let another process lock an sqlite database."""
    code = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('BEGIN EXCLUSIVE'); print(flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, database], **pipes) as process:
        process.stdout.readline()
        yield
        process.communicate(b"\n")


@contextmanager
def read_only(database: Path) -> Iterator[None]:
    """Make the file of an sqlite database read-only, for root by a mount."""
    if os.geteuid() != 0:
        database.chmod(0o444)
        yield
        return database.chmod(0o644)
    mount = ["mount", "--bind", str(database), str(database)]
    remount = ["mount", "-o", "remount,ro,bind", str(database)]
    if any(subprocess.run(command, stderr=subprocess.DEVNULL).returncode for command in (mount, remount)):
        pytest.skip("this machine allows no mounts")
    yield
    subprocess.run(["umount", str(database)], check=True)
    return None
