"""Where a network predicts."""

import torch


def choose_device(name: str = "auto") -> torch.device:
    """Return the device of this name; "auto" is the accelerator if there is one, else the processor.

    Raises:
        ValueError: there is no such device here.
    """
    if name == "auto":
        return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # torch raises either over a device it cannot use
        raise ValueError(f"device={name} cannot be used here: choose device=auto or device=cpu") from error
