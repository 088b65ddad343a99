"""Tests of the explanations of a tested classifier in the folder of its stage."""

from functools import partial
from itertools import pairwise

import pandas as pd
import pytest
import torch
from parts import LABEL_TASK, make_label_loss, make_zeroing
from torch import nn
from trainers import quiet_trainer

from dermoscopy.tasks.classification import ClassificationTask
from dermoscopy.training.callbacks import explanations
from dermoscopy.training.callbacks.explanations import PICTURE, TABLE, Explanations, choose, spread

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning")
LABELS, MASKS = ("globules", "streaks"), ("globules", "streaks", "pigment_network")
WEIGHT = [[2.0, 0.0, 0.5], [0.0, -1.0, 0.0]]  # of each mask for each label


class Reader(nn.Module):
    """A network with maps of stride 8, whose logits also contain the weighted means of the masks."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.below = nn.Sequential(nn.Conv2d(3, 4, 8, stride=8), nn.BatchNorm2d(4), nn.ReLU())
        self.above, self.weight = nn.Linear(4, 2), torch.tensor(WEIGHT)

    def forward_maps(self, image, mask=None):
        maps = self.below(image)
        added = torch.zeros_like(maps[:, :2]) if mask is None else (mask.mean((2, 3)) @ self.weight.T)[..., None, None]
        return torch.cat([maps, added.expand(-1, -1, *maps.shape[2:])], dim=1)

    def forward_head(self, features):
        maps, added = features.mean((2, 3)).split([4, 2], dim=1)
        return self.above(maps) + added

    def forward(self, image, mask=None):
        return self.forward_head(self.forward_maps(image, mask))


class Opaque(nn.Module):
    """A network without feature maps that takes only an image."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, image):
        return self.layer(image.mean((2, 3)))


def run_test(data, folder, network, label=None, images=1, influence_images=7, **rest):
    task = ClassificationTask(
        network=network,
        loss=make_label_loss(LABELS),
        labels=LABELS,
        zeroing=make_zeroing(0),
        optimizer=partial(torch.optim.SGD, lr=0.1),
        seed=0,
        **LABEL_TASK | {"mask_conditions": ["none", "given"]} | rest,
    )
    callback = Explanations(folder, label, images, influence_images)
    trainer = quiet_trainer(accelerator="cpu", precision="32-true", enable_checkpointing=False, callbacks=[callback])
    trainer.test(task, datamodule=data, verbose=False)
    return task


@pytest.fixture
def drawn(monkeypatch):
    """The explanations that were drawn."""
    rows, draw = [], explanations.draw_explanations

    def remember(explained, label, masks):
        rows.extend(explained)
        return draw(explained, label, masks)

    monkeypatch.setattr(explanations, "draw_explanations", remember)
    return rows


def test_a_test_writes_a_picture_and_a_table_and_does_not_change_the_network(make_data, tmp_path, drawn):
    data, network = make_data(labels=LABELS, masks=MASKS), Reader()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    task = run_test(data, tmp_path, network, label="streaks", images=2)
    assert (tmp_path / PICTURE).read_bytes().startswith(b"\x89PNG")
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())

    logits, label, index = (torch.cat(part) for part in zip(*task.tested["none"], strict=True))
    kinds = {"positive": logits[:, 1] > 0, "negative": logits[:, 1] <= 0}
    most = dict.fromkeys(("true positive", "false negative", "false positive", "true negative"), 0)
    for kind in most:
        predicted = kinds[kind.split()[1]]
        expected = predicted & (label[:, 1] == ((kind.split()[0] == "true") == (kind.split()[1] == "positive")))
        places = expected.nonzero()[:, 0].tolist()
        ranked = sorted(places, key=lambda place: -abs(float(logits[place, 1])))
        of_kind = [row for row in drawn if row.kind.startswith(kind)]
        assert [row.id for row in of_kind] == [str(data.store.ids[index[place]]) for place in ranked[:2]]
        for row, place in zip(of_kind, ranked, strict=False):
            assert row.kind.endswith(f"/{len(ranked)}")
            assert row.truth == bool(label[place, 1])
            assert row.probability["none"] == pytest.approx(float(logits[place, 1].sigmoid()), abs=1e-6)
            (pixels,) = data.store.image()[data.store.ids == row.id]
            assert (row.image == pixels).all()
            assert row.cells == (4, 4)
            (masks,) = data.store.mask()[data.store.ids == row.id][..., [data.store.mask_names.index(m) for m in MASKS]]
            assert (row.masks == (masks == 1).transpose(2, 0, 1)).all()
    assert len(drawn) >= 3


def test_the_table_averages_influence_over_images_spread_over_the_test_subset(make_data, tmp_path):
    data = make_data(labels=LABELS, masks=MASKS, eval_batch_size=3)
    run_test(data, tmp_path, Reader())
    table = pd.read_csv(tmp_path / TABLE).set_index(["mask", "label"])
    means = data.finish(data.gather(spread(data.rows("test"), 7)))["mask"].mean((2, 3))
    for k, mask in enumerate(MASKS):
        for column, label in enumerate(LABELS):
            values = means[:, k] * WEIGHT[column][k]
            assert table.loc[mask, label]["mean"] == pytest.approx(float(values.mean()), abs=1e-6)
            assert table.loc[mask, label]["sd"] == pytest.approx(float(values.std()), abs=1e-6)
            assert table.loc[mask, label]["images"] == 7


