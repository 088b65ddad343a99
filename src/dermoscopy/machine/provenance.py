"""Provenance of a result: the commit, the versions of the numerical libraries, the hash of a file."""

import hashlib
import subprocess
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

# Files that decide what is trained; others, such as the pages of results, may differ from the commit.
CODE = ("src", "conf", ":(glob)*.py", "pyproject.toml", "requirements.lock")
LIBRARIES = ("torch", "pytorch-lightning", "timm", "torchmetrics", "numpy")


def code() -> dict[str, str | bool | None]:
    """Return the commit, whether its code was changed, and the versions of the numerical libraries."""
    commit_hash, dirty = commit()
    return {"commit": commit_hash, "dirty": dirty} | {name: version(name) for name in LIBRARIES}


def commit() -> tuple[str | None, bool]:
    """Return the git commit of this project and whether tracked files of `CODE` differ; (None, False) outside git.

    The project is the folder that holds this package or, if the package is installed elsewhere, the working folder.
    """
    project = Path(__file__).resolve().parents[3]
    return _commit(project if (project / "train.py").is_file() else Path.cwd())


@lru_cache  # the code of a running process does not change
def _commit(folder: Path) -> tuple[str | None, bool]:
    try:
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", *CODE)
        return _git(folder, "rev-parse", "HEAD"), bool(changed)
    except (OSError, subprocess.CalledProcessError):  # no git, no repository, or no commit yet
        return None, False


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def sha256(path: Path) -> str:
    """Return the sha256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
