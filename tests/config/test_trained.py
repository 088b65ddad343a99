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
    with pytest.raises(ValueError, match=r"^network\._args_\.0\._target_=os\.system .* trust=\[os\]$"):
        build_network(stage, [])
