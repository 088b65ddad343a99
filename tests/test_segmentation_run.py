"""Segmentation by train.py: overrides of stages, initial weights, the learning-rate finder, errors."""

import json
import re
from functools import partial

import pandas as pd
import pytest
import torch
import yaml
from builders import composed
from hydra.utils import instantiate
from power_cut import Cut, PowerCut
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import nn
from trainers import quiet_trainer

from dermoscopy.data.batches.order import batch_sizes
from dermoscopy.evaluation.segmentation import Evaluator
from dermoscopy.losses.segmentation import Dice
from dermoscopy.losses.weighted_sum import LossSum
from dermoscopy.machine.randomness import derive, repeat_seed
from dermoscopy.runs.checkpoints import weights
from dermoscopy.runs.files import BEST, LAST
from dermoscopy.runs.stage import Stage
from dermoscopy.tasks.schedule import Schedule
from dermoscopy.tasks.segmentation import SegmentationTask
from dermoscopy.training.callbacks.history import History
from dermoscopy.training.callbacks.segmentation import MaskPredictions
from dermoscopy.training.lr_finder import TABLE
from dermoscopy.training.resume import LastCheckpoint
from dermoscopy.training.stages import Parts, run_stages

TINY = ("model=segmentation", "network.encoder=tu-test_resnet", "+network.architecture.encoder_depth=3")
TINY += ("network.architecture.decoder_channels=[8,8,8]", "datamodule.batch_size=8", "callbacks.predictions.panels=0")
TINY += ("epochs=1", "trainer=cpu", "threads=1", "logger=csv", "trainer.limit_train_batches=1", "data.size=[32,32]")


@pytest.fixture
def train(run_script, demo_store):
    """Runs train.py on the tiny store with a tiny segmenter; further arguments are overrides."""
    return lambda *arguments: run_script("train.py", *TINY, f"data.store={demo_store}", "data.raw=null", *arguments)


@pytest.fixture
def trained(train, tmp_path):
    """Runs train.py and returns the folder of each stage by name."""

    def run(*arguments):
        ended = train(*arguments)
        assert ended.code == 0, ended.err
        return stages_in(tmp_path)

    return run


def stages_in(folder):
    """Return the folder of each stage that was trained in the folder of a test, by name."""
    return {read(path)["stage"]: path.parent for path in folder.glob("runs/*/*/result.json")}


def read(path):
    return yaml.safe_load(path.read_text())  # which reads JSON as well


def flat(values, prefix=""):
    """Return a nested mapping as one from dotted paths to values."""
    paths = {}
    for name, value in values.items():
        paths |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return paths


def equal(first, second, part):
    """Check whether a part of the best weights is identical in two stages."""
    one, other = weights(first / BEST), weights(second / BEST)
    names = [name for name in one if name.startswith(part)]
    assert names
    return all(torch.equal(one[name], other[name]) for name in names)


HALF = "stage: half, epochs: 3, loss: bce, datamodule: {reduce: 2}, optimizer: {lr: 3e-3}"
HALF += ", monitor: {metric: val/recall, mode: min}"  # for which an early epoch is best
FROZEN = "stage: frozen, loss: bce+0.5*lovasz, datamodule: {negatives: none}, model: {freeze: [encoder]}"
STOPS = "_target_: pytorch_lightning.callbacks.EarlyStopping, monitor: val/loss, min_delta: 9, patience: 1"
WHOLE = f"stage: whole, epochs: 4, callbacks: {{stops: {{{STOPS}}}}}"


def test_the_overrides_of_a_stage_apply_to_it_alone(trained):
    folders = trained(f"stages=[{{{HALF}}}, {{{FROZEN}}}, {{{WHOLE}}}]", "optimizer.lr=1e-3")
    results, configurations = (
        {name: read(f / file) for name, f in folders.items()} for file in ("result.json", "config.yaml")
    )

    histories = {name: pd.read_csv(folder / "history.csv") for name, folder in folders.items()}
    terms = {name: sorted(c for c in table if c.startswith("loss/")) for name, table in histories.items()}
    assert terms == {"half": [], "frozen": ["loss/bce", "loss/lovasz"], "whole": ["loss/bce", "loss/dice"]}
    assert {name: result["epochs"] for name, result in results.items()} == {"half": 3, "frozen": 1, "whole": 2}

    own = {
        "half": {"loss.text", "datamodule.reduce", "monitor.metric", "monitor.mode", "epochs", "optimizer.lr"},
        "frozen": {"loss.text", "datamodule.negatives", "model.freeze"},
        "whole": {"callbacks.stops.patience", "epochs"},
    }
    settings = {name: flat(configuration) for name, configuration in configurations.items()}
    for name, changed in own.items():
        for path in changed:
            others = [settings[other].get(path) for other in own if path not in own[other]]
            assert settings[name][path] not in others, path
            assert all(value == others[0] for value in others), path

    sizes = {name: result["parameters"] for name, result in results.items()}
    assert len(set(sizes.values())) == 1
    encoder = sum(v.numel() for k, v in weights(folders["half"] / BEST).items() if is_parameter_of_encoder(k))
    free = {name: result["parameters"] - result["trainable"] for name, result in results.items()}
    assert free == {"half": 0, "frozen": encoder, "whole": 0}

    # the frozen encoder and its batch statistics are from the best epoch of the previous stage, which is not its last
    assert results["half"]["best_epoch"] < 2
    assert equal(folders["half"], folders["frozen"], "network.model.encoder")
    assert not equal(folders["half"], folders["frozen"], "network.model.decoder")
    assert not equal(folders["frozen"], folders["whole"], "network.model.encoder")

    assert {"test/none/dice", "test/none/iou", "test/none/failure_rate"} <= set(results["whole"]["metrics"])
    assert all(
        (folders["whole"] / file).is_file() for file in ("predictions.csv", "scores.csv", "masks.h5", "dice.png")
    )
    assert not (folders["half"] / "predictions.csv").exists()


