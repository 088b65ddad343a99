"""Text of --help."""

import subprocess
import sys

import pytest
from builders import CONF, ROOT

from dermoscopy.config import help
from dermoscopy.config.choices import groups
from dermoscopy.config.help import help_text

PROGRAMS = sorted(path.stem for path in ROOT.glob("*.py"))


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_is_one_screen_with_commands_and_keys(program):
    lines = help_text(CONF, program).splitlines()
    assert len(lines) <= 40 and max(map(len, lines)) <= 120
    assert sum(line.strip().startswith(f"python {program}.py") for line in lines) >= 2


def test_help_lists_every_choice_of_the_main_groups_with_the_default_first():
    text = help_text(CONF, "train")
    for group in ("data", "network", "zeroing", "optimizer", "scheduler", "loss", "experiment", "debug"):
        assert set(groups(CONF)[group]) <= set(text.split()), group
    assert "  optimizer     adamw adam" in text


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_needs_no_slow_imports(program):
    code = (
        f"import sys, runpy; sys.argv = ['{program}.py', '--help']; runpy.run_path('{program}.py', run_name='__main__')"
    )
    watch = "import atexit, sys; atexit.register(lambda: print(*(set(sys.modules) & {'torch', 'hydra', 'pandas'})))"
    ended = subprocess.run(
        [sys.executable, "-c", f"{watch}; {code}"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ended.stdout.splitlines()[-1] == "" and "python" in ended.stdout


@pytest.mark.parametrize("program", ["train", "predict", "prepare", "report", "reproduce"])
def test_a_python_without_the_packages_is_answered_with_make_setup(program):
    bare = [sys.executable, "-I", "-S", str(ROOT / f"{program}.py"), "--help"]
    ended = subprocess.run(bare, capture_output=True, text=True, check=False)
    assert ended.returncode == 1 and ended.stdout == ""
    assert ended.stderr.startswith("error: ") and ended.stderr.count("\n") == 1
    assert "make setup" in ended.stderr and f".venv/bin/python {program}.py" in ended.stderr


def test_a_python_with_some_of_the_packages_names_the_missing_one(monkeypatch):
    monkeypatch.setattr(help, "find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError, match="hydra"):
        help.show_help("__main__", "train.py")


def test_a_reader_that_goes_away_ends_the_program_without_a_word():
    with subprocess.Popen(
        [sys.executable, str(ROOT / "report.py"), "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        program.stdout.close()
        assert program.stderr.read() == b"" and program.wait() == 1
