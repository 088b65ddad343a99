"""Tasks of labels: what a network is given in training, validation and each test, and what is learnt from it."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from parts import LABEL_TASK, make_zeroing
from torch import nn
from trainers import quiet_trainer

from dermoscopy.data.store.reader import open_store
from dermoscopy.losses.classification import BinaryCrossEntropy, CrossEntropy
from dermoscopy.losses.consistency import Consistency
from dermoscopy.losses.segmentation import BinaryCrossEntropy as MaskBinaryCrossEntropy
from dermoscopy.losses.weighted_sum import LossSum
from dermoscopy.masks.conditions import AVAILABILITIES
from dermoscopy.masks.predicted import PredictedMasks, write_masks
from dermoscopy.masks.views import Pair
from dermoscopy.tasks.classification import ClassificationTask
from dermoscopy.tasks.consistency import ConsistencyTask
from dermoscopy.tasks.joint import JointTask, LabelsOnlyTask, MasksOnlyTask
from dermoscopy.training.callbacks.classification import Predictions

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning")
LABELS = ("globules", "streaks")


class Reader(nn.Module):
    """Logits from the mean colour and the masks' means; keeps what it was given."""

    exit_stride = 1
    segments = ("globules", "streaks")

    def __init__(self, labels=2, masks=2):
        super().__init__()
        self.image, self.mask = nn.Linear(3, labels), nn.Linear(masks, labels)
        self.segmenter = nn.Conv2d(3, masks, 1)
        self.given = []

    def forward(self, image, mask=None):
        self.given.append((self.training, image, mask))
        logits = self.image(image.mean((2, 3)))
        return logits if mask is None else logits + self.mask(mask.mean((2, 3)))

    def forward_with_features(self, image, mask):
        return self(image, mask), self.mask(mask.mean((2, 3)))[:, :, None, None]

    def forward_masks(self, image):
        return self.segmenter(image)

    def forward_joint(self, image):
        found = self.segmenter(image)
        return self(image, found.tanh()), found

    def masks(self, training):
        return [mask for mode, _, mask in self.given if mode == training]


