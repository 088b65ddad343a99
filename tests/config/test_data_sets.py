"""Each public data set is prepared from its layout on disk by data=NAME data.raw=DIR, with the right content."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from builders import composed
from miniatures import MINIATURES

from dermoscopy.config.data import make_store
from dermoscopy.data.store.reader import Store, open_store

Prepare = Callable[[str], tuple[Store, str]]


@pytest.fixture(scope="module")
def prepare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepare]:
    """Return a function that prepares a miniature once and returns its store and what was printed."""
    known: dict[str, tuple[Store, str]] = {}

    def run(name: str) -> tuple[Store, str]:
        if name not in known:
            folder = tmp_path_factory.mktemp(name)
            MINIATURES[name](folder)
            typed = [f"data={name}", f"data.raw={folder}", "data.size=[32,32]", f"data.store={folder}/../{name}.h5"]
            with pytest.MonkeyPatch.context() as patch:
                lines: list[str] = []
                patch.setattr("dermoscopy.data.prepare.print", lambda text: lines.append(text), raising=False)
                known[name] = open_store(make_store(composed("prepare", *typed).data)), "\n".join(lines)
        return known[name]

    yield run


def groups(store: Store) -> list[list[str]]:
    """Return the ids of every group of several images."""
    several = [name for name, count in Counter(store.groups.tolist()).items() if count > 1]
    return [store.ids[store.groups == name].tolist() for name in several]


def yes(store: Store, label: str) -> list[str]:
    """Return the ids of the images with a label."""
    return store.ids[store.label[:, store.label_names.index(label)] == 1].tolist()


def counts(store: Store) -> dict[str, int]:
    """Return the number of images with each label."""
    return {name: int((store.label[:, place] == 1).sum()) for place, name in enumerate(store.label_names)}


def official(store: Store) -> dict[str, int]:
    """Return the number of images in each official subset."""
    assert store.official is not None
    return dict(Counter(store.official.tolist()))


def test_every_miniature_has_a_preset_with_a_header() -> None:
    for name in MINIATURES:
        text = (Path(__file__).parents[2] / f"conf/data/{name}.yaml").read_text()
        header = " ".join(line[2:] for line in text.splitlines() if line.startswith("# "))
        assert "licence" in header or "for research" in header, name
        assert "from" in header.lower() and "DIR holds" in header, name


def test_ham10000_keeps_lesions_together_in_both_parts_with_masks_and_metadata(prepare: Prepare) -> None:
    store, printed = prepare("ham10000")
    assert len(store) == 16 and store.mask_names == ("lesion",)
    assert counts(store) == {"mel": 3, "nv": 5, "bcc": 1, "akiec": 1, "bkl": 4, "df": 1, "vasc": 1}
    assert (store.label.sum(axis=1) == 1).all()
    assert sorted(map(len, groups(store))) == [2, 2, 3]
    assert (store.mask() == 1).any(axis=(1, 2, 3)).all()
    age = store.metadata["age"]
    assert age.dtype == np.float32 and np.isnan(age).sum() == 2 and np.nanmax(age) == 85
    assert Counter(store.metadata["sex"].tolist()) == {"male": 9, "female": 6, "": 1}
    assert "age: 2 of 16 unknown: empty (2)" in printed and "sex: 1 of 16 unknown: unknown (1)" in printed


def test_ph2_reads_marks_of_a_spreadsheet_and_joins_regions_of_one_colour(prepare: Prepare) -> None:
    store, printed = prepare("ph2")
    assert counts(store) == {"melanoma": 4, "atypical_nevus": 7, "common_nevus": 5}
    assert yes(store, "melanoma") == ["IMD058", "IMD061", "IMD063", "IMD405"]
    assert (store.label >= 0).all()  # an empty cell is no, not unknown
    present = (store.mask() == 1).any(axis=(1, 2))
    unknown = (store.mask() == 255).all(axis=(1, 2))
    assert not unknown.any()  # an image without a region of a colour has none of it
    assert present[:, store.mask_names.index("lesion")].all()
    brown = present[:, store.mask_names.index("dark_brown")]
    assert 0 < brown.sum() < len(store)
    assert "IMD057_R2_Label.bmp" in printed and "IMD146_R1_LabelStreaks.bmp" in printed  # named, not read
    assert set(store.metadata["pigment_network"].tolist()) == {"AT", "T"}


def test_isic2016_reads_tables_without_a_header_and_two_vocabularies(prepare: Prepare) -> None:
    store, _ = prepare("isic2016")
    assert len(store) == 14 and counts(store) == {"malignant": 5}
    assert "ISIC_0000000" in store.ids  # the first row is no header
    assert official(store) == {"train": 9, "test": 5}
    assert "ISIC_0000002" in yes(store, "malignant") and "ISIC_0000013" in yes(store, "malignant")


def test_isic2017_has_nevi_where_both_columns_are_0_and_leaves_superpixels_out(prepare: Prepare) -> None:
    store, printed = prepare("isic2017")
    assert counts(store) == {"melanoma": 4, "seborrheic_keratosis": 4, "nevus": 7}
    assert (store.label.sum(axis=1) == 1).all()
    assert official(store) == {"train": 8, "val": 3, "test": 4}
    assert "not read, no pattern takes them: 15: " in printed and "ISIC_0012086_superpixels.png" in printed
    assert np.isnan(store.metadata["age"]).sum() == 4  # the word unknown among numbers


def test_isic2018_task_3_joins_one_hot_labels_of_three_parts_with_lesions_of_one(prepare: Prepare) -> None:
    store, printed = prepare("isic2018_task3")
    assert (store.label.sum(axis=1) == 1).all() and sum(counts(store).values()) == len(store) == 20
    assert official(store) == {"train": 16, "val": 2, "test": 2}
    assert sorted(map(len, groups(store))) == [2, 2, 3]
    assert "lesion_id: 4 of 20 unknown, each in a group of its own" in printed


def test_isic2019_joins_two_tables_and_keeps_the_ending_of_names(prepare: Prepare) -> None:
    store, _ = prepare("isic2019")
    assert (store.label.sum(axis=1) == 1).all() and "UNK" not in store.label_names
    assert "ISIC_0000017_downsampled" in store.ids
    assert sorted(map(len, groups(store))) == [2, 2, 2]
    assert {"age", "sex", "site"} == {*store.metadata}


def test_isic2020_keeps_all_images_of_a_patient_together(prepare: Prepare) -> None:
    store, _ = prepare("isic2020")
    assert counts(store) == {"melanoma": 3}
    together = next(ids for ids in groups(store) if "ISIC_2637011" in ids)
    assert together == ["ISIC_0078703", "ISIC_0273046", "ISIC_2637011"]


def test_isic2024_reads_encoded_images_out_of_one_file(prepare: Prepare) -> None:
    store, _ = prepare("isic2024")
    assert len(store) == 14 and counts(store) == {"malignant": 4}
    assert store.image().std(axis=(1, 2, 3)).min() > 0
    assert store.metadata["diameter_mm"].dtype == np.float32


def test_derm7pt_reads_the_images_that_a_column_names_and_the_official_rows(prepare: Prepare) -> None:
    store, printed = prepare("derm7pt")
    assert len(store) == 21 and official(store) == {"train": 8, "val": 6, "test": 7}
    assert store.official is not None and store.official[store.ids.tolist().index("Nel026")] == "train"  # row 0
    assert "left out, no row in meta.csv: 20 of 41 images" in printed  # the clinical ones
    assert counts(store)["melanoma"] == 6
    assert [len(ids) for ids in groups(store)] == [2]  # two cases with one clinical image


def test_isic_archive_joins_images_through_lesion_and_patient_and_reads_dermoscopy_only(prepare: Prepare) -> None:
    store, printed = prepare("isic_archive")
    assert "left out, not image_type=dermoscopic: 2 of 13 images" in printed
    # 24310 and 24311 share a lesion, 24311 and 53500 a patient: 24310 and 53500 share nothing themselves.
    assert ["ISIC_0024310", "ISIC_0024311", "ISIC_0053500"] in groups(store)
    assert (store.label[:, 0] == -1).sum() == 1  # an image without any diagnosis is unknown, not benign


@pytest.mark.parametrize(
    ("named", "folder", "expected"),
    [
        ("isic2019", "ham10000", "ham10000 looks like data=ham10000: type data=ham10000"),
        ("ham10000", "isic2018_task3", "isic2018_task3 looks like data=isic2018_task3: type data=isic2018_task3"),
        ("isic2018", "isic2017", "isic2017 looks like data=isic2017: type data=isic2017"),
        ("ph2", "isic_archive", "isic_archive looks like data=isic_archive: type data=isic_archive"),
        ("derm7pt", ".", "looks like data=ham10000: type data=ham10000 data.raw="),
        ("ham10000", "ham10000/HAM10000_images_part_1", "looks like data=ham10000: type data=ham10000 data.raw="),
    ],
)
def test_a_folder_of_another_data_set_is_recognised(
    named: str, folder: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in {folder.partition("/")[0], "ham10000"} - {"."}:
        MINIATURES[name](tmp_path / name)
    monkeypatch.chdir(tmp_path)
    with pytest.raises((FileNotFoundError, ValueError)) as raised:
        make_store(composed("prepare", f"data={named}", f"data.raw={folder}", "data.store=s.h5").data)
    assert expected in str(raised.value) and "\n" not in str(raised.value)
    assert not Path("s.h5").exists()


def test_a_folder_of_nothing_known_is_not_recognised(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no image matches") as raised:
        make_store(composed("prepare", "data=ham10000", f"data.raw={tmp_path}", f"data.store={tmp_path}/s.h5").data)
    assert "looks like" not in str(raised.value)


def test_metadata_and_filters_of_a_preset_can_be_taken_back(tmp_path: Path) -> None:
    MINIATURES["isic_archive"](tmp_path / "raw")
    typed = ["data=isic_archive", f"data.raw={tmp_path / 'raw'}", "data.size=[16,16]"]
    for number, metadata in enumerate(("null", "{}")):
        own = [f"data.source.metadata={metadata}", "data.source.where=null", f"data.store={tmp_path}/{number}.h5"]
        cfg = composed("prepare", *typed, *own, with_hydra=True)
        store = open_store(make_store(cfg.data))
        assert len(store) == 13 and store.metadata == {}
