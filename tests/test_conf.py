"""All jobs of all experiments, and all choices of all groups, can be built; make test-arms trains them."""

import copy
import json
from functools import cache

import pandas as pd
import pytest
from builders import CONF, assert_can_be_built
from builders import composed as compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from dermoscopy.config.build import plain
from dermoscopy.config.checks import check_about
from dermoscopy.config.choices import groups
from dermoscopy.config.stages import stage_configurations
from dermoscopy.data.prepare import prepare
from dermoscopy.networks.published import package_of
from dermoscopy.runs.tables import NOT_AN_ARM

EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
GROUPS = ("zeroing", "optimizer", "scheduler", "augment", "split", "logger", "callbacks", "trainer", "loss", "data")
GROUPS += ("tracking", "hydra/launcher", "model", "network")
NAMES = groups(CONF)
CHOICES = [f"{group}={name}" for group in GROUPS for name in NAMES[group]]
OF_VIEWS = [f"{group}={name}" for group in ("mask_views", "consistency") for name in NAMES[group]]
ARMS = [(group.removeprefix("arm/"), name) for group in NAMES if group.startswith("arm/") for name in NAMES[group]]


@cache
def composed(*overrides: str) -> DictConfig:
    return compose("train", *overrides, with_hydra=True)


def axes(cfg: DictConfig) -> dict[str, list]:
    """Return the sweep axes of an experiment and their values."""
    params = [f"{key}={value}" for key, value in cfg.hydra.sweeper.params.items()]
    return {o.get_key_element(): list(o.sweep_iterator()) for o in OverridesParser.create().parse_overrides(params)}


def jobs(*start: str, every: bool = False) -> list[DictConfig]:
    """Return jobs of a sweep: all choices of axes that are groups, one value of other axes, which compose alike.

    With `every`, all values of all axes that distinguish arms.
    """
    values = axes(composed(*start))
    files = {key for key in values if (key not in NOT_AN_ARM if every else key in NAMES)}
    start += tuple(f"{key}={values[key][0]}" for key in values if key not in files)
    chosen = [f"{key}={value}" for key in values if key in files for value in values[key]]
    return [composed(*start, choice) for choice in chosen] or [composed(*start)]


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiment_states_question_command_cost_expectation_and_primary_metric(experiment):
    about = check_about(experiment, OmegaConf.to_container(composed(f"+experiment={experiment}").about))
    assert about["question"].count("?") == 1 and about["command"].endswith(
        f"python train.py +experiment={experiment} -m"
    )


@pytest.mark.parametrize("condition", ["none", "given"])
def test_the_primary_metric_of_zeroing_is_under_the_masks_of_validation(condition):
    cfg = composed("+experiment=zeroing", f"model.validation_masks={condition}")
    assert check_about("zeroing", plain(cfg.about))["primary_metric"] == f"test/{condition}/average_precision"


def test_masks_teach_in_one_arm_of_pair():
    stops = {job.hydra.runtime.choices["arm/pair"]: job.consistency.stop for job in jobs("+experiment=pair")}
    assert {arm for arm, stop in stops.items() if stop == "first"} == {"masks_teach"}


@pytest.fixture(scope="module")
def store(demo_source, shared):
    """A store whose images an encoder can read even at half their size."""
    name = "demo-64x64.h5"
    return shared("store of 64 px", lambda folder: prepare(demo_source, folder / name, (64, 64), progress=False)) / name


