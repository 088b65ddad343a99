"""Rates with which layers, paths or features are dropped in training."""

from collections.abc import Mapping
from typing import Any


def checked_rate(name: str, rate: float) -> float:
    """Return a rate.

    Raises:
        ValueError: it lies outside [0, 1); the message begins with its name.
    """
    if not 0 <= rate < 1:
        raise ValueError(f"{name} must lie in [0, 1), got {rate}: 0 switches it off")
    return rate


def check_rates(options: Mapping[str, Any]) -> None:
    """Refuse a rate among the options of a timm model, such as drop_path_rate, with which it would train to nothing.

    timm checks none of them: its models fail in a training step, or train with negative rates and NaN.

    Raises:
        ValueError: a rate lies outside [0, 1).
    """
    for name, rate in options.items():
        if name.endswith("_rate") and type(rate) in (int, float) and not 0 <= rate < 1:
            raise ValueError(f"options has {name}={rate}, but a rate must lie in [0, 1): 0 switches it off")
