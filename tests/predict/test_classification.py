"""Tests of predicted labels: probabilities, and one threshold per label."""

from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from dermoscopy.predict.classification import predict_labels
from dermoscopy.predict.images import find_images, read_batches
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
    predicted = predict_labels(load_network(stage, network, torch.device("cpu")), batches).drop(columns="id")
    assert np.allclose(predicted.iloc[0, :5].astype(float), np.exp([2, 1, 0, 0, 0]) / np.exp([2, 1, 0, 0, 0]).sum())
    assert predicted.iloc[0, 5:].tolist() == [1, 1, 0, 1, 0]  # each against its own threshold of the log-odds
