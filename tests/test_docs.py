"""Documents agree with the code: commands can be built, links resolve, tables and numbers are current."""

import ast
import re
import shlex

import pytest
from builders import CONF, ROOT, assert_can_be_built, composed
from hydra.core.override_parser.overrides_parser import OverridesParser

from dermoscopy.config.choices import groups
from dermoscopy.config.command_line import hydra_arguments
from dermoscopy.config.effects import check_effects, check_training_effects
from dermoscopy.config.help import INTERNAL, MEANINGS, with_table
from dermoscopy.config.unknown import check_known, dotted
from tests.bench import recipes

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("experiments/**/*.md")])
PROGRAM = r"((?:prepare|train|report|reproduce|predict)\.py"
COMMAND = re.compile(rf"(?:\.venv/bin/)?python {PROGRAM}[^#`&\n]*)")
COMMENT = re.compile(rf"^(?:#.*|  command: )python {PROGRAM}(?:\\\n|[^\n(…])*)", re.MULTILINE)  # of a YAML file
RECIPE = re.compile(rf"\$\(BIN\)/python {PROGRAM}.*)")
BLOCK = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
OWN = {
    "data=mine": ("data.md", "data/mine.yaml"),
    "+experiment=dropout": ("configuration.md", "experiment/dropout.yaml"),
}
SKIPPED = ("...", "--", "+experiment=mine")  # the last is built by tests/test_own_parts.py
STAND_INS = {
    "experiment=NAME": "experiment=zeroing",
    "data=NAME": "data=demo",
    "HOST": "localhost",
    "my_package.MyTerm": "dermoscopy.losses.segmentation.Dice",
}


def commands() -> list[str]:
    """Return the commands of the documents, of the comments and experiments in conf/, and of the Makefile."""
    lines = [line for path in DOCUMENTS for line in COMMAND.findall(path.read_text())]
    for path in ROOT.glob("conf/**/*.yaml"):
        found = COMMENT.findall(path.read_text())
        lines += [re.split(r" {2,}| and |; ", re.sub(r"\\\n#\s+", "", line))[0] for line in found]
    for line in RECIPE.findall((ROOT / "Makefile").read_text()):
        filled = re.sub(r"\$\(if \$\(\w+\),(\w+=)\$\(\w+\)\)", r"\1isic2018", line).replace(
            "publish=isic2018", "publish=true"
        )
        lines.append(re.sub(r"\$\(\w+\)", "ID", re.sub(r"\$\(or \$\(\w+\),(\w+)\)", r"\1", filled)))
    lines = [part for line in lines for part in line.split(" && python ")]
    lines = [re.sub(r"\[(experiment=\w+)\]", r"\1", line).strip(" .,") for line in lines]
    return sorted({line for line in lines if not any(text in line for text in SKIPPED)})


@pytest.fixture(scope="module")
def own_conf(tmp_path_factory):
    """A folder of configurations with the example files of the documents."""
    folder = tmp_path_factory.mktemp("conf")
    for document, name in OWN.values():
        (folder / name).parent.mkdir()
        (folder / name).write_text(BLOCK.search((ROOT / "docs" / document).read_text())[1])
    return folder


@pytest.mark.parametrize("command", commands())
def test_a_command_in_a_document_can_be_typed_as_it_stands(command, own_conf):
    script, *arguments = shlex.split(command)
    for name, value in STAND_INS.items():
        arguments = [argument.replace(name, value) for argument in arguments]
    program = script.removesuffix(".py")
    spelled = [argument for argument in hydra_arguments(script, arguments) if not argument.startswith("--")]
    swept = {o.get_key_element(): o for o in OverridesParser.create().parse_overrides(spelled) if o.is_sweep_override()}
    fixed = [argument for argument in spelled if argument.partition("=")[0] not in swept]
    values = [*fixed, *(f"{key}={next(o.sweep_string_iterator())}" for key, o in swept.items())]
    own = [f"hydra.searchpath=[file://{own_conf}]"] if any(choice in command for choice in OWN) else []
    cfg = composed(program, *own, *values, with_hydra=True)
    check_known(cfg, CONF, program)
    if script == "train.py":
        check_training_effects(cfg, fixed, dict.fromkeys([*swept, *(cfg.hydra.sweeper.params or ())], ()))
        assert_can_be_built(cfg)
    else:
        assert not swept
        check_effects(cfg, program, fixed)


