"""Names of earlier versions are refused with the new name."""

import pytest

from dermoscopy.config.renamed import check_keys, check_names, replaced_choice


@pytest.mark.parametrize(
    ("argument", "answer"),
    [
        ("zeroing=never", "zeroing=never is now zeroing=everything"),
        ("zeroing=whole_80,always", "zeroing=always is now zeroing=nothing"),
        ("split=s0", "split=s0 is now split=ten_shuffles"),
        ("augment=s0", "augment=s0 is now augment=legacy"),
        ("+experiment=availability", "experiment=availability is now experiment=mask_conditions"),
        ("experiment=aux_exit", "experiment=aux_exit is now experiment=aux_head"),
        ("network=unet,improved_unet_paper", "network=improved_unet_paper is now network=improved_unet_isensee2017"),
        ("network.variant=paper", "network.variant=paper is now network.variant=isensee2017"),
        ("network.region.largest=true", "network.region.largest is now network.postprocessing.largest"),
        ("model.availability=[none]", "model.availability is now model.mask_conditions"),
        ("views=flips", "views is now tta"),
        ("model.threshold=youden,f1", "model.threshold=f1 is now model.threshold=best_f1"),
        ("side=all", "side is now subset"),
        ("paths.runs=/data/runs", "paths.runs is now runs"),
        ("lengths.quick=[1,1]", "lengths.quick is now epochs.quick, .*epochs.quick.base=1"),
        ("arm/availability=never", "arm/availability is now arm/mask_conditions"),
    ],
)
def test_an_earlier_name_is_refused_with_the_name_that_replaced_it(argument, answer):
    with pytest.raises(ValueError, match=answer):
        check_names(["seed=0", argument])


@pytest.mark.parametrize(
    "argument",
    ["zeroing=everything", "data.source.csv=views.csv", "mask_views.views=4", "network=unet", "-m", "name=never",
     "split=file", "data.raw=/images/always", "model.evaluator.source=null", "zeroing=cells8_20", "protocol=paper",
     "model.threshold=best_f1"],
)  # fmt: skip
def test_current_names_are_accepted(argument):
    check_names([argument])


def test_keys_and_choices_in_files_answer_as_on_the_command_line():
    check_keys({"model.mask_conditions", "model", "epochs"})
    with pytest.raises(ValueError, match=r"model\.monitored is now model\.validation_masks"):
        check_keys({"model", "model.monitored"})
    assert replaced_choice("network/fpn") is None and replaced_choice("nowhere") is None
    assert "split=s0 is now split=ten_shuffles" in str(replaced_choice("split/s0"))
