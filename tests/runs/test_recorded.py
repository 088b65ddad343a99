"""Recorded configurations of stages are read, and those of another recipe are refused."""

import pytest
import yaml
from recorded_stages import write_finished, write_job, write_recorded

from dermoscopy.runs.keys import RECIPE
from dermoscopy.runs.recorded import NotAStage, read_run, read_stage


def test_the_configuration_of_a_classifier_describes_its_images_and_masks(tmp_path):
    stage = read_stage(write_recorded(tmp_path, reduce=2))
    assert (stage.name, stage.epochs, stage.seed, stage.fingerprint) == ("only", 3, 5, "f" * 64)
    assert (stage.labels, stage.masks, stage.given) == (("a", "b"), (), ("lesion", "hair"))
    assert (stage.size, stage.stored_size, stage.fit, stage.padding) == ((16, 32), (32, 64), "pad", "border")
    assert (stage.validation_masks, stage.mask_threshold, stage.exclusive) == ("predicted", 0.4, False)
    assert stage.threshold_rule == "youden"
    assert stage.folder == tmp_path and "the stage is not finished" in str(stage)


def test_the_configuration_of_a_segmenter_lists_the_masks_that_it_predicts(tmp_path):
    stage = read_stage(write_recorded(tmp_path, model={"masks": ["lesion"], "exclusive": True}))
    assert (stage.masks, stage.exclusive, stage.given, stage.validation_masks) == (("lesion",), True, (), "none")
    assert stage.threshold_rule == ""


@pytest.mark.parametrize("recipe", [None, RECIPE - 1, RECIPE + 1])
def test_a_record_of_another_recipe_is_refused_with_the_command_that_trains_it_again(tmp_path, recipe):
    checkpoint = write_recorded(tmp_path / "run" / "k1", recipe_version=recipe)
    with pytest.raises(ValueError, match=f"run/k1/config.yaml .*recipe {RECIPE}.*the command that trained it"):
        read_stage(checkpoint)
    write_job(tmp_path / "run", 0, "k1")
    with pytest.raises(ValueError, match="run/k1/config.yaml .*python train.py -m"):
        read_stage(checkpoint)


@pytest.mark.parametrize("content", ["data: [", "of: another program", "", "- a list", "data: 1\nstage: 2"])
def test_a_file_that_is_not_the_configuration_of_a_stage_is_named(tmp_path, content):
    (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(NotAStage, match="config.yaml is not the configuration of a trained stage"):
        read_stage(tmp_path / "best.ckpt")


def test_a_checkpoint_without_configuration_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="best.ckpt has no config.yaml beside it"):
        read_stage(tmp_path / "best.ckpt")


def test_a_run_consists_of_the_stages_up_to_the_named_one_with_the_job_that_trained_each(tmp_path):
    for key in ("k1", "k2", "k3"):
        write_finished(tmp_path / key, tested=None if key == "k1" else ["none", "given"])
    write_job(tmp_path, 0, "k1", "k2", "k3")
    write_job(tmp_path, 1, "k1", "k2", hardware="a GPU")
    write_job(tmp_path, 2, "k1", "k2", trained=False)
    run = read_run(tmp_path / "k2" / "best.ckpt")
    assert [stage.key for stage in run] == ["k1", "k2"]
    assert [stage.tested for stage in run] == [None, ("none", "given")]
    assert {(stage.hardware, stage.threads) for stage in run} == {("a GPU", 2)}  # the latest that trained it
    assert run[1].code["torch"] == "2.0" and run[1].recorded.checkpoint == tmp_path / "k2" / "best.ckpt"


def test_a_run_without_its_job_or_an_unfinished_stage_is_named(tmp_path):
    checkpoint = write_finished(tmp_path / "k1")
    with pytest.raises(ValueError, match="no job in .*sweeps names the stage k1"):
        read_run(checkpoint)
    write_job(tmp_path, 0, "k1")
    (tmp_path / "k1" / "result.json").unlink()
    with pytest.raises(ValueError, match="k1 is not finished; to finish it: python train.py -m"):
        read_run(checkpoint)


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("data", "size", [32]),
        ("data", "size", [0, 32]),
        ("data", "size", "x"),
        ("datamodule", "reduce", 0),
        ("datamodule", "mean", [0.5]),
        ("datamodule", "std", [0, 0, 0]),
        ("datamodule", "labels", None),
    ],
)
def test_an_edited_configuration_without_sense_is_named(part, key, value, tmp_path):
    checkpoint = write_recorded(tmp_path)
    path = checkpoint.with_name("config.yaml")
    configuration = yaml.safe_load(path.read_text())
    configuration[part][key] = value
    path.write_text(yaml.safe_dump(configuration))
    with pytest.raises(NotAStage, match="config.yaml is not the configuration of a trained stage"):
        read_stage(checkpoint)
