"""The network of a trained stage, built from its recorded configuration."""

from collections.abc import Sequence

from hydra.errors import InstantiationException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import nn

from dermoscopy.config.build import build
from dermoscopy.machine.messages import reason
from dermoscopy.runs.files import CONFIG
from dermoscopy.runs.recorded import RecordedStage, Settings

INITIAL = {"pretrained": False, "checkpoint": None}  # load no weights, which the checkpoint would replace


def build_network(stage: RecordedStage, trust: Sequence[str]) -> nn.Module:
    """Return the network of a stage with random weights, without a download of pretrained ones.

    Args:
        stage: whose configuration may come from someone else.
        trust: packages whose code it may execute.

    Raises:
        ValueError: it names other code, or is no network that this version has.
    """
    network_settings = without_weights(stage.configuration["network"])
    configuration = OmegaConf.create({"network": network_settings, "trust": list(trust)})
    try:
        network = build(configuration.network)
    except (InstantiationException, OmegaConfBaseException, ValueError) as error:
        raise ValueError(f"{_place(stage)} cannot be built: {reason(error)}") from error
    if not isinstance(network, nn.Module):
        raise ValueError(f"{_place(stage)} cannot be built: it has no _target_ of a network")
    return network


def _place(stage: RecordedStage) -> str:
    return f"the network of {stage.folder / CONFIG}"


def without_weights(network: Settings) -> Settings:
    """Return the configuration of a network, and of the networks in it, without initial weights."""
    parts = {name: without_weights(part) for name, part in network.items() if isinstance(part, dict)}
    return network | parts | {name: value for name, value in INITIAL.items() if name in network}