def is_parameter_of_encoder(name):
    return ".encoder." in name and not name.endswith(("running_mean", "running_var", "num_batches_tracked"))


def test_a_stage_with_a_checkpoint_starts_from_it_and_not_from_the_previous_stage(trained, train, tmp_path):
    first = trained("name=first", "seed=5", "~callbacks.predictions")["only"]
    layer, state = "model.decoder.blocks.0.conv1.0.weight", weights(first / BEST)
    other = {name.removeprefix("network."): value.clone() for name, value in state.items()}
    other[layer] *= -1
    torch.save(other, tmp_path / "other.pt")
    no_update = "optimizer: {lr: 1e-12, weight_decay: 0}"
    key, file = f"network: {{checkpoint: '{first.name[:8]}'}}", "network: {checkpoint: other.pt}"
    ended = train(
        f"stages=[{{stage: key, {key}, {no_update}}}, {{stage: file, {file}, {no_update}}}]", "~callbacks.predictions"
    )
    assert ended.code == 0, ended.err
    (warning,) = ended.warnings  # another seed has another split
    assert f"network.checkpoint=runs/first/{first.name}/best.ckpt" in warning and "test images of this run" in warning
    folders = stages_in(tmp_path)
    for name, start in (("key", other[layer] * -1), ("file", other[layer])):
        torch.testing.assert_close(weights(folders[name] / BEST)[f"network.{layer}"], start, rtol=1e-4, atol=1e-6)


def test_folds_of_one_seed_start_from_weights_of_their_own_and_a_run_without_folds_from_those_of_its_seed(
    train, tmp_path
):
    layer, at_start = "model.decoder.blocks.0.conv1.0.weight", ("optimizer.lr=1e-12", "optimizer.weight_decay=0")
    runs = {"random": (), **{f"fold{n}": ("split=folds", "split.k=3", f"split.fold={n}") for n in (0, 1)}}
    first = {}
    for name, split in runs.items():
        ended = train(f"name={name}", "~callbacks.predictions", *at_start, *split)
        assert ended.code == 0, ended.err
        (best,) = tmp_path.glob(f"runs/{name}/*/best.ckpt")
        first[name] = weights(best)[f"network.{layer}"]
    for name, seed in {"random": 0, "fold0": repeat_seed(0, 0), "fold1": repeat_seed(0, 1)}.items():
        torch.manual_seed(derive(seed, "weights"))
        network = instantiate(composed("train", *TINY).network)
        torch.testing.assert_close(first[name], network.state_dict()[layer], rtol=1e-4, atol=1e-6)
    assert not torch.allclose(first["fold0"], first["fold1"], atol=1e-3)


def test_the_learning_rate_of_the_finder_is_recorded_and_read_when_the_stage_resumes(trained, train, tmp_path):
    arguments = ("optimizer.lr=auto", "lr_finder.steps=40", "lr_finder.start=1e-4", "~callbacks.predictions")
    folder = trained(*arguments)["only"]
    lr = read(folder / "result.json")["lr"]
    assert 1e-4 < lr < 1
    configuration = read(folder / "config.yaml")
    assert configuration["optimizer"]["lr"] == configuration["scheduler"]["build"]["max_lr"] == lr

    table = pd.read_csv(folder / TABLE)
    (table.assign(lr=table["lr"] * 10)).to_csv(folder / TABLE, index=False)
    for path in (folder / "result.json", folder / LAST):  # as if killed after the finder
        path.unlink()
    assert f"learning rate of only: {10 * lr:g}" in train(*arguments).out
    assert read(folder / "result.json")["lr"] == pytest.approx(10 * lr)


@pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning")
def test_an_interrupted_segmentation_resumes_and_ends_bit_for_bit_like_an_uninterrupted_one(make_data, tmp_path):
    def build(folder, *extra):
        layers = (nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(), nn.BatchNorm2d(4))
        task = SegmentationTask(
            nn.Sequential(*layers, nn.Conv2d(4, 2, 1)),
            LossSum("dice", {"dice": Dice(False, smooth=1.0)}),
            ("lesion", "streaks"),
            False,
            ["none", "flips"],
            Evaluator(None, hd95=False),
            partial(torch.optim.AdamW, lr=0.01),
            seed=7,
            scheduler=Schedule(partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=0.01), "step", "total_steps"),
            freeze=["1"],
            metrics={},
        )
        best = ModelCheckpoint(folder, "best", monitor="val/dice", mode="max", save_weights_only=True)
        best.save_on_train_epoch_end, best._enable_version_counter = True, False
        callbacks = [best, LastCheckpoint(folder), History(folder, "only", 0, ["val/dice"]), *extra]
        callbacks.append(MaskPredictions(folder, panels=0))
        trainer = partial(quiet_trainer, max_epochs=2, callbacks=callbacks, default_root_dir=folder)
        data = make_data(masks=("lesion", "streaks"), labels=(), batch_size=21, negatives=0.2)
        assert batch_sizes(data.train_dataloader().images, 21) == [21, 21, 30]  # the last one is joined
        return Parts(data, task, trainer)

    def run(name, *extra):
        folder = tmp_path / name
        stage = Stage("only", 2, "only", folder, 0, ("none", "flips"))
        run_stages([stage], lambda *_: build(folder, *extra), [])
        return folder

    whole = run("whole")
    with pytest.raises(PowerCut):
        run("cut", Cut(1, 0))
    assert not (tmp_path / "cut" / "result.json").exists()
    cut = run("cut")
    for file in (BEST, LAST):
        first, second = weights(whole / file), weights(cut / file)
        assert all(torch.equal(first[name], second[name]) for name in first)
    assert (whole / "predictions.csv").read_bytes() == (cut / "predictions.csv").read_bytes()
    one, two = (pd.read_csv(f / "history.csv", dtype=str).drop(columns="seconds") for f in (whole, cut))
    pd.testing.assert_frame_equal(one, two)
    results = [json.loads((folder / "result.json").read_text()) for folder in (whole, cut)]
    assert results[0]["metrics"] == results[1]["metrics"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("network.encoder=mobilenet_v",), "encoder 'mobilenet_v' is neither .*; did you mean mobilenet_v2"),
        (("datamodule.reduce=8",), "images of 4 x 4 px are too small for this network: both sides .* at least 8"),
        (("data.masks=[lesio]",), "has no mask 'lesio', .*; did you mean lesion?"),
        (("loss=bce+",), r"text 'bce\+' cannot be read at '\+': expected a term"),
        (("loss=ce",), "the loss term ce needs exclusive=true"),
        (("exclusive=yes",), "exclusive of stage only must be true or false, got yes"),
        (("stages=[{stage: a, epoch: 2}]",), "epoch in entry 0 of stages is no key of the run; did you mean epochs"),
        (("stages=[{stage: a, epochs: 0}]",), "epochs of stage a must be a whole number of at least 1, got 0"),
        (("optimizer.lr=fast",), "optimizer.lr of stage only must be a number above 0 or auto, got fast"),
        (("stages=[{stage: a, seed: 3}]",), "stage a changes seed, which .* whole run"),
        (("network.checkpoint=nothing",), "network.checkpoint=nothing: run=nothing names no file"),
        (("loss=labels",), r"this loss compares labels \(B, L\), not logits .*: masks need loss=sum"),
    ],
)
def test_wrong_input_is_reported_in_one_line_with_exit_code_one(train, tmp_path, arguments, message):
    ended = train(*arguments)
    assert ended.code == 1
    assert re.search(message, ended.error), ended.error
    assert not list(tmp_path.glob("runs/run/*/result.json"))


def test_weights_that_do_not_fit_are_reported_by_layer(train, tmp_path):
    torch.save({"encoder.conv1.weight": torch.zeros(3, 3), "encoder.other": torch.zeros(2)}, tmp_path / "other.pt")
    ended = train("network.checkpoint=other.pt")
    assert ended.code == 1
    assert re.search(r"other.pt lacks \d+ layers \(model\.", ended.error), ended.error


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("network=improved_unet", r"masks, logits \(\d+, 5, 32, 32\)"),
        ("loss=bce", r"this loss compares masks \(B, K, H, W\), not labels \(\d+, 5\): use loss=labels"),
    ],
)
def test_a_classification_refuses_parts_of_a_segmentation(run_script, demo_store, argument, message):
    store = (f"data.store={demo_store}", "data.raw=null", "data.size=[32,32]")
    backbone = () if argument.startswith("network") else ("network.backbone=test_resnet",)
    ended = run_script("train.py", argument, "epochs=1", "trainer=cpu", "logger=csv", *backbone, *store)
    assert re.search(message, ended.error), ended.error
