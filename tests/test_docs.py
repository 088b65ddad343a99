"""Documents agree with the code: commands can be built, links resolve, tables and numbers are current."""

import re
import shlex

import pytest
from builders import CONF, ROOT, assert_can_be_built, composed

from dermoscopy.config.choices import groups
from dermoscopy.config.help import INTERNAL, MEANINGS, with_table
from dermoscopy.config.renamed import check_names
from dermoscopy.config.shorthand import spell_out

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("experiments/**/*.md")])
COMMAND = re.compile(r"(?:\.venv/bin/)?python ((?:prepare|train|reproduce|predict)\.py[^#`&\n]*)")
BLOCK = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
OWN = {
    "data=mine": ("data.md", "data/mine.yaml"),
    "+experiment=dropout": ("configuration.md", "experiment/dropout.yaml"),
}


def commands() -> list[str]:
    lines = [line for path in DOCUMENTS for line in COMMAND.findall(path.read_text())]
    lines += [line for path in ROOT.glob("conf/experiment/*.yaml") for line in COMMAND.findall(path.read_text())]
    skipped = ("...", "--", "+experiment=mine")  # the last is built by tests/test_own_parts.py
    return sorted({line.strip() for line in lines if not any(text in line for text in skipped)})


@pytest.fixture(scope="module")
def own_conf(tmp_path_factory):
    """A folder of configurations with the example files of the documents."""
    folder = tmp_path_factory.mktemp("conf")
    for document, name in OWN.values():
        (folder / name).parent.mkdir()
        (folder / name).write_text(BLOCK.search((ROOT / "docs" / document).read_text())[1])
    return folder


@pytest.mark.parametrize("command", commands())
def test_a_command_in_a_document_can_be_built(command, own_conf):
    script, *arguments = shlex.split(command)
    overrides = [
        a for a in arguments if a != "-m" and "," not in re.sub(r"\[.*?\]|\{.*?\}", "", a) and "range(" not in a
    ]
    check_names(overrides)
    spelled = spell_out(overrides, groups(CONF)["loss"])
    own = [f"hydra.searchpath=[file://{own_conf}]"] if any(choice in command for choice in OWN) else []
    cfg = composed(script.removesuffix(".py"), *own, *spelled, with_hydra=True)
    if script == "train.py":
        assert_can_be_built(cfg)


@pytest.mark.parametrize("command", [c for c in commands() if re.search(r"(^| )(-m|--multirun)( |$)", c)])
def test_a_sweep_in_a_document_has_the_option_m_where_hydra_accepts_it(command):
    arguments = shlex.split(command)[1:]
    assert "-m" in (arguments[0], arguments[-1]), "-m must be first or last"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_link_in_a_document_resolves(path):
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#?([^)]*)\)", path.read_text()):
        if "://" in target or not (target or anchor):
            continue
        file = path.parent / target if target else path
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file.read_text()), f"{target}#{anchor}"


def anchors(text: str) -> set[str]:
    """Return the anchors of a document: of its headings, and explicit ones."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings} | set(
        re.findall(r'name="(.+?)"', text)
    )


def test_the_table_of_groups_is_current():
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert page == with_table(page, CONF), "make docs updates the table"
    assert set(MEANINGS) | set(INTERNAL) == set(groups(CONF)), (
        "every group needs an entry in MEANINGS of config/help.py"
    )


def test_the_numbers_of_the_first_answer_are_those_of_the_results_page():
    answer = (ROOT / "README.md").read_text().partition("## The first answer")[2].partition("\n## ")[0]
    page = (ROOT / "experiments" / "zeroing" / "README.md").read_text()
    numbers = re.findall(r"[+-]?\d+\.\d{3}", answer)
    assert len(numbers) == 3
    assert f"(difference {numbers[0]}, 95 % interval {numbers[1]} to {numbers[2]}, 3 seeds)" in page


def test_documents_and_the_phony_list_name_only_existing_make_targets():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    mentioned = {
        name for path in DOCUMENTS for name in re.findall(r"`make ([a-z-]+)|^    make ([a-z-]+)", path.read_text())
    }
    assert {first or second for first, second in mentioned} <= targets
    assert set(re.search(r"\.PHONY: (.*)", makefile)[1].split()) == targets
