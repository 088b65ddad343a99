"""Names of timm's models, and of the weights that timm publishes of them."""

import timm

from dermoscopy.machine.messages import nearest


def check_timm_model(argument: str, name: str) -> None:
    """Refuse a name that is not of a timm model, or of weights that it does not have.

    Args:
        argument: that gives the name, for the message.
        name: of a model, or of a model and its weights, such as resnet18.a1_in1k.

    Raises:
        ValueError: as above, with the nearest names.
    """
    if not timm.is_model(name):
        raise ValueError(f"{argument} {name!r} is not a timm model{nearest(name, timm.list_models())}")
    model, _, tag = name.partition(".")
    known = timm.list_pretrained(f"{model}.*")
    if tag and name not in known and not _has_settings(name):
        names = f"choose {model} or {', '.join(known)}" if known else f"choose {model}"
        raise ValueError(f"{argument} {name!r}: timm has no weights {tag!r} of {model}, {names}")


def _has_settings(name: str) -> bool:
    """Return whether timm has settings under a name; some are of weights that it does not publish."""
    try:
        return timm.get_pretrained_cfg(name) is not None
    except RuntimeError:  # the tag is unknown
        return False
