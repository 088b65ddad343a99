"""Shared fixtures: a tiny demo data set, drawn and prepared once, its data module, and the root scripts."""

import copy
import gc
import os
import runpy
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
from filelock import FileLock
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra._internal.hydra import Hydra
from hydra.core.global_hydra import GlobalHydra
from hypothesis import HealthCheck, settings

# before torch is imported; one core per process where tests run in parallel
os.environ.setdefault("OMP_NUM_THREADS", "1" if "PYTEST_XDIST_WORKER" in os.environ else "2")

from builders import ROOT, ignore_known_warnings

from dermoscopy.data.batches.datamodule import DermoscopyData
from dermoscopy.data.demo.dataset import make_demo
from dermoscopy.data.prepare import prepare
from dermoscopy.data.raw.sources import FolderSource
from dermoscopy.data.splits import random_split
from dermoscopy.tracking.experiment import open_experiment

pytest_plugins = ["sweeps_on_disk"]

# the same examples each time, more of them in make test-fuzz; --hypothesis-seed=random tries others
quiet = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("default", quiet, derandomize=True, max_examples=100)
settings.register_profile("fuzz", quiet, derandomize=True, max_examples=2000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

ATTRIBUTES = ("globules", "milia_like_cyst", "negative_network", "pigment_network", "streaks")


def pytest_collection_finish():
    """Exclude all modules from garbage collection, which saves a third of the time of composing."""
    gc.freeze()


def pytest_sessionfinish():
    """Undo the exclusion, or libraries report leaks at exit."""
    gc.unfreeze()


@pytest.fixture(scope="session", autouse=True)
def quick_composing():
    """Caches parsed files of Hydra, and skips its second composition, which only reads hydra.mode."""
    parse, parsed = FileConfigSource.load_config, {}

    def load_config(source, config_path):
        file = Path(source.path, source._normalize_file_name(config_path))
        version = file, file.stat().st_mtime_ns if file.is_file() else None
        if version not in parsed:
            parsed[version] = parse(source, config_path)
        return copy.deepcopy(parsed[version])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FileConfigSource, "load_config", load_config)
        patch.setattr(Hydra, "get_mode", lambda *_, **__: None)  # its value unless set
        yield


