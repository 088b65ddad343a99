"""Text of --help."""

import subprocess
import sys

import pytest
from builders import CONF, ROOT

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
