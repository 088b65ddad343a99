"""Conversion of the data's normalisation to the one with which a network's weights were trained."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

Statistics = tuple[Sequence[float], Sequence[float]]  # mean and standard deviation of R, G, B in 0 ... 1


class Preprocessing(nn.Module):
    """Conversion from the data's normalisation to that of the weights: one affine map per channel.

    The normalisation of the weights is saved and loaded with them; initially it equals the data's, and then nothing is
    computed.

    Args:
        mean, std: normalisation of the input images (B, 3, H, W), of RGB in 0 ... 1.
    """

    mean: Tensor
    std: Tensor
    scale: Tensor
    shift: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.data = torch.tensor(mean), torch.tensor(std)
        for name, value in zip(("mean", "std"), self.data, strict=True):
            self.register_buffer(name, value.clone())
        self.register_buffer("scale", torch.ones(3, 1, 1), persistent=False)
        self.register_buffer("shift", torch.zeros(3, 1, 1), persistent=False)
        self.equal = True

    def expect(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Set the normalisation of the weights."""
        self.mean.copy_(torch.tensor(mean))
        self.std.copy_(torch.tensor(std))
        self._derive()

    def _derive(self) -> None:
        mean, std = (value.to(self.mean) for value in self.data)
        self.scale.copy_((std / self.std)[:, None, None])
        self.shift.copy_(((mean - self.mean) / self.std)[:, None, None])
        self.equal = torch.equal(mean, self.mean) and torch.equal(std, self.std)

    def _load_from_state_dict(self, *args: object) -> None:
        super()._load_from_state_dict(*args)
        self._derive()

    def forward(self, image: Tensor) -> Tensor:
        return image if self.equal else torch.addcmul(self.shift, image, self.scale)


def custom_preprocessing(statistics: Mapping[str, Sequence[float]]) -> Statistics:
    """Return mean and standard deviation of a mapping with the keys mean and std.

    Raises:
        ValueError: there are not three numbers each, or a deviation is not positive.
    """
    if (
        set(statistics) != {"mean", "std"}
        or len(statistics["mean"]) != 3
        or len(statistics["std"]) != 3
        or min(statistics["std"]) <= 0
    ):
        raise ValueError(
            "preprocessing needs {mean: [r, g, b], std: [r, g, b]} of RGB in 0 ... 1, "
            f"with positive std, got {dict(statistics)}"
        )
    return statistics["mean"], statistics["std"]