class ImageOnly(nn.Module):
    """Takes nothing but an image, as a network of another library does."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, len(LABELS))
        self.seen = []

    def forward(self, image):
        self.seen.append(len(image))
        return self.layer(image.mean((2, 3)))


class Both(ImageOnly):
    """Segments as well, as a Y-net does, and keeps how often."""

    segments = LABELS

    def __init__(self):
        super().__init__()
        self.segmenter, self.together = nn.Conv2d(3, len(LABELS), 1), []

    def forward_masks(self, image):
        return self.segmenter(image)

    def forward_joint(self, image):
        self.together.append(len(image))
        return self.layer(image.mean((2, 3))), self.segmenter(image)


def make_task(task=ClassificationTask, network=None, **rest):
    torch.manual_seed(0)
    common = {
        "network": network or Reader(),
        "loss": BinaryCrossEntropy(LABELS, None, 1.0),
        "labels": LABELS,
        "availability": ["none", "given"],
        "optimizer": partial(torch.optim.SGD, lr=0.1),
        "seed": 0,
        **LABEL_TASK,
    }
    if task is not ConsistencyTask:
        common["zeroing"] = make_zeroing(0)
    return task(**(common | rest))


def joint(task=JointTask, **rest):
    mask_loss = LossSum("bce", {"bce": MaskBinaryCrossEntropy(exclusive=False)})
    arguments = {"mask_loss": mask_loss, "masks": LABELS, "weights": {"labels": 1.0, "masks": 1.0}, "exclusive": False}
    return make_task(task, **(arguments | rest))


def trainer(**rest):
    quiet = {"enable_checkpointing": False, "limit_train_batches": 1, "precision": "32-true", "accelerator": "cpu"}
    return quiet_trainer(max_epochs=1, **({"callbacks": []} | quiet | rest))


def fit(task, data):
    trainer().fit(task, datamodule=data)
    return task


def judged(task, data, *callbacks):
    trainer(callbacks=list(callbacks)).test(task, datamodule=data, verbose=False)
    return task


@pytest.fixture
def data(make_data):
    return make_data(labels=LABELS, masks=LABELS)


@pytest.fixture
def predicted(demo_store, tmp_path):
    """A file of predicted masks in which every mask is the opposite of the true one."""
    store = open_store(demo_store)
    columns = [store.mask_names.index(name) for name in LABELS]
    opposite = np.where(store.mask()[..., columns] == 1, 0, 255).astype(np.uint8)
    masks = PredictedMasks(store.ids, LABELS, False, store.fingerprint, opposite, unseen=True)
    write_masks(tmp_path / "out_of_fold.h5", masks)
    return tmp_path / "out_of_fold.h5"


def test_at_test_a_network_is_given_what_the_availability_names(make_data, predicted):
    data = make_data(labels=LABELS, masks=LABELS, predicted=predicted, eval_batch_size=7)
    task = judged(make_task(availability=AVAILABILITIES), data)
    batches = [data.finish(batch) for batch in data.test_dataloader()]
    seen = dict.fromkeys(AVAILABILITIES)
    for number, name in enumerate(AVAILABILITIES):
        masks = task.network.masks(training=False)[number :: len(AVAILABILITIES)]
        seen[name] = None if name == "none" else torch.cat(masks)
        assert name != "none" or set(masks) == {None}
    given = torch.cat([batch["mask"] for batch in batches])
    assert torch.equal(seen["given"], given)
    assert torch.equal(seen["predicted"], torch.cat([batch["predicted"] for batch in batches]))
    assert (seen["predicted"] * given <= 0).all()
    known = [(seen[f"revealed_{percent}"] != 0) for percent in range(10, 100, 10)]
    assert all((less <= more).all() for less, more in pairwise(known))  # nested
    for part in (seen[f"revealed_{percent}"] for percent in range(10, 100, 10)):
        assert ((part == given) | (part == 0)).all()
    shares = [part.float().mean().item() / (given != 0).float().mean().item() for part in known]
    assert np.allclose(shares, np.arange(0.1, 1, 0.1), atol=0.05)
    assert all(f"test/{name}/f1" in task.scored for name in AVAILABILITIES)


def test_the_scores_of_a_test_are_the_task_s_whether_files_of_it_are_left_or_not(data, tmp_path):
    one, other = judged(make_task(), data), judged(make_task(), data, Predictions(tmp_path))
    assert (tmp_path / "predictions.csv").is_file()
    assert [f"{name}={v}" for name, v in one.scored.items()] == [f"{name}={v}" for name, v in other.scored.items()]
    assert {"test/none/f1", "test/given/f1"} <= one.scored.keys()


def test_shuffled_masks_are_each_those_of_another_test_image(make_data):
    data = make_data(labels=LABELS, masks=LABELS, eval_batch_size=7)
    task = judged(make_task(availability=["shuffled"]), data)
    shown = torch.cat(task.network.masks(training=False))
    rows = data.rows("test")
    own = data.masks_of(rows)
    order = [next(j for j in range(len(own)) if torch.equal(own[j], mask)) for mask in shown if (mask > 0).any()]
    assert len(set(order)) > len(order) // 2  # no mask is shown to many
    differing = [not torch.equal(a, b) for a, b in zip(shown, own, strict=True) if (a > 0).any() or (b > 0).any()]
    assert all(differing)
    key = lambda masks: sorted(mask.numpy().tobytes() for mask in masks)  # noqa: E731
    assert key(shown) == key(own)


def test_every_run_sees_the_same_cells_and_the_same_strangers(make_data):
    shown = []
    for seed in (0, 1):
        task = judged(
            make_task(availability=["revealed_30", "shuffled"], seed=seed), make_data(labels=LABELS, masks=LABELS)
        )
        shown.append(task.network.masks(training=False))
    assert all(torch.equal(one, two) for one, two in zip(*shown, strict=True))


def test_training_and_validation_read_the_masks_of_their_source(make_data, predicted):
    data = make_data(labels=LABELS, masks=LABELS, predicted=predicted)
    seen = {}
    for source in ("given", "predicted"):
        task = fit(make_task(source=source, monitored=source), data)
        seen[source] = [task.network.masks(training)[0] for training in (True, False)]
    for given, found in zip(*seen.values(), strict=True):
        assert given.shape == found.shape
        assert (given * found <= 0).all() and (given * found < 0).any()
    assert fit(make_task(zeroing=make_zeroing(1)), data).network.masks(training=True) == [None]


@pytest.mark.parametrize(
    ("rest", "argument"),
    [
        ({"source": "predicted"}, "source"),
        ({"monitored": "predicted"}, "monitored"),
        ({"availability": ["predicted"]}, "availability"),
    ],
)
def test_predicted_masks_that_no_file_holds_are_asked_for(data, rest, argument):
    with pytest.raises(
        ValueError, match=f"{argument} is predicted, but the data have no predicted masks: give datamodule.predicted"
    ):
        fit(make_task(**rest), data)


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ({"availability": ["gven"]}, "availability names 'gven'.*did you mean given"),
        ({"source": "none"}, "source names 'none'"),
        ({"monitored": "shuffled"}, "monitored names 'shuffled'"),
        ({"threshold": "yuden"}, "threshold.*did you mean youden"),
        (
            {"network": nn.MultiheadAttention(2, 1)},
            "a network of labels .* MultiheadAttention does not",
        ),
    ],
)
def test_what_a_task_cannot_do_is_named(rest, message):
    with pytest.raises(ValueError, match=message):
        make_task(**rest)


def test_a_network_that_takes_an_image_alone_is_trained_and_tested(data):
    task = fit(make_task(network=ImageOnly()), data)
    task.network.seen.clear()
    judged(task, data)
    assert task.scored["test/none/auroc"] == task.scored["test/given/auroc"]
    assert sum(task.network.seen) == len(data.rows("test"))  # once for both availabilities


def test_labels_and_masks_of_an_image_alone_are_validated_in_one_pass(data):
    task = joint(network=Both())
    trainer().validate(task, datamodule=data, verbose=False)
    assert (sum(task.network.together), task.network.seen) == (len(data.rows("val")), [])
    assert {"val/dice", "val/auroc"} <= task.scored.keys()


def test_thresholds_are_chosen_in_validation_and_kept_with_the_weights(data):
    task = fit(make_task(threshold="youden"), data)
    chosen = task.state_dict()["thresholds"]
    assert (chosen != 0).any()
    other = make_task()
    other.load_state_dict(task.state_dict())
    judged(other, data)
    logits, label = (torch.cat(parts) for parts in list(zip(*other.tested["none"], strict=True))[:2])
    by_hand = ((logits > chosen) & (label == 1)).sum(0) / (label == 1).sum(0)
    assert other.scored["test/none/tuned_recall"] == pytest.approx(by_hand.mean().item())


def test_exclusive_labels_are_softmaxed(data):
    data.label[:, 1] = 1 - data.label[:, 0]
    task = judged(fit(make_task(loss=CrossEntropy(LABELS, None, 1.0), exclusive_labels=True), data), data)
    assert 0 <= task.scored["test/none/top1"] <= 1


def consistency(of, weight=1.0):
    return Consistency(kind="mse", of=of, stop="none", weight=weight)


@pytest.mark.parametrize("of", ["features", "logits", "probabilities"])
def test_the_views_of_an_image_meet_in_the_loss(data, of):
    task = make_task(ConsistencyTask, mask_views=Pair(make_zeroing(0)), consistency=consistency(of, weight=2.0))
    before = task.network.mask.weight.detach().clone()
    fit(task, data)
    (_, image, mask), *_ = task.network.given
    half = len(image) // 2
    assert torch.equal(image[:half], image[half:]) and (mask[half:] == 0).all() and (mask[:half] != 0).any()
    assert task.scored["train/loss/consistency"] > 0
    assert not torch.equal(task.network.mask.weight, before)


def test_without_weight_the_views_learn_from_their_labels_alone(data):
    task = fit(
        make_task(ConsistencyTask, mask_views=Pair(make_zeroing(0)), consistency=consistency("logits", 0.0)), data
    )
    assert task.scored["train/loss"] == task.scored["train/loss/bce"]


def test_features_are_compared_where_the_network_has_an_auxiliary_head():
    network = Reader()
    network.exit_stride = None
    with pytest.raises(
        ValueError, match="consistency of features needs a network with an auxiliary head, Reader has none"
    ):
        make_task(
            ConsistencyTask, network=network, mask_views=Pair(make_zeroing(0)), consistency=consistency("features")
        )


@pytest.mark.parametrize(
    ("kind", "trained"),
    [
        (JointTask, {"image", "mask", "segmenter"}),
        (LabelsOnlyTask, {"image", "mask"}),
        (MasksOnlyTask, {"segmenter"}),
    ],
)
def test_labels_and_masks_train_their_parts(data, kind, trained):
    task = joint(kind)
    before = {name: value.clone() for name, value in task.network.state_dict().items()}
    fit(task, data)
    changed = {name.split(".")[0] for name, v in task.network.state_dict().items() if not torch.equal(v, before[name])}
    assert changed == trained
    assert ("val/dice" in task.scored) == (kind is not LabelsOnlyTask)
    assert ("val/auroc" in task.scored) == (kind is not MasksOnlyTask)


def test_the_gradient_of_labels_reaches_the_segmenter(data):
    data.setup("test")
    batch = data.finish(next(iter(data.test_dataloader())))
    task = joint()
    logits, _ = task.network.forward_joint(batch["image"])
    logits.sum().backward()
    assert task.network.segmenter.weight.grad.abs().sum() > 0


def test_a_joint_network_is_tested_on_labels_and_masks(data):
    task = judged(joint(), data)
    assert {"test/none/dice", "test/none/auroc", "test/given/auroc"} <= set(task.scored)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"labels": 0, "masks": 0}, "both above 0, got {'labels': 0, 'masks': 0}"),
        ({"labels": 1}, "must be {labels: a, masks: b}"),
        ({"labels": 1, "masks": -1}, "both above 0"),
        ({"labels": 0, "masks": 1}, "model._target_=dermoscopy.tasks.joint.LabelsOnlyTask or .*MasksOnlyTask"),
    ],
)
@pytest.mark.parametrize("kind", [JointTask, LabelsOnlyTask, MasksOnlyTask])
def test_weights_that_teach_nothing_are_refused(kind, weights, message):
    with pytest.raises(ValueError, match=message):
        joint(kind, weights=weights)


def test_masks_that_exclude_each_other_are_not_learnt_with_labels():
    with pytest.raises(ValueError, match="masks that may overlap: set exclusive=false"):
        joint(exclusive=True)


def test_views_of_masks_that_nobody_reads_are_refused():
    class Blind(nn.Conv2d):
        def forward(self, image):
            return image.mean((2, 3))

    with pytest.raises(ValueError, match="views differ in their masks alone, and Blind reads none: name some"):
        make_task(
            ConsistencyTask, network=Blind(1, 1, 1), mask_views=Pair(make_zeroing(0)), consistency=consistency("logits")
        )


def test_labels_and_masks_need_a_network_that_segments():
    with pytest.raises(ValueError, match="learnt by a network with a segmenter, ImageOnly has none"):
        joint(network=ImageOnly())