@pytest.mark.parametrize(("experiment", "arm"), ARMS)
def test_every_arm_is_in_its_sweep_and_can_be_built(experiment, arm):
    assert arm in axes(composed(f"+experiment={experiment}"))[f"arm/{experiment}"]
    (cfg,) = (
        copy.deepcopy(job)
        for job in jobs(f"+experiment={experiment}", "protocol=quick")
        if job.hydra.runtime.choices[f"arm/{experiment}"] == arm
    )
    cfg.protocol.backbone, cfg.protocol.encoder = "test_resnet", "tu-test_resnet"
    network = instantiate(cfg.model).network
    assert any(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_job_of_a_sweep_can_be_built(experiment):
    for cfg in jobs(f"+experiment={experiment}", "protocol=quick"):
        assert assert_can_be_built(cfg)["name"] == experiment


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_the_additional_jobs_of_the_paper_protocol_can_be_built(experiment):
    """Build one job of those in both protocols, as protocols change values that all jobs refer to alike."""
    quick, paper = (axes(composed(f"+experiment={experiment}", f"protocol={name}")) for name in ("quick", "paper"))
    added = [f"{key}={v}" for key in paper if key in NAMES for v in paper[key] if v not in quick.get(key, ())]
    for start in ((), *((choice,) for choice in added)):
        plain = assert_can_be_built(composed(f"+experiment={experiment}", "protocol=paper", *start))
        assert (plain["name"], plain["protocol"]["name"]) == (experiment, "paper")


def test_the_arms_of_zeroing_have_the_same_total_number_of_epochs():
    for protocol in ("quick", "paper", "pretrained"):
        arms = jobs("+experiment=zeroing", f"protocol={protocol}")
        totals = {sum(stage.epochs for stage in stage_configurations(cfg)) for cfg in arms}
        assert len(arms) > 1 and len(totals) == 1


def test_the_paper_protocol_repeats_the_ten_seeds_of_the_zeroing_study_at_224_px():
    cfg = composed("+experiment=zeroing", "protocol=paper")
    assert axes(cfg)["seed"] == [433, 198, 389, 456, 216, 21, 133, 495, 262, 249]
    assert cfg.data.size == [224, 224]
    assert cfg.network.pretrained


def networks(cfg: DictConfig) -> list[DictConfig]:
    """Return the parts of a network that load weights: itself, or those of a cascade or a Y-net."""
    parts = [part for part in cfg.network.values() if isinstance(part, DictConfig) and "checkpoint" in part]
    return parts or [cfg.network]


def is_pretrained(cfg: DictConfig) -> bool:
    (pretrained,) = {bool(part.get("pretrained", False)) for part in networks(cfg)}
    return pretrained


@pytest.mark.arms  # composes every arm in every protocol
@pytest.mark.parametrize("protocol", ["quick", "paper", "pretrained"])
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_arm_has_epochs_in_all_stages_and_rates_for_its_weights(experiment, protocol, monkeypatch):
    """Under paper a pretrained U-Net was compared with an untrained one, and folds were fine-tuned at 2e-3."""
    monkeypatch.setattr("dermoscopy.config.stages.locate", lambda _: None)  # results of other experiments
    arms = jobs(f"+experiment={experiment}", f"protocol={protocol}", every=True)
    for cfg in arms:
        assert all(stage.epochs >= 1 for stage in stage_configurations(cfg)), cfg.hydra.overrides.task
    kinds = {is_pretrained(cfg) for cfg in arms}
    if (experiment, protocol) == ("backbones", "pretrained"):  # what weights are worth is its question there
        variants = ("lite0", "lite0_scratch")
        chosen = [composed(f"+experiment={experiment}", f"protocol={protocol}", f"encoder={name}") for name in variants]
        assert [is_pretrained(cfg) for cfg in chosen] == [True, False]
        return
    (pretrained,) = kinds
    assert pretrained == (protocol != "quick" and experiment != "improved_unet")
    highest = {"paper": 1e-4, "pretrained": 1e-3}
    for cfg in arms:
        if "optimizer.lr" in axes(composed(f"+experiment={experiment}", f"protocol={protocol}")):
            continue
        rates = [OmegaConf.select(stage, "optimizer.lr", default=cfg.optimizer.lr) for stage in cfg.stages]
        assert rates == sorted(rates, reverse=True)
        assert max(rates) <= highest[protocol] if pretrained else rates[0] >= 1e-3, rates


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_the_pretrained_protocol_starts_from_weights_that_packages_have(experiment):
    for cfg in jobs(f"+experiment={experiment}", "protocol=pretrained"):
        for part in networks(cfg):
            name = part.get("backbone") or part.get("encoder")
            assert not part.get("pretrained") or package_of(name), name


@pytest.mark.parametrize("protocol", ["quick", "paper", "pretrained"])
def test_the_learning_rates_that_are_compared_lie_around_that_of_the_protocol(protocol):
    cfg = composed("+experiment=learning_rate", f"protocol={protocol}")
    rates = [rate for rate in axes(cfg)["optimizer.lr"] if rate != "auto"]
    assert min(rates) < cfg.protocol.lr < max(rates) and cfg.protocol.lr in rates


@pytest.mark.parametrize("experiment", ["zeroing", "baseline_two", "folds", "losses"])
def test_any_experiment_can_be_combined_with_an_axis_of_the_group_sweep(experiment):
    plain = axes(composed(f"+experiment={experiment}"))
    folds = axes(composed(f"+experiment={experiment}", "+sweep=folds"))
    assert folds == plain | {"split.fold": [0, 1, 2, 3, 4]}
    assert axes(composed(f"+experiment={experiment}", "+sweep=seeds")) == plain | {"seed": [0, 1, 2]}
    assert composed(f"+experiment={experiment}", "+sweep=folds", "split.fold=3").split.k == 5


@pytest.mark.parametrize("choice", CHOICES)
def test_every_choice_of_every_group_can_be_built(choice):
    group, name = choice.split("=")
    cfg = composed(choice, *(["data.raw=photos"] if choice == "data=folders" else []))
    assert cfg.hydra.runtime.choices[group] == name
    assert_can_be_built(cfg)


@pytest.mark.parametrize("choice", OF_VIEWS)
def test_every_choice_of_mask_views_and_consistency_can_be_built(choice):
    plain = assert_can_be_built(composed("model=consistency", choice))
    assert instantiate(plain["model"]).consistency.of in ("features", "logits", "probabilities")


@pytest.mark.parametrize(("name", "p", "grid"), [("everything", 1, 1), ("nothing", 0, 1), ("cells16_20", 0.2, 16)])
def test_the_name_of_a_zeroing_states_its_settings(name, p, grid):
    zeroing = composed(f"zeroing={name}").zeroing
    assert (zeroing.p, zeroing.grid) == (p, grid)


TINY = (
    *("network.backbone=test_resnet", "trainer=cpu", "trainer.precision=32-true", "data.raw=null", "data.size=[64,64]"),
    "threads=1",
)


def histories(place):
    return [pd.read_csv(path) for path in sorted(place.glob("runs/debug/*/history.csv"))]


@pytest.mark.parametrize("name", ["fast_dev_run", "profiler"])
def test_a_configuration_is_tried_without_a_trace_in_its_study(run_script, store, name, tmp_path):
    ended = run_script("train.py", "+experiment=zeroing", f"+debug={name}", f"data.store={store}", *TINY)
    assert ended.code == 0, ended.err
    assert "this is 1 of the 18 jobs of the experiment: add -m" in ended.out
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["debug"]
    assert [table["epoch"].max() for table in histories(tmp_path)] == [0, 0]  # one epoch of each stage
    profiles = [path.name for path in tmp_path.glob("runs/debug/*/*-profile.txt")]
    assert sorted(set(profiles)) == (["fit-profile.txt", "test-profile.txt"] if name == "profiler" else [])
    if name == "fast_dev_run":
        predictions = pd.read_csv(next(tmp_path.glob("runs/debug/*/predictions.csv")))
        assert predictions["id"].nunique() > 1


def test_a_few_images_are_overfitted(run_script, store, tmp_path):
    shorter = ("epochs=25", "optimizer.lr=1e-2")
    ended = run_script("train.py", "+debug=overfit", "zeroing=nothing", f"data.store={store}", *TINY, *shorter)
    assert ended.code == 0, ended.err
    (table,) = histories(tmp_path)
    loss = table.loc[table["mode"] == "train", "loss"]
    assert len(loss) == 25 and loss.iloc[-1] < 0.35 * loss.iloc[0]


@pytest.mark.parametrize(
    ("argument", "names"),
    [
        ("+folder=here", ("folder", "set by the program")),
        ("+recipe_version=1", ("recipe_version", "set by the program")),
        ("split=holdout", ("split=holdout is now split=random",)),
        ("hydra.run.dir=here", ("hydra.run.dir=here", "runs=DIR")),
        ("hydra.job.chdir=true", ("hydra.job.chdir=true",)),
        ("epochs={quick: {base: 1}}", ("epochs.quick", "only", "base")),
        ("datamodule.train_images=0", ("datamodule.train_images", "0")),
    ],
)
def test_settings_without_effect_are_refused_before_anything_is_trained(run_script, store, argument, names, tmp_path):
    ended = run_script("train.py", f"data.store={store}", "logger=csv", *TINY, argument)
    assert ended.code == 1 and ended.error.count("\n") == 0
    assert [name for name in names if name not in ended.error] == [], ended.error
    assert not list(tmp_path.glob("runs/*/*/best.ckpt"))


ABOUT = {"question": "Q", "command": "c", "cost": "c", "expectation": "e", "primary_metric": "test/none/f1"}
OWN = f"# @package _global_\nname: mine\nabout: {json.dumps(ABOUT)}\n"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("defaults: [override /split: holdout]\n", "split=holdout is now split=random"),
        ("model: {monitored: given}\n", "model.monitored is now model.validation_masks"),
        ("lengths: {quick: [1]}\n", "lengths is now epochs"),
    ],
)
def test_an_earlier_name_in_a_file_of_ones_own_answers_with_the_new_one(run_script, store, text, answer, tmp_path):
    (tmp_path / "own" / "experiment").mkdir(parents=True)
    (tmp_path / "own" / "experiment" / "mine.yaml").write_text(OWN + text)
    own = f"--config-dir={tmp_path / 'own'}"
    ended = run_script("train.py", own, "+experiment=mine", f"data.store={store}", "logger=csv", *TINY)
    assert ended.code == 1 and answer in ended.error and ended.error.count("\n") == 0
