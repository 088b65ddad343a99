"""Every experiment composes, builds and trains one batch under the quick protocol; the paper protocol composes."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from dermoscopy.data.prepare import prepare

CONF = Path(__file__).parents[1] / "conf"
EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
GROUPS = ("zeroing", "optimizer", "scheduler", "augment", "split", "logger", "callbacks", "trainer", "loss", "data")
GROUPS += ("tracking", "hydra/launcher", "model", "network")
CHOICES = [f"{group}={path.stem}" for group in GROUPS for path in sorted((CONF / group).glob("*.yaml"))]


def composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("train", [*overrides], return_hydra_config=True)


def axes(cfg: DictConfig) -> dict[str, list]:
    """The sweep axes of an experiment and their values."""
    params = [f"{key}={value}" for key, value in cfg.hydra.sweeper.params.items()]
    return {o.get_key_element(): list(o.sweep_iterator()) for o in OverridesParser.create().parse_overrides(params)}


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_the_first_lines_of_an_experiment_say_question_command_cost_and_expectation(experiment):
    lines = (CONF / "experiment" / f"{experiment}.yaml").read_text().splitlines()
    assert lines[0] == "# @package _global_"
    assert [line.split(":")[0] for line in lines[1:5]] == ["# question", "# command", "# cost", "# expected"]
    assert f"python train.py +experiment={experiment} -m" in lines[2]


@pytest.fixture(scope="module")
def store(demo_source, tmp_path_factory):
    """A store whose images can be halved once and still be read by an encoder."""
    return prepare(demo_source, tmp_path_factory.mktemp("store") / "demo-64x64.h5", (64, 64), progress=False)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiment_trains_one_batch(run_script, store, experiment):
    lengths = composed(f"+experiment={experiment}").lengths.quick
    ended = run_script(
        "train.py",
        f"+experiment={experiment}",
        f"data.store={store}",
        "data.raw=null",
        "data.size=[64,64]",
        "protocol.backbone=resnet10t",
        "protocol.encoder=mobilenet_v2",
        "trainer=cpu",
        "trainer.limit_train_batches=1",
        "trainer.limit_val_batches=1",
        "datamodule.batch_size=4",
        "logger=csv",
        "lengths.quick=" + ("1" if isinstance(lengths, int) else f"[{','.join('1' for _ in lengths)}]"),
    )
    assert ended.code == 0, ended.err


@pytest.mark.parametrize("protocol", ["quick", "paper"])
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_job_of_a_sweep_composes(experiment, protocol):
    start = (f"+experiment={experiment}", f"protocol={protocol}")
    for key, values in axes(composed(*start)).items():
        files = (CONF / key).is_dir()  # one value composes as another does, but one file may not as another
        for value in values if files else values[:1]:
            assert composed(*start, f"{key}={value}")


def test_the_arms_of_zeroing_have_the_same_total_of_epochs():
    for protocol in ("quick", "paper"):
        start = ("+experiment=zeroing", f"protocol={protocol}")
        totals = set()
        for arm in axes(composed(*start))["zeroing"]:
            cfg = composed(*start, f"zeroing={arm}")
            totals.add(sum(OmegaConf.merge({"epochs": cfg.epochs}, stage).epochs for stage in resolved(cfg).stages))
        assert len(totals) == 1


def resolved(cfg: DictConfig) -> DictConfig:
    plain = OmegaConf.masked_copy(cfg, ["stages", "lengths", "protocol", "epochs"])
    OmegaConf.resolve(plain)
    return plain


def test_the_paper_protocol_repeats_the_ten_seeds_of_s0_at_224_px():
    cfg = composed("+experiment=zeroing", "protocol=paper")
    assert axes(cfg)["seed"] == [433, 198, 389, 456, 216, 21, 133, 495, 262, 249]
    assert cfg.data.size == [224, 224]
    assert cfg.network.pretrained


@pytest.mark.parametrize("experiment", ["zeroing", "baseline_two", "folds", "losses"])
def test_any_experiment_borrows_the_axes_of_sweep(experiment):
    plain = axes(composed(f"+experiment={experiment}"))
    folds = axes(composed(f"+experiment={experiment}", "+sweep=folds"))
    assert folds == plain | {"split.fold": [0, 1, 2, 3, 4]}
    assert axes(composed(f"+experiment={experiment}", "+sweep=seeds")) == plain | {"seed": [0, 1, 2]}
    assert composed(f"+experiment={experiment}", "+sweep=folds", "split.fold=3").split.k == 5


@pytest.mark.parametrize("choice", CHOICES)
def test_every_choice_of_every_group_composes(choice):
    assert composed(choice)


@pytest.mark.parametrize(("name", "p", "grid"), [("never", 1, 1), ("always", 0, 1), ("cells16_20", 0.2, 16)])
def test_the_name_of_a_zeroing_says_what_it_does(name, p, grid):
    zeroing = composed(f"zeroing={name}").zeroing
    assert (zeroing.p, zeroing.grid) == (p, grid)
