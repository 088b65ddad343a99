"""A configuration names only parts of this project and of its libraries, unless its user trusts other code."""

import sys

import pytest
from omegaconf import OmegaConf

from dermoscopy.config.trust import refused, trusted

CODE = [  # the target, and what allows it
    ("own_parts.Pixelwise", "own_parts"),
    ("os.system", "os"),
    ("builtins.exec", "builtins"),
    ("subprocess.Popen", "subprocess"),
    ("functools.partial", "functools"),
    ("hydra.utils.instantiate", "hydra"),
    ("torch_evil.Net", "torch_evil"),
    ("torch", "torch"),
    ("torch.load", "torch.load"),
    ("torch.hub.load", "torch.hub.load"),
    ("torch.os.system", "torch.os.system"),
    ("torch.jit.load", "torch.jit.load"),
    ("torch.utils.cpp_extension.load", "torch.utils.cpp_extension.load"),
    ("torch.package.PackageImporter", "torch.package.PackageImporter"),
    ("torch.nn.Module.load_state_dict", "torch.nn.Module.load_state_dict"),
    ("torch.distributed.elastic.multiprocessing.SubprocessContext",) * 2,
    ("torchvision.models.get_model_builder", "torchvision.models.get_model_builder"),
    ("timm.models.load_checkpoint", "timm.models.load_checkpoint"),
    ("pytorch_lightning.cli.LightningCLI", "pytorch_lightning.cli.LightningCLI"),
    ("pytorch_lightning.LightningModule.load_from_checkpoint",) * 2,
    ("dermoscopy.machine.provenance.subprocess.run",) * 2,
    ("dermoscopy.machine.files.atomic_path", "dermoscopy.machine.files.atomic_path"),
    ("dermoscopy.config.build.build", "dermoscopy.config.build.build"),
    ("dermoscopy.networks.weights.torch.load",) * 2,
]
PARTS = [
    "dermoscopy.networks.classifier.Classifier",
    "dermoscopy.data.splits.random_split",
    "torch.nn.Flatten",
    "torch.optim.AdamW",
    "torch.optim.lr_scheduler.ReduceLROnPlateau",
    "torchvision.models.googlenet",
    "torchvision.transforms.v2.ColorJitter",
    "timm.create_model",
    "timm.models.resnet.resnet18",
    "segmentation_models_pytorch.Unet",
    "segmentation_models_pytorch.losses.DiceLoss",
    "pytorch_lightning.callbacks.EarlyStopping",
    "pytorch_lightning.loggers.CSVLogger",
    "pytorch_lightning.profilers.SimpleProfiler",
    "pytorch_lightning.strategies.DDPStrategy",
    "torchmetrics.classification.MultilabelF1Score",
]


def targets_of(part, trust=()):
    return [
        (each.target, each.trust)
        for each in refused(OmegaConf.to_container(OmegaConf.create(part), resolve=True), trust)
    ]


@pytest.mark.parametrize(("target", "package"), CODE)
def test_other_code_is_refused_until_it_is_trusted(target, package):
    assert targets_of({"_target_": target}) == [(target, package)]
    if package != target:  # is not imported here
        return
    assert targets_of({"_target_": target}, [package]) == []


@pytest.mark.parametrize("target", PARTS)
def test_parts_need_no_trust(target):
    assert targets_of({"_target_": target}) == []


@pytest.mark.parametrize(
    "part",
    [
        {"a": [{"b": {"_target_": "evil_package.x", "_partial_": True}}]},
        {"_target_": "torch.nn.Flatten", "_recursive_": False, "a": {"_target_": "evil_package.x"}},
        {"_target_": "torch.nn.Flatten", "_args_": ["${other}"], "other": {"_target_": "evil_package.x"}},
        {"name": "evil_package.x", "_target_": "${name}"},
        {"all": {"a": {"_target_": "evil_package.x"}}, "callbacks": "${oc.dict.values:all}"},
    ],
)
def test_code_is_refused_wherever_it_stands(part):
    assert ("evil_package.x", "evil_package") in targets_of(part)


def test_nothing_is_imported_before_all_of_a_part_is_allowed(tmp_path, monkeypatch):
    for name in ("allowed_package", "evil_package"):
        (tmp_path / f"{name}.py").write_text("import pathlib; pathlib.Path(__file__).with_suffix('.ran').touch()")
    monkeypatch.syspath_prepend(str(tmp_path))
    part = {"_target_": "allowed_package.A", "b": {"_target_": "evil_package.B"}}
    assert targets_of(part, ["allowed_package"]) == [("evil_package.B", "evil_package")]
    assert not [*tmp_path.glob("*.ran")] and "allowed_package" not in sys.modules


@pytest.mark.parametrize(
    "name", ["own_parts.Missing", "torch.nn.Missing", "dermoscopy.networks.missing.Net", "missing.A"]
)
def test_a_name_that_does_not_exist_is_named(name):
    with pytest.raises(ValueError, match=f"cannot find {name}"):
        targets_of({"_target_": name}, ["own_parts", "missing"])


def test_trust_names_packages():
    assert trusted(OmegaConf.create({})) == trusted(OmegaConf.create({"trust": None})) == []
    assert trusted(OmegaConf.create({"trust": "own_parts"})) == ["own_parts"]
    assert trusted(OmegaConf.create({"trust": ["a", "b.c"]})) == ["a", "b.c"]
    for wrong in (True, 1, {"a": 1}, [1], [""]):
        with pytest.raises(ValueError, match="trust must be a list"):
            trusted(OmegaConf.create({"trust": wrong}))
