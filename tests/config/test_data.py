"""A store from a configuration of data."""

import numpy as np
import pytest
from builders import composed
from omegaconf import OmegaConf
from PIL import Image

from dermoscopy.config.data import build_source, make_store, open_data, prepare_data
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


@pytest.fixture
def official(tmp_path):
    """The official folders of ISIC 2018 with three images and without labels.csv."""
    masks = composed("prepare", "data=isic2018").data.source.masks
    for name in (composed("prepare", "data=isic2018").data.source.images, *masks.values()):
        for number in range(3):
            path = tmp_path / "raw" / name.replace("{id}", f"ISIC_{number}")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.zeros((8, 8), np.uint8)).save(path)
    return tmp_path


def isic(folder, *typed):
    return composed(
        "prepare", "data=isic2018", f"data.raw={folder}/raw", f"data.store={folder}/a.h5", *typed, with_hydra=True
    ).data


@pytest.mark.parametrize(
    "typed",
    [
        ["data.source.csv=null"],
        ["data.source.csv=null", "data.source.group_column=null", "data.source.columns={}"],
        ["data.source.csv=null", "data.source.columns=null"],
        ["data.source.csv=null", "~data.source.columns"],
    ],
    ids=" ".join,
)
def test_official_folders_without_a_table_become_a_store(official, typed, capsys):
    store = open_store(make_store(isic(official, *typed), workers=1))
    assert len(store) == 3 and "melanoma" not in store.label_names and "streaks" in store.label_names
    assert ("data.source.group_column" in capsys.readouterr().out) == (len(typed) < 3)


@pytest.mark.parametrize("value", ["{}", "null"])
def test_a_mapping_is_emptied_as_typed(official, value):
    (official / "raw/labels.csv").write_text("image_id,group_id\n" + "".join(f"ISIC_{n},g\n" for n in range(3)))
    source = build_source(isic(official, f"data.source.columns={value}"))
    assert source.columns == {} and {item.group for item in source.listing().items} == {"g"}


@pytest.mark.parametrize("raw", ["null", "DIR"])
@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("data.size=32", r"data.size .*\[32,32\], got 32"),
        ("data.size=[32]", r"data.size .*such as \[64,64\], got \[32\]"),
        ("data.size=[0,0]", r"data.size .*got \[0, 0\]"),
        ("data.size=[32,32,3]", "data.size .*got"),
        ("data.size=[a,3]", "data.size .*got"),
        ("data.size=[3.5,3]", "data.size .*got"),
        ("data.size=[true,true]", "data.size .*got"),
        ("data.size=32x32", "data.size .*got 32x32"),
        ("data.size=null", "data.size .*got None"),
        ("data.fit=padd", "data.fit must be pad, crop or stretch, got padd"),
        ("data.on_error=ignore", "data.on_error must be stop or skip, got ignore"),
    ],
)
def test_a_wrong_setting_is_named_at_once_whether_or_not_files_are_prepared(typed, answer, raw):
    data = composed("train", "data=folders", f"data.raw={raw}", typed, with_hydra=True).data
    for step in (prepare_data, open_data):
        with pytest.raises(ValueError, match=answer):
            step(data)


@pytest.mark.parametrize("choice", ["folders", "isic2018", "demo"])
def test_a_missing_store_is_answered_with_the_command_that_makes_it(choice, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    typed = [f"data={choice}", "data.name=my own", "data.size=[8,8]", "data.labels=[x]", "data.raw=null"]
    data = composed("train", *typed, with_hydra=True).data
    with pytest.raises(FileNotFoundError) as raised:
        prepare_data(data)
    text = str(raised.value)
    assert f"{tmp_path}/data/my own-8x8.h5" in text
    assert f"python prepare.py data={choice} 'data.name=my own' 'data.size=[8,8]' data.raw=DIR" in text


def test_a_store_of_folders_is_opened_without_the_raw_files(demo_store):
    data = composed("train", "data=folders", f"data.store={demo_store}", "data.size=[32,32]", with_hydra=True).data
    prepare_data(data)
    assert len(open_data(data)) == 120


@pytest.mark.parametrize("choice", ["folders", "isic2018", "demo"])
def test_the_remedies_of_messages_are_keys_of_every_choice(choice):
    data = composed("prepare", f"data={choice}").data
    assert (data.on_error, data.source.grey_masks, data.source.missing_masks) == ("stop", "stop", "stop")
