"""The layout of the repository: tests mirror the package, files are short, and every test can fail."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import ROOT

PACKAGE, TESTS = ROOT / "src" / "dermoscopy", ROOT / "tests"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
TEST_FILES = sorted(TESTS.rglob("test_*.py"))
SHARE = 0.9  # of modules with a test file at the mirrored path
WHOLE_PROGRAMS = {  # tests of root scripts, of several packages together, or of files that are no code
    *("test_arms.py", "test_conf.py", "test_docs.py", "test_launchers.py", "test_own_parts.py", "test_tree.py"),
    *("test_prepare_script.py", "test_recipe.py", "test_report.py", "test_reproduce.py", "test_segmentation_run.py"),
    *("test_survival.py", "test_train.py", "services/test_tracking_services.py"),
    *("services/test_hub_services.py", "services/test_official_scores.py", "services/test_served_model.py"),
    "services/test_user_interface.py",
}
LONGEST = 250  # lines per file
# Words that earlier versions had for what has a name in the glossary of README.md, or in standard English.
OLD_WORDS = re.compile(
    r"\b(availabilit(y|ies)|giveaways?|monitored_metric|told|judge[sd]?|judging|learnt|there_are|tapped|at_own_size|"
    r"strangers' masks|aux_exit|exit_stride|[Ss][0-4]'s|system S[0-4]|split=s0|augment=s0|mask_views=s0|"
    r"zeroing=(never|always))\b"
)
HISTORY = ("CHANGELOG.md", "src/dermoscopy/config/renamed.py", "tests/config/test_renamed.py", "tests/test_tree.py")
CLOCKS = ("perf_counter", "monotonic", "process_time", "timeit")


def mirror(module: Path) -> Path:
    """Return the path of the tests of a module."""
    path = module.relative_to(PACKAGE)
    return TESTS / path.with_name(f"test_{path.name}")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_nine_of_ten_modules_have_a_test_file_at_the_mirrored_path():
    missing = [named(module) for module in MODULES if not mirror(module).is_file()]
    assert len(missing) <= (1 - SHARE) * len(MODULES), missing


def test_every_test_file_mirrors_a_module_or_tests_a_whole_program():
    paths = {mirror(module) for module in MODULES} | {TESTS / name for name in WHOLE_PROGRAMS}
    paths |= {path.with_stem(f"{path.stem}_fuzz") for path in paths}  # the same, on random input
    assert [named(path) for path in TEST_FILES if path not in paths] == []


def test_no_file_of_the_package_is_too_long():
    lengths = {named(path): len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {path: length for path, length in lengths.items() if length > LONGEST} == {}


def test_every_package_has_a_docstring_that_starts_with_one_line():
    packages = [folder for folder in (PACKAGE, *PACKAGE.rglob("*/")) if [*folder.glob("*.py")]]
    docstrings = {named(folder): ast.get_docstring(parsed(folder / "__init__.py")) or "" for folder in packages}
    assert [folder for folder, text in docstrings.items() if not text.splitlines()] == []
    assert [folder for folder, text in docstrings.items() if "\n" in text.partition("\n\n")[0]] == []


def test_no_folder_has_an_uninformative_name():
    folders = {path.name for root in (PACKAGE, TESTS) for path in root.rglob("*/")}
    assert not folders & {"utils", "util", "common", "core", "helpers", "helper", "misc"}


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def asserts(function: ast.FunctionDef, helpers: frozenset[str]) -> bool:
    """Check whether a function can fail by an assertion: an assert, or a call that raises an error."""
    if any(isinstance(node, ast.Assert) for node in ast.walk(function)):
        return True
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    for call in calls:
        called = ast.unparse(call.func)
        name = called.rpartition(".")[2]
        if called in ("pytest.raises", "pytest.warns", "pytest.fail") or name in helpers or name.startswith("assert_"):
            return True
        if name.startswith("check_") or 'simplefilter("error")' in ast.unparse(call).replace("'", '"'):
            return True
        if any(keyword.arg == "check" for keyword in call.keywords):  # of a process that must succeed
            return True
    return False


@pytest.mark.parametrize("path", TEST_FILES, ids=named)
def test_every_test_of_a_file_can_fail(path):
    definitions = [*functions(parsed(path))]
    helpers = frozenset(f.name for f in definitions if not f.name.startswith("test_") and asserts(f, frozenset()))
    assert [f.name for f in definitions if f.name.startswith("test_") and not asserts(f, helpers)] == []


@pytest.mark.parametrize("path", TEST_FILES, ids=named)
def test_no_test_of_a_file_asserts_a_time(path):
    asserted = [ast.unparse(node.test) for node in ast.walk(parsed(path)) if isinstance(node, ast.Assert)]
    timed = re.compile(rf"\b({'|'.join(CLOCKS)}|elapsed|time\.time)\b")
    assert [text for text in asserted if timed.search(text)] == []


def test_no_file_uses_a_word_of_earlier_versions():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    files = [ROOT / name for name in listed if name not in HISTORY and name.endswith((".py", ".md", ".yaml", ".csv"))]
    assert len(files) > 300
    found = {
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in files
        if path.is_file()
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if OLD_WORDS.search(line)
    }
    assert found == set()


def test_every_locked_package_has_a_hash_and_no_host_is_named():
    lines = (ROOT / "requirements.lock").read_text().splitlines(keepends=True)
    lock = "".join(line for line in lines if not line.lstrip().startswith("#"))
    packages = re.split(r"^(?=\S)", lock, flags=re.MULTILINE)[1:]
    assert len(packages) > 100 and "://" not in lock
    assert not [package.split()[0] for package in packages if "--hash=sha256:" not in package]
