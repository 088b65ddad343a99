"""A store from a configuration of data."""

import pytest
from omegaconf import OmegaConf

from dermoscopy.config.data import build_source, make_store
from dermoscopy.data.store.reader import open_store

SOURCE = {"_target_": "dermoscopy.data.raw.sources.FolderSource", "root": "${raw}", "images": "{id}.png"}


@pytest.fixture
def data(tmp_path):
    """Configuration of four synthetic images that are drawn before the store is written."""
    make = {"_target_": "dermoscopy.data.demo.dataset.make_demo", "root": "${raw}", "count": 4, "size": [48, 64]}
    source = SOURCE | {"images": "ISIC2018_Task1-2_Training_Input/{id}.jpg"}
    facts = {"name": "mine", "raw": str(tmp_path / "raw"), "size": [32, 32], "fit": "pad", "on_error": "stop"}
    return OmegaConf.create(facts | {"store": str(tmp_path / "a.h5"), "source": source, "make": make | {"workers": 1}})


def test_demo_data_are_drawn_and_written_to_a_store(data):
    assert len(open_store(make_store(data))) == 4


def test_a_missing_folder_of_raw_files_is_reported_with_its_key(data):
    data.raw = None
    with pytest.raises(ValueError, match="data.raw=DIR .data=mine."):
        make_store(data)


def test_a_source_is_built_from_its_configuration(data, tmp_path):
    assert build_source(data).root == str(tmp_path / "raw")
