"""Tests of predicted labels: probabilities, and one threshold per label."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from dermoscopy.predict.classification import check_columns, label_table, predict_odds
from dermoscopy.predict.folders import find_images
from dermoscopy.predict.images import read_batches
from dermoscopy.predict.network import load_network
from dermoscopy.runs.files import BEST
from dermoscopy.runs.recorded import read_stage


def test_probabilities_of_exclusive_labels_are_a_softmax(checkpoint, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")

    class Constant(torch.nn.Linear):
        def forward(self, image, mask=None):
            return torch.tensor([[2.0, 1.0, 0.0, 0.0, 0.0]])

    network = Constant(1, 1)
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": state | {"thresholds": torch.tensor([0.2, -2.0, 0.0, -3.0, 0.0])}}, tmp_path / BEST)
    stage = replace(read_stage(checkpoint), checkpoint=tmp_path / BEST, exclusive=True)
    batches = read_batches(find_images(tmp_path), (32, 32), "pad", batch_size=4, workers=1)
    trained = load_network(stage, network, torch.device("cpu"))
    (row,) = label_table(trained, predict_odds(trained, batches)).to_dict("records")
    assert list(row)[:4] == ["id", stage.labels[0], f"{stage.labels[0]}_threshold", f"{stage.labels[0]}_predicted"]
    names = {ending: [f"{name}{ending}" for name in stage.labels] for ending in ("", "_threshold", "_predicted")}
    probability, threshold, predicted = ([row[name] for name in columns] for columns in names.values())
    assert np.allclose(probability, np.exp([2, 1, 0, 0, 0]) / np.exp([2, 1, 0, 0, 0]).sum())
    assert np.allclose(threshold, 1 / (1 + np.exp([-0.2, 2, 0, 3, 0])))
    assert predicted == [1, 1, 0, 1, 0]  # each against its own threshold of the log-odds
    assert row["predicted_class"] == stage.labels[0]


def test_columns_of_the_same_name_are_refused():
    check_columns(["a", "b"], exclusive=True)
    for labels, exclusive, name in ((["a", "a_predicted"], False, "a_predicted"), (["id"], False, "id")):
        with pytest.raises(ValueError, match=f"would be called {name}"):
            check_columns(labels, exclusive)
    with pytest.raises(ValueError, match="would be called predicted_class"):
        check_columns(["predicted_class"], exclusive=True)