def test_the_commands_of_all_kinds_of_files_are_found():
    found = commands()
    assert len(found) > 70
    for text in (
        "hydra/launcher=submitit_slurm",
        "status=true experiment=",
        "data.source.columns",
        "run=ID store=FILE",
    ):
        assert any(text in command for command in found), text
    assert {shlex.split(command)[0] for command in found} == {
        f"{program}.py" for program in ("prepare", "train", "report", "reproduce", "predict")
    }


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


def test_the_tables_of_recipes_are_those_of_the_published_results():
    page = (ROOT / recipes.PAGE).read_text()
    assert page == recipes.with_tables(page, ROOT / "experiments"), "python -m tests.bench.recipes updates the tables"
    assert sum(line.startswith("| plain |") for line in page.splitlines()) == len(
        [*recipes.tables(ROOT / "experiments")]
    )


def test_the_numbers_of_the_first_answers_are_those_of_their_pages():
    answers = (ROOT / "README.md").read_text().partition("## The first answers")[2].partition("\n[All pages]")[0]
    bullets = [text for text in answers.split("\n- ")[1:] if text.startswith("**")]
    assert len(bullets) == 3
    for bullet in bullets:
        page = (ROOT / re.search(r"experiments/\w+/README.md", bullet)[0]).read_text()
        answer = page.partition("<!-- report -->\n**")[2].partition("**\n")[0]
        numbers = re.findall(r"[+-]?\d+\.\d{3}", bullet)
        assert len(numbers) >= 3, bullet
        assert [number for number in numbers if number not in re.findall(r"[+-]?\d+\.\d{3}", answer)] == [], bullet


def test_documents_and_the_phony_list_name_only_existing_make_targets():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    mentioned = {
        name for path in DOCUMENTS for name in re.findall(r"`make ([a-z-]+)|^    make ([a-z-]+)", path.read_text())
    }
    assert {first or second for first, second in mentioned} <= targets
    assert set(re.search(r"\.PHONY: (.*)", makefile)[1].split()) == targets


REMEDY = re.compile(r"(?<![\w./\[{('\"-])\+?([a-z]\w*(?:[./]\w+)*)=(?=[A-Za-z\[{0-9])")  # key=value in a message
NO_KEYS = {"key", "stage"}  # key=value itself; stages have names


def remedies() -> list[tuple[str, str]]:
    """Return the keys that error messages of the package name as key=value, each with its file, but own arguments."""
    found = []
    for path in sorted((ROOT / "src").rglob("*.py")):
        tree = ast.parse(path.read_text())
        arguments = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}  # named by their keys in build
        arguments |= {ast.unparse(node.target) for node in ast.walk(tree) if isinstance(node, ast.AnnAssign)}
        raised = [error for error in ast.walk(tree) if isinstance(error, ast.Raise)]
        texts = [text.value for error in raised for text in ast.walk(error) if isinstance(text, ast.Constant)]
        keys = {key for text in texts if isinstance(text, str) for key in REMEDY.findall(text)}
        found += [(key, path.name) for key in keys if key not in arguments | NO_KEYS]
    return sorted(set(found))


def test_every_remedy_in_an_error_message_is_a_key_that_can_be_typed():
    typed = [
        ("train", choice)
        for choice in ("model=consistency", "model=joint", "model=segmentation", "network=cascade", "loss=classes")
    ]
    typed += [("prepare", "data=folders"), ("predict", "data=isic2018"), ("reproduce", "run=x"), ("report", "sweep=x")]
    cfgs = [
        composed("report" if program == "report" else program, *([] if program == "report" else [choice]))
        for program, choice in typed
    ]
    known = {key for cfg in cfgs for key in dotted(cfg)} | set(groups(CONF)) | {"lr", "trust", "hydra/sweeper"}
    named = remedies()
    assert len(named) > 20
    assert [remedy for remedy in named if remedy[0] not in known] == []
