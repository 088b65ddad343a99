"""Number of epochs of a stage: one for all, or one per protocol and stage."""

from collections.abc import Mapping
from typing import Any

from dermoscopy.machine.messages import nearest


def stage_epochs(epochs: Any, protocol: Mapping[str, Any], stage: str) -> Any:
    """Return the number of epochs of a stage.

    Args:
        epochs: as configured: one number for all stages, or {protocol: number} or {protocol: {stage: number}}.
        protocol: its `name` is looked up first, then its `scale`.
        stage: name of the stage.

    Raises:
        ValueError: there is no entry for the protocol or the stage; the message lists the entries.
    """
    key = "epochs"
    for names in ([protocol.get("name"), protocol.get("scale")], [stage]):
        if not isinstance(epochs, Mapping):
            break
        name = next((str(name) for name in names if name in epochs), None)
        if name is None:
            entries = ", ".join(map(str, epochs))
            missing = " or ".join(dict.fromkeys(map(str, names)))
            raise ValueError(f"{key} has no entry for {missing}, it has {entries}{nearest(missing, map(str, epochs))}")
        key, epochs = f"{key}.{name}", epochs[name]
    return epochs