def test_without_feature_maps_the_reason_is_printed_and_no_picture_written(make_data, tmp_path, capsys):
    run_test(make_data(labels=LABELS, masks=MASKS), tmp_path, Opaque())
    assert (
        "  no explanations.png: Opaque has no maps (B, C, h, w) of several cells before its logits"
        in capsys.readouterr().out
    )
    assert not list(tmp_path.iterdir())


def test_without_masks_there_is_a_picture_of_the_first_label_and_no_table(make_data, tmp_path, drawn):
    data = make_data(labels=LABELS, masks=())
    run_test(data, tmp_path, Reader(), mask_conditions=["none"])
    assert [path.name for path in tmp_path.iterdir()] == [PICTURE]
    assert all(list(row.heatmap) == list(row.probability) == ["none"] and not row.influence.size for row in drawn)


def test_the_first_condition_chooses_the_images_if_none_is_not_tested(make_data, tmp_path, drawn):
    data = make_data(labels=LABELS, masks=MASKS)
    task = run_test(data, tmp_path, Reader(), mask_conditions=["given"])
    logits, _, index = (torch.cat(part) for part in zip(*task.tested["given"], strict=True))
    by_id = dict(zip(data.store.ids[index].tolist(), logits[:, 0].sigmoid().tolist(), strict=True))
    assert all(row.probability == {"given": pytest.approx(by_id[row.id], abs=1e-6)} for row in drawn)
    assert drawn


def test_the_picture_shows_the_masks_of_validation_if_they_are_tested(make_data, tmp_path, drawn):
    data = make_data(labels=LABELS, masks=MASKS)
    task = run_test(data, tmp_path, Reader(), validation_masks="given")
    assert task.picture_condition == "given"
    logits, _, index = (torch.cat(part) for part in zip(*task.tested["given"], strict=True))
    margin = dict(zip(data.store.ids[index].tolist(), logits[:, 0].tolist(), strict=True))
    assert drawn
    assert all(("positive" in row.kind) == (margin[row.id] > 0) for row in drawn)
    assert all(list(row.heatmap) == ["none", "given"] for row in drawn)


def test_the_picture_shows_partial_masks_if_only_those_are_tested(make_data, tmp_path, drawn):
    task = run_test(make_data(labels=LABELS, masks=MASKS), tmp_path, Reader(), mask_conditions=["revealed_50"])
    assert drawn
    assert all(
        list(row.heatmap) == list(row.probability) == [task.picture_condition] == ["revealed_50"] for row in drawn
    )


def test_images_of_exclusive_labels_are_chosen_by_their_softmax(make_data, tmp_path, drawn):
    data = make_data(labels=LABELS, masks=MASKS)
    task = run_test(data, tmp_path, Reader(), exclusive_labels=True)
    logits, label, index = (torch.cat(part) for part in zip(*task.tested["none"], strict=True))
    known = label.sum(1) == 1  # both or neither: unknown
    ids = data.store.ids[index]
    assert drawn
    assert {row.id for row in drawn} <= set(ids[known].tolist())
    for row in drawn:
        (place,) = (ids == row.id).nonzero()[0]
        assert row.probability["none"] == pytest.approx(float(logits[place].softmax(0)[0]), abs=1e-6)
        assert ("positive" in row.kind) == bool(logits[place, 0] > logits[place, 1])


def test_the_most_confident_images_of_each_kind_are_chosen_and_never_unknown_ones():
    margin = torch.tensor([0.5, 2.0, -1.0, -3.0, 4.0, 1.0, 0.0, 9.0, 2.0])
    truth = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, torch.nan, 1.0])
    assert choose(margin, truth, 1) == {
        1: "true positive, 1/3",
        2: "false negative, 1/1",
        4: "false positive, 1/2",
        3: "true negative, 1/2",
    }
    assert list(choose(margin, truth, 9)) == [1, 8, 0, 2, 4, 5, 3, 6]
    assert choose(margin, torch.full((9,), torch.nan), 1) == {}


@pytest.mark.parametrize("most", [1, 3, 7, 10, 99])
def test_rows_are_spread_evenly_without_duplicates(most):
    rows = spread(torch.arange(10) * 10, most).tolist()
    assert len(set(rows)) == len(rows) == min(most, 10)
    steps = {later - earlier for earlier, later in pairwise(rows)}
    assert not steps or max(steps) - min(steps) <= 10


def test_an_unknown_label_and_zero_images_are_refused_before_the_test(make_data, tmp_path):
    with pytest.raises(ValueError, match=r"label of the explanations is 'streak'.*streaks"):
        run_test(make_data(labels=LABELS, masks=MASKS), tmp_path, Reader(), label="streak")
    with pytest.raises(ValueError, match="images and influence_images must be at least 1, got 0 and 5"):
        Explanations(tmp_path, None, 0, 5)
