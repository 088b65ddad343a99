"""The network of a recorded stage, without downloads of pretrained weights."""

import pytest
from recorded_stages import write_recorded
from torch import nn

from dermoscopy.config.trained import build_network, without_weights
from dermoscopy.runs.recorded import read_stage


def test_no_weights_are_loaded_for_a_network_or_its_parts():
    part = {"pretrained": True, "encoder": "a"}
    network = {"pretrained": True, "checkpoint": "elsewhere.pt", "segmenter": part, "masks": ["lesion"]}
    assert without_weights(network) == {
        **{"pretrained": False, "checkpoint": None, "masks": ["lesion"]},
        "segmenter": {"pretrained": False, "encoder": "a"},
    }


def test_a_network_is_built_from_its_record(tmp_path):
    assert isinstance(build_network(read_stage(write_recorded(tmp_path)), []), nn.Flatten)


def test_a_record_cannot_trust_its_own_code(tmp_path):
    evil = {"_target_": "torch.nn.Sequential", "_args_": [{"_target_": "os.system", "command": "touch evil"}]}
    stage = read_stage(write_recorded(tmp_path, network=evil, trust=["os"]))
    with pytest.raises(ValueError, match=r"network\._args_\.0\._target_=os\.system .* trust=\[os\]$"):
        build_network(stage, [])


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ({"width": 3}, "_target_"),
        ({"_target_": "torch.nn.Flatten", "foo": 1}, "foo"),
        ({"_target_": "torch.nn.Linear", "in_features": "x", "out_features": 1}, ""),
        ({"_target_": "torch.nn.Flatten", "start_dim": "${nothing}"}, "nothing"),
    ],
)
def test_a_network_that_this_version_cannot_build_is_named_with_its_file(network, words, tmp_path):
    stage = read_stage(write_recorded(tmp_path, network=network))
    with pytest.raises(ValueError, match=f"network of {tmp_path}/config.yaml cannot be built: .*{words}"):
        build_network(stage, [])
