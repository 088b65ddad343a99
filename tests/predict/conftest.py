"""Runs of tiny segmenters as train.py leaves them, without the training."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from builders import composed
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from dermoscopy.config.trained import build_network
from dermoscopy.data.demo.dataset import make_demo
from dermoscopy.data.prepare import prepare
from dermoscopy.data.raw.sources import FolderSource
from dermoscopy.data.store.reader import open_store
from dermoscopy.predict.network import TrainedNetwork, load_network
from dermoscopy.runs.files import BEST, CONFIG, SPLIT
from dermoscopy.runs.keys import RECIPE
from dermoscopy.runs.recorded import read_stage

SEGMENTER = (
    *("model=segmentation", "network.encoder=tu-test_resnet", "network.pretrained=false", "trainer=cpu", "logger=csv"),
    *("network.architecture.decoder_channels=[8,8,8,8,8]", "trainer.precision=32-true", "data.stratify=[]"),
    "data.size=[64,128]",
)
COUNT = 30
TRAINING = [
    *(
        "data.make.count=40",
        "data.make.size=[48,64]",
        "+data.make.workers=1",
        "data.size=[32,32]",
    ),
    *("split.val=0.3", "split.test=0.3"),
    *("network.backbone=test_resnet", "zeroing=everything", "epochs=1", "threads=1", "logger=csv"),
    *("trainer=cpu", "trainer.precision=32-true"),  # the same on every CPU
]
MakeRun = Callable[..., Path]
Shared = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def few_source(shared: Shared) -> FolderSource:
    """30 demo images of 48 x 64 px, with three of their masks."""
    root = shared("few", partial(make_demo, count=COUNT, size=(48, 64), workers=1))
    masks = {"lesion": "ISIC2018_Task1_Training_GroundTruth/{id}_segmentation.png"}
    attribute = "ISIC2018_Task2_Training_GroundTruth_v3/{id}_attribute_%s.png"
    masks |= {name: attribute % name for name in ("globules", "streaks")}
    return FolderSource(root, "ISIC2018_Task1-2_Training_Input/{id}.jpg", masks)


@pytest.fixture(scope="session")
def wide_store(few_source: FolderSource, shared: Shared) -> Path:
    """The few images in a store of 64 x 128 px: not square, padded on two sides."""
    name = "few-64x128.h5"
    return shared("wide store", lambda folder: prepare(few_source, folder / name, (64, 128), progress=False)) / name


@pytest.fixture(scope="session")
def make_run(wide_store: Path, few_source: FolderSource) -> MakeRun:
    """A function that builds the folder of a stage with random weights from overrides of train.py, and may test it."""

    def make(folder: Path, *overrides: str, tested: bool = False) -> Path:
        folder.mkdir(parents=True)
        cfg = stage_configuration(
            f"data.store={wide_store}", f"data.raw={few_source.root}", f"+folder={folder}", *overrides
        )
        facts = {"recipe_version": RECIPE, "fingerprint": open_store(wide_store).fingerprint}
        OmegaConf.save(OmegaConf.merge(cfg, facts), folder / CONFIG, resolve=True)
        torch.manual_seed(sum(map(ord, folder.name)))
        data, task = (instantiate(cfg[part]) for part in ("datamodule", "model"))
        spread(task.network.eval(), data)
        torch.save({"state_dict": task.state_dict()}, folder / BEST)
        data.write_split(folder / SPLIT)
        if tested:
            instantiate(cfg.trainer).test(task, datamodule=data, verbose=False)
        return folder

    return make


def stage_configuration(*overrides: str) -> DictConfig:
    """Return the configuration of a stage, without its logger, which needs a running Hydra."""
    GlobalHydra.instance().clear()
    cfg = composed("train", "+stage=only", "+stage_seed=0", "+offset=0", *SEGMENTER, *overrides)
    return OmegaConf.masked_copy(cfg, [key for key in cfg if key != "logger"])


@pytest.fixture(scope="session")
def composed_stage() -> Callable[..., DictConfig]:
    """A function that composes the configuration of a stage from overrides of train.py."""
    return stage_configuration


@torch.no_grad()
def spread(network: Any, data: Any) -> None:
    """Spread a network's logits about 0, so that its masks are neither empty nor full."""
    data.setup("test")
    logits = network(data.finish(data.gather(data.rows("test")))["image"])
    head = network.model.segmentation_head[0]
    middle, scale = logits.mean((0, 2, 3)), logits.std((0, 2, 3))
    head.weight /= scale.view(-1, 1, 1, 1)
    head.bias.copy_((head.bias - middle) / scale)


@pytest.fixture(scope="session")
def load_run() -> Callable[[Path], TrainedNetwork]:
    """A function that loads the network of a run."""

    def load(folder: Path) -> TrainedNetwork:
        stage = read_stage(folder / BEST)
        return load_network(stage, build_network(stage, []), torch.device("cpu"))

    return load


@pytest.fixture(scope="session")
def lesion_run(make_run: MakeRun, shared: Shared) -> Path:
    """A run of one mask, tested with flips."""
    place = Path("run", "1esion")
    return shared("lesion", lambda folder: make_run(folder / place, "model.tta=[flips]", tested=True)) / place


@pytest.fixture(scope="session")
def classes_run(make_run: MakeRun, shared: Shared) -> Path:
    """A tested run of exclusive masks, on images of half the store's size with mirrored padding."""
    options = ("data.masks=[globules,streaks]", "exclusive=true", "datamodule.reduce=2")
    options, place = (*options, "datamodule.eval_padding=reflection"), Path("run", "c1asses")
    return shared("classes", lambda folder: make_run(folder / place, *options, tested=True)) / place


@pytest.fixture
def trained(run_script: Callable[..., Any], shared: Callable[..., Path], tmp_path: Path) -> Path:
    """A folder with a tiny network trained for one epoch by the real train.py, once for all tests."""

    def fill(folder: Path) -> None:
        ended = run_script("train.py", *TRAINING)
        assert ended.code == 0, ended.err
        for made in ("data", "runs"):
            shutil.move(tmp_path / made, folder)

    return shared("classifier", fill)


@pytest.fixture
def checkpoint(trained: Path) -> Path:
    """The checkpoint of that network."""
    return next(trained.glob(f"runs/run/*/{BEST}"))
