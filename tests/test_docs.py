"""What the documents say is so: commands can be built, links lead somewhere, groups name what there is."""

import re
import shlex

import pytest
from builders import CONF, ROOT, assert_can_be_built, composed

from dermoscopy.config.shorthand import spell_out

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("experiments/**/*.md")])
COMMAND = re.compile(r"(?:\.venv/bin/)?python ((?:prepare|train|reproduce)\.py[^#`&\n]*)")


def commands() -> list[str]:
    found = [line for path in DOCUMENTS for line in COMMAND.findall(path.read_text())]
    found += [line for path in ROOT.glob("conf/experiment/*.yaml") for line in COMMAND.findall(path.read_text())]
    return sorted(set(found))


@pytest.mark.parametrize("command", commands())
def test_what_a_command_in_a_document_asks_for_can_be_built(command):
    script, *arguments = shlex.split(command)
    overrides = [
        a for a in arguments if a != "-m" and "," not in re.sub(r"\[.*?\]|\{.*?\}", "", a) and "range(" not in a
    ]
    losses = {path.stem for path in (CONF / "loss").glob("*.yaml")}
    assert_can_be_built(composed(script.removesuffix(".py"), *spell_out(overrides, losses), with_hydra=True))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_link_in_a_document_leads_to_a_file(path):
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        if "://" not in target:
            assert (path.parent / target).exists(), target


def test_the_groups_that_the_readme_names_are_there():
    text = (ROOT / "README.md").read_text()
    for group in ("data", "split", "optimizer", "scheduler", "augment", "trainer", "logger", "callbacks"):
        row = next(line for line in text.splitlines() if line.startswith("|") and f"`{group}=`" in line)
        for path in (CONF / group).glob("*.yaml"):
            assert path.stem in row, f"README's row of {group} lacks {path.stem}"


def test_every_make_target_of_the_help_exists_and_readme_names_only_such():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"make ([a-z-]+)", (ROOT / "README.md").read_text()))
    assert named <= targets
    assert set(re.search(r"\.PHONY: (.*)", makefile)[1].split()) == targets