@pytest.fixture(scope="session", autouse=True)
def no_measurement():
    """Decides trainer.precision=auto without a measurement, whose result is not the same each time."""
    decision = {"precision": "32-true", "reason": "no test measures", "hardware": "any", "threads": 1, "torch": "any"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dermoscopy.training.precision.choose", lambda *_, **__: dict(decision))
        yield


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Creates a folder once for all processes of a test run, from its name and a function that fills it."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def make(name: str, fill: Callable[[Path], object]) -> Path:
        folder = base / "shared" / name
        folder.mkdir(parents=True, exist_ok=True)
        filled = folder.with_suffix(".filled")
        with FileLock(folder.with_suffix(".lock")):
            if not filled.exists():
                fill(folder)
                filled.touch()
        return folder

    return make


@pytest.fixture(scope="session")
def demo_source(shared: Callable[..., Path]) -> FolderSource:
    """120 demo images of 48 x 64 px in the official folders."""
    root = shared("demo", partial(make_demo, count=120, size=(48, 64), workers=1))
    masks = {"lesion": "ISIC2018_Task1_Training_GroundTruth/{id}_segmentation.png"}
    masks |= {a: f"ISIC2018_Task2_Training_GroundTruth_v3/{{id}}_attribute_{a}.png" for a in ATTRIBUTES}
    return FolderSource(
        root,
        images="ISIC2018_Task1-2_Training_Input/{id}.jpg",
        masks=masks,
        csv="labels.csv",
        group_column="group_id",
        columns={"malignant": "malignant"},
        from_masks=ATTRIBUTES,
    )


@pytest.fixture(scope="session")
def demo_store(demo_source: FolderSource, shared: Callable[..., Path]) -> Path:
    """A store of the demo images at 32 x 32 px."""
    name = "demo-32x32.h5"
    return shared("store", lambda folder: prepare(demo_source, folder / name, (32, 32), progress=False)) / name


@pytest.fixture(scope="session")
def empty_database(shared: Callable[..., Path]) -> Path:
    """An empty database of MLflow to copy, as creating one takes seconds."""
    name = "empty.db"
    return shared("mlflow", lambda folder: open_experiment(f"sqlite:///{folder / name}", "other", folder)) / name


@pytest.fixture
def make_data(demo_store: Path) -> Callable[..., DermoscopyData]:
    """Builds a data module over the demo store; keyword arguments replace the defaults."""

    def build(**changes: object) -> DermoscopyData:
        arguments: dict = {
            "store": demo_store,
            "labels": ATTRIBUTES,
            "masks": ATTRIBUTES,
            "train_images": None,
            "split": partial(random_split, val=0.2, test=0.2),
            "split_seed": 0,
            "seed": 1,
            "batch_size": 16,
            "eval_batch_size": 32,
            "mean": (0.5, 0.4, 0.3),
            "std": (0.2, 0.25, 0.3),
            **dict.fromkeys(("augment", "stratify", "negatives", "val_negatives", "predicted")),
            **dict.fromkeys(("padding", "eval_padding"), "constant"),
            **{"memory": "auto", "mirror_truth": False, "reduce": 1, "mask_threshold": 0.5, "balance": 0},
        }
        return DermoscopyData(**{**arguments, **changes})

    return build


@pytest.fixture
def room():
    """Return a function that lets files of this process grow to so many bytes: the write that goes beyond is cut."""
    resource = pytest.importorskip("resource")
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


class ScriptResult:
    """Result of a root script: its exit code, its output, and its warnings."""

    def __init__(self, code: int, out: str, err: str, warned: Sequence[warnings.WarningMessage]) -> None:
        self.code, self.out, self.err = code, out, err
        self._warned, self._expected = warned, False

    @property
    def warnings(self) -> list[str]:
        """Warnings that a user sees; a test that never reads this property fails if there are any."""
        self._expected = True
        return [str(warning.message) for warning in self._warned]

    def unexpected(self) -> list[str]:
        """Return the warnings of a script whose test did not read `warnings`."""
        return [] if self._expected else [str(warning) for warning in self._warned]

    @property
    def error(self) -> str:
        """One-line error message for the user."""
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, self.err
        return lines[0]


@pytest.fixture
def run_script(tmp_path, monkeypatch, capfd) -> Iterator[Callable[..., ScriptResult]]:
    """Runs a root script as a user does, in an empty folder, but without starting a new process.

    The jobs of a sweep run in this process as well, one after another, unless a launcher is given.
    A warning is an error, as in all tests, unless the test reads `ScriptResult.warnings`.
    """
    runs: list[ScriptResult] = []

    def run(script: str, *arguments: str) -> ScriptResult:
        monkeypatch.chdir(tmp_path)
        launched = any(argument.startswith("hydra/launcher=") for argument in arguments)
        here = ("hydra/launcher=basic",) if "-m" in arguments and not launched else ()
        monkeypatch.setattr(sys, "argv", [str(ROOT / script), *arguments, *here])
        monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
        GlobalHydra.instance().clear()
        capfd.readouterr()
        code = 0
        with warnings.catch_warnings(record=True) as warned:  # root scripts filter the warnings for users
            warnings.simplefilter("always")
            ignore_known_warnings()
            try:
                runpy.run_path(str(ROOT / script), run_name="__main__")
            except SystemExit as exit:
                code = int(exit.code or 0)
        runs.append(ScriptResult(code, *capfd.readouterr(), warned))
        return runs[-1]

    yield run
    assert not [warning for result in runs for warning in result.unexpected()]
