"""Arguments without an effect are refused, each by its key."""

import pytest
from builders import composed

from dermoscopy.config.effects import check_effects, check_training_effects, keys_of


@pytest.mark.parametrize(
    ("program", "typed", "key"),
    [
        ("report", ("status=true", "reference=x"), "reference"),
        ("report", ("status=true", "experiments=x"), "experiments"),
        ("report", ("status=true", "sweep=x"), "sweep"),
        ("report", ("self_test=true", "status=true"), "status"),
        ("report", ("self_test=true", "from=x"), "from"),
        ("report", ("self_test=true", "prune=true"), "prune"),
        ("report", ("self_test=true", "publish=true"), "publish"),
        ("report", ("force=true",), "force"),
        ("report", ("experiments=x",), "experiments"),
        ("report", ("from=x", "gallery=true"), "gallery"),
        ("report", ("run=x", "sweep=y"), "sweep"),
        ("report", ("prune=true", "compare=anyway"), "compare"),
        ("prepare", ("out=x",), "out"),
        ("prepare", ("inspection.seed=1",), "inspection.seed"),
        ("prepare", ("data.masks=[lesion]",), "data.masks"),
        ("predict", ("data=demo", "data.on_error=skip"), "data.on_error"),
        ("predict", ("data=isic2018", "data.source.csv=null"), "data.source.csv"),
    ],
)
def test_an_argument_without_effect_is_refused(program, typed, key):
    with pytest.raises(ValueError, match=f"^{key} has an effect only"):
        check_effects(composed(program, *typed), program, typed)


@pytest.mark.parametrize(
    ("program", "typed"),
    [
        ("report", "publish=no"),
        ("report", "force=off"),
        ("report", "self_test=ture"),
        ("report", "status=yes"),
        ("prepare", "inspect=no"),
        ("predict", "fill_holes=no"),
    ],
)
def test_a_text_in_place_of_true_or_false_is_refused(program, typed):
    key, _, value = typed.partition("=")
    with pytest.raises(ValueError, match=f"^{key} must be true or false, got {value}$"):
        check_effects(composed(program, typed), program, (typed,))


@pytest.mark.parametrize(
    ("program", "typed"),
    [
        ("report", ("status=true", "experiment=x", "sweep=y", "runs=z")),
        ("report", ("experiment=[x,y]", "publish=true", "force=true", "experiments=z", "compare=anyway", "name=n")),
        ("report", ("run=x", "name=n")),
        ("report", ("from=x", "metric=m", "publish=true")),
        ("report", ("from=x", "experiment=y", "name=z")),
        ("report", ("self_test=true", "experiment=x", "sweep=y", "reference=z", "metric=m", "meaningful=0.1")),
        ("prepare", ("inspect=true", "out=x", "inspection.seed=1", "data.size=[8,8]")),
        ("predict", ("data=demo", "data.store=x", "data.source.csv=null", "data.size=[8,8]")),
    ],
)
def test_an_argument_with_an_effect_passes(program, typed):
    check_effects(composed(program, *typed), program, typed)


@pytest.mark.parametrize(
    "typed",
    [
        ("zeroing=nothing", "model=segmentation"),
        ("zeroing.p=0.5", "model=segmentation"),
        ("mixing.mixup=0.2", "model=segmentation"),
        ("exclusive=true",),
        ("exclusive_labels=true", "model=segmentation"),
        ("protocol.encoder=resnet50",),
        ("lr_finder.steps=5",),
        ("loss.terms.focal.gamma=3", "model=segmentation"),
        ("loss.terms.bce.pos_weight=auto", "model=segmentation", "loss.text=dice"),
        ("data.on_error=skip", "data.raw=null"),
    ],
)
def test_a_setting_that_no_part_of_the_training_reads_is_refused(typed):
    with pytest.raises(ValueError, match=f"^{typed[0].partition('=')[0]} "):
        check_training_effects(composed("train", *typed, with_hydra=True), typed, {})


