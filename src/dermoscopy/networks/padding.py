"""Shared parts of segmentation networks: number of output channels, and logits of the image's size for any size."""

from collections.abc import Callable, Sequence

from torch import Tensor
from torch.nn.functional import interpolate, pad


def output_channels(masks: Sequence[str], exclusive: bool) -> int:
    """Return the number of logits per pixel: one per mask, and one for the background where masks exclude each other.

    Raises:
        ValueError: there are no masks.
    """
    if not masks:
        raise ValueError("masks is empty: list the masks to segment, such as data.masks=[lesion]")
    return len(masks) + int(exclusive)


def run_padded(network: Callable[[Tensor], Tensor], image: Tensor, multiple: int, least: int) -> Tensor:
    """Return the logits of an image (B, 3, H, W) at its own H x W.

    The image is padded on the right and below, and the logits are cropped back. The padding is 0, the mean colour,
    which is also the zero padding of convolutions, so that the padding adds no edge.

    Args:
        network: function from images to logits of the same size or smaller.
        image: normalised images.
        multiple: number that must divide the sides of the network's input.
        least: minimum side of the network's input; a multiple of `multiple`.

    Raises:
        ValueError: a side is shorter than `multiple`.
    """
    height, width = image.shape[-2:]
    if min(height, width) < multiple:
        raise ValueError(
            f"images of {height} x {width} px are too small for this network: "
            f"both sides of data.size must be at least {multiple}"
        )
    rows, columns = (max(least, -(-side // multiple) * multiple) for side in (height, width))
    if (rows, columns) != (height, width):
        image = pad(image, (0, columns - width, 0, rows - height))
    logits = network(image)
    if logits.shape[-2:] != image.shape[-2:]:
        logits = interpolate(logits, image.shape[-2:], mode="bilinear", align_corners=False)
    return logits[..., :height, :width]
