"""Equal settings give equal keys, however they are written; different settings give different keys."""

import pytest

from dermoscopy.runs import keys
from dermoscopy.runs.keys import RECIPE, stage_key

STAGE = {
    "seed": 0,
    "epochs": 4,
    "datamodule": {"batch_size": 32, "split": {"val": 0.1, "file": None}, "mean": [0.5, 1.0]},
    "task": {"_target_": "dermoscopy.tasks.classification.ClassificationTask", "zeroing": {"p": 0.5, "grid": 8}},
}


def with_zeroing(**zeroing: object) -> dict:
    return STAGE | {"task": STAGE["task"] | {"zeroing": zeroing}}


def with_target(path: str) -> dict:
    return STAGE | {"task": STAGE["task"] | {"_target_": path}}


def test_a_different_setting_gives_a_different_key():
    keys = [stage_key([STAGE | {"seed": seed}], "data") for seed in range(3)]
    keys += [stage_key([with_zeroing(p=0.6, grid=8)], "data"), stage_key([with_zeroing(p=0.5, grid=4)], "data")]
    assert len(set(keys)) == len(keys)


def test_the_data_and_the_earlier_stages_are_part_of_the_key():
    other = STAGE | {"epochs": 5}
    assert stage_key([STAGE], "data") != stage_key([STAGE], "other data")
    assert stage_key([STAGE, STAGE], "data") != stage_key([other, STAGE], "data")
    assert stage_key([STAGE], "data") != stage_key([STAGE, STAGE], "data")


@pytest.mark.parametrize("p", [0, 1])
def test_the_grid_of_zeroing_has_no_effect_on_the_key_if_nothing_or_everything_is_erased(p):
    whole, cells = with_zeroing(p=p, grid=1, per_channel=False), with_zeroing(p=float(p), grid=8, per_channel=True)
    assert stage_key([whole], "data") == stage_key([cells], "data")


def test_a_mixed_zeroing_of_everything_has_that_key_and_one_that_keeps_some_cells_has_not():
    everything, nothing = (stage_key([with_zeroing(p=p, grid=1)], "data") for p in (1, 0))
    mixed = [stage_key([with_zeroing(p=p, grids=[8, 4])], "data") for p in (1, 0)]
    assert mixed[0] == everything and mixed[1] not in (everything, nothing)


def test_the_order_of_settings_and_the_type_of_a_whole_number_have_no_effect():
    assert stage_key([dict(reversed(STAGE.items()))], "data") == stage_key([STAGE], "data")
    assert stage_key([STAGE | {"epochs": 4.0}], "data") == stage_key([STAGE], "data")


def test_a_class_of_this_package_counts_by_its_name_and_one_of_other_packages_by_its_path():
    moved = with_target("dermoscopy.elsewhere.ClassificationTask")
    assert stage_key([moved], "data") == stage_key([STAGE], "data")
    assert stage_key([with_target("dermoscopy.tasks.joint.JointTask")], "data") != stage_key([STAGE], "data")
    theirs = [stage_key([with_target(f"{module}.Net")], "data") for module in ("mine", "yours")]
    assert len(set(theirs)) == 2


def test_a_file_counts_by_its_content_and_not_by_its_path(tmp_path):
    for name, content in {"a.csv": "1", "b.csv": "1", "c.csv": "2"}.items():
        (tmp_path / name).write_text(content)

    def key(name: str) -> str:
        split = {"split": {"file": str(tmp_path / name)}}
        return stage_key([STAGE | {"datamodule": split}], "data")

    assert key("a.csv") == key("b.csv")
    assert key("a.csv") != key("c.csv")


def test_a_new_recipe_changes_every_key(monkeypatch):
    before = stage_key([STAGE], "data")
    monkeypatch.setattr(keys, "RECIPE", RECIPE + 1)
    assert stage_key([STAGE], "data") != before