@pytest.mark.parametrize(
    "typed",
    [
        ("zeroing=nothing", "optimizer.lr=0.1", "scheduler=constant", "augment=none", "loss.pos_weight=auto"),
        ("exclusive=true", "model=segmentation", "network=fpn", "protocol.encoder=resnet50", "loss.text=ce"),
        ("lr_finder.steps=5", "optimizer.lr=auto"),
        ("loss.terms.bce.pos_weight=auto", "loss.mask_weights=[2]", "model=segmentation"),
        ("mask_loss.terms.bce.pos_weight=auto", "model=joint", "mixing.cutmix=1", "datamodule.balance=1"),
        ("loss.terms.focal.gamma=3", "model=segmentation", "stages=[{stage: a, loss: bce}, {stage: b, loss: focal}]"),
        ("model=joint", "mask_loss.text=dice", "zeroing.p=0.1", "mask_threshold=0.3"),
        ("model=consistency", "mask_views=pair", "consistency.weight=2"),
        ("split.val=0.2", "monitor.metric=val/f1", "runs=x", "name=y", "protocol.lr=1", "data.labels=[streaks]"),
    ],
)
def test_a_setting_that_training_reads_passes(typed):
    check_training_effects(composed("train", *typed, with_hydra=True), typed, {})


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        (("model=segmentation", "stages=[{stage: a, mixing: {mixup: 0.5}}]"), "mixing.mixup"),
        (("model=segmentation", "stages=[{stage: b},{stage: a, zeroing: {p: 0.5}}]"), "zeroing.p"),
        (("model=segmentation", "stages=[{stage: a, exclusive_labels: true}]"), "exclusive_labels"),
        (("stages=[{stage: a, lr_finder: {steps: 50}}]",), "lr_finder.steps"),
        (("stages=[{stage: b, optimizer: {lr: auto}},{stage: a, lr_finder: {steps: 50}}]",), "lr_finder.steps"),
        (
            ("model=segmentation", "stages=[{stage: b, loss: focal},{stage: a, loss: {terms: {focal: {gamma: 3}}}}]"),
            "loss.terms.focal.gamma",
        ),
    ],
)
def test_an_override_that_nothing_in_its_stage_reads_is_refused(typed, key):
    with pytest.raises(ValueError, match=f"^stage a: {key} has no effect"):
        check_training_effects(composed("train", *typed, with_hydra=True), typed, {})


@pytest.mark.parametrize(
    "typed",
    [
        ("stages=[{stage: a, mixing: {mixup: 0.5}, zeroing: {p: 1.0}, datamodule: {reduce: 2}}]",),
        ("stages=[{stage: a, optimizer: {lr: auto}, lr_finder: {steps: 50}}]",),
        ("optimizer.lr=auto", "stages=[{stage: a, lr_finder: {steps: 50}}]"),
        ("model=segmentation", "stages=[{stage: a, loss: bce+focal},{stage: b, loss: {text: dice}, epochs: 2}]"),
        ("model=segmentation", "stages=[{stage: a, loss: {text: focal, terms: {focal: {gamma: 3}}}}]"),
        ("stages=[{stage: a, callbacks: {mine: {_target_: own.Mine}}, monitor: {metric: val/f1}}]",),
        ("stages=[{stage: a, model: {freeze: [backbone]}, trainer: {limit_val_batches: 1}}]",),
    ],
)
def test_an_override_that_its_stage_reads_passes(typed):
    check_training_effects(composed("train", *typed, with_hydra=True), typed, {})


def test_unknown_keys_of_a_stage_are_left_to_the_check_that_knows_the_nearest():
    typed = ("stages=[{stage: a, epoch: 2, optimizer: {rate: 1}}]",)
    check_training_effects(composed("train", *typed, with_hydra=True), typed, {})


def test_a_range_of_the_finder_has_an_effect_where_the_rate_is_swept_over():
    for typed in (("lr_finder.steps=5",), ("stages=[{stage: a, lr_finder: {steps: 50}}]",)):
        config = composed("train", *typed, with_hydra=True)
        check_training_effects(config, typed, {"optimizer.lr": ["auto", "0.1"]})
        with pytest.raises(ValueError, match="lr_finder.steps has no effect"):
            check_training_effects(config, typed, {"optimizer.lr": ["0.01", "0.1"]})


def test_a_sweep_over_a_group_may_read_any_setting():
    typed = ("zeroing=nothing", "model=segmentation")
    check_training_effects(composed("train", *typed, with_hydra=True), typed, {"network": ["fpn"]})


def test_the_key_of_an_argument_is_that_of_its_place():
    assert keys_of(["+a.b=1", "network@network.segmenter=fpn", "~c"]) == ["a.b", "network.segmenter", "c"]
