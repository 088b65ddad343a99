"""Every arm of every experiment trains one batch, by the commands that the experiment itself names; make test-arms.

And the zeroing study finds that masks help where they do, and nothing where they do not.
"""

import json
import math
import shlex

import pytest
from builders import CONF, composed
from hydra.core.override_parser.overrides_parser import OverridesParser

from dermoscopy.config.choices import groups
from dermoscopy.runs.tables import NOT_AN_ARM

pytestmark = pytest.mark.arms
EXPERIMENTS = groups(CONF)["experiment"]
ONE_BATCH = (
    *("trainer=cpu", "threads=1", "logger=csv", "epochs=1", "datamodule.batch_size=4"),
    *("trainer.limit_train_batches=1", "trainer.limit_val_batches=1", "data.make.count=120", "data.make.size=[96,128]"),
)


def axes(experiment, protocol="quick"):
    """Return the sweep axes of an experiment and their values, as texts."""
    cfg = composed("train", f"+experiment={experiment}", f"protocol={protocol}", with_hydra=True)
    params = [f"{key}={value}" for key, value in cfg.hydra.sweeper.params.items()]
    overrides = OverridesParser.create().parse_overrides(params)
    return {o.get_key_element(): list(o.sweep_string_iterator()) for o in overrides if o.is_sweep_override()}


def commands(experiment):
    """Return the arguments of the commands that an experiment needs: the experiments before it, and its own."""
    about = composed("train", f"+experiment={experiment}").about
    return [shlex.split(command)[2:] for command in about.command.split("&&")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Data and runs of all experiments, so that each experiment that others need is trained once."""
    return tmp_path_factory.mktemp("arms")


@pytest.fixture
def train(run_script, folder):
    """Runs a command of an experiment on small demo data of the size that it wants."""

    def run(arguments, protocol, *changes):
        size = composed("train", *(a for a in arguments if a.startswith("+"))).data.size  # small in every protocol
        data = f"data.raw={folder / 'raw'}", f"data.store={folder / f'demo-{size[0]}.h5'}", f"data.size={[*size]}"
        data = *data, f"protocol={protocol}"
        plain = [argument for argument in arguments if argument != "-m"]
        ended = run_script("train.py", *plain, *ONE_BATCH, *data, *changes, f"runs={folder}/runs-{protocol}", "-m")
        assert ended.code == 0, ended.out + ended.err

    return run


def own_protocol(experiment):
    """Return the protocol in which an experiment runs if none is typed."""
    text = (CONF / "experiment" / f"{experiment}.yaml").read_text()
    return "pretrained" if "override /protocol: pretrained" in text else "quick"


@pytest.mark.parametrize(
    ("experiment", "protocol"),
    [(name, protocol) for name in EXPERIMENTS for protocol in dict.fromkeys([own_protocol(name), "pretrained"])],
)
def test_every_arm_of_an_experiment_trains_one_batch(train, folder, experiment, protocol):
    """Every arm in its own protocol; with pretrained weights every network and every arm of a group."""
    *before, own = commands(experiment)
    for command in before:
        train(command, protocol)
    values = axes(experiment, protocol)
    once = set(NOT_AN_ARM)
    if protocol != own_protocol(experiment):
        once |= {axis for axis in values if axis not in groups(CONF) and axis != "encoder"}
    fixed = {axis: values.pop(axis)[0] for axis in once & values.keys()}
    train(own, protocol, *(f"{axis}={value}" for axis, value in fixed.items()))
    jobs = folder.glob(f"runs-{protocol}/{experiment}/sweeps/*/*/job.json")
    records = [json.loads(path.read_text()) for path in jobs]
    arms = math.prod(map(len, values.values()))
    assert len({record["arm"] for record in records}) == arms
    assert {record["status"] for record in records} == {"done"}


SMALL = (  # the zeroing study with two arms and three seeds, as small as it still learns
    *("trainer=cpu", "threads=1", "logger=csv", "zeroing=everything,nothing", "epochs=6", "protocol.batch_size=16"),
    *("protocol.backbone=test_resnet", "lr=5e-3"),
    *("data.size=[48,48]", "data.make.count=300", "data.make.size=[48,64]"),
)


@pytest.fixture
def finding(run_script, tmp_path):
    """Trains the small zeroing study on a variant of the demo data; returns the standing of `nothing` on its page."""

    def find(*variant):
        ended = run_script("train.py", "+experiment=zeroing", "data=demo", *variant, *SMALL, "-m")
        assert ended.code == 0, ended.out + ended.err
        ended = run_script("report.py", "experiment=zeroing")
        assert ended.code == 0, ended.out + ended.err
        lines = (tmp_path / "runs" / "zeroing" / "report" / "README.md").read_text().splitlines()
        (row,) = [line for line in lines if line.startswith("| masks always given")]
        return row.split("|")[-2].strip()

    return find


def test_the_zeroing_study_establishes_that_masks_help_where_only_they_tell_the_label(finding):
    assert finding("demo.masks_help=true") == "better"


def test_the_zeroing_study_establishes_nothing_where_masks_are_unknown_at_test(finding):
    assert finding() == "cannot tell"
