"""Where the first weights of a network came from, by the configuration of its stage."""

from pathlib import Path

import pytest
from recorded_stages import write_recorded

from dermoscopy.runs.initial_weights import initial_weights_record

SCRATCH = {"pretrained": False, "checkpoint": None, "encoder": "resnet18"}


@pytest.mark.parametrize(
    ("network", "records"),
    [
        (SCRATCH, [{"part": "network", "origin": "scratch"}]),
        ({"checkpoint": None, "filters": 16}, [{"part": "network", "origin": "scratch"}]),
        ({"_target_": "own.Network"}, [{"part": "network", "origin": "unknown"}]),
        (
            {"pretrained": True, "checkpoint": None, "backbone": "resnet18"},
            [{"part": "network", "origin": "published", "name": "resnet18"}],
        ),
        (
            SCRATCH | {"pretrained": "noisy-student"},
            [{"part": "network", "origin": "published", "name": "resnet18 noisy-student"}],
        ),
        (
            SCRATCH | {"pretrained": "none/w.pth"},
            [{"part": "network", "origin": "published", "name": "resnet18", "file": "none/w.pth"}],
        ),
        (SCRATCH | {"checkpoint": "w.pt", "pretrained": True}, [{"part": "network", "origin": "file", "name": "w.pt"}]),
        (
            {
                "checkpoint": None,
                "segmenter": SCRATCH | {"checkpoint": "w.pt"},
                "classifier": SCRATCH,
                "fill": {"a": 1},
            },
            [
                {"part": "network.segmenter", "origin": "file", "name": "w.pt"},
                {"part": "network.classifier", "origin": "scratch"},
            ],
        ),
        (
            {"checkpoint": "whole.pt", "segmenter": SCRATCH, "classifier": SCRATCH},
            [{"part": "network", "origin": "file", "name": "whole.pt"}],
        ),
        (
            {"checkpoint": None, "segmenter": None, "classifier": SCRATCH},
            [{"part": "network.classifier", "origin": "scratch"}],
        ),
    ],
)
def test_the_origin_of_each_part_is_named(network: dict, records: list) -> None:
    assert initial_weights_record(network, {"y", "z"}) == records


def test_weights_of_a_run_say_how_many_test_images_it_had_seen(tmp_path: Path) -> None:
    checkpoint = write_recorded(tmp_path / "folds" / "abc")
    run = {"part": "network", "origin": "run", "name": "folds/abc"}
    network = SCRATCH | {"checkpoint": str(checkpoint)}
    assert initial_weights_record(network, {"y", "z"}) == [run | {"test_images_seen": None}]
    checkpoint.with_name("split.csv").write_text("id,subset\nw,train\nx,test\ny,val\nz,test\n")
    assert initial_weights_record(network, {"y", "z"}) == [run | {"test_images_seen": 1}]
    assert initial_weights_record(network, {"x", "z"}) == [run | {"test_images_seen": 0}]
    assert initial_weights_record(network, None) == [run | {"test_images_seen": None}]


def test_a_file_of_published_weights_is_recorded_by_its_content(tmp_path: Path) -> None:
    (file := tmp_path / "w.safetensors").write_bytes(b"abc")
    (record,) = initial_weights_record(SCRATCH | {"pretrained": str(file)}, None)
    assert record["file"] == str(file)
    assert record["sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
