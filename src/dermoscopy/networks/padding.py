"""What segmentation networks share: how many channels they give, and logits as large as the image, however large."""

from collections.abc import Callable, Sequence

from torch import Tensor
from torch.nn.functional import interpolate, pad


def output_channels(masks: Sequence[str], exclusive: bool) -> int:
    """Return how many logits a pixel has: one a mask, and one more for the background where masks exclude each other.

    Raises:
        ValueError: no masks.
    """
    if not masks:
        raise ValueError("masks is empty: name what to segment, such as data.masks=[lesion]")
    return len(masks) + int(exclusive)


def run_padded(network: Callable[[Tensor], Tensor], image: Tensor, multiple: int, least: int) -> Tensor:
    """Return the logits of an image (B, 3, H, W) at its own H x W.

    The image is padded on its right and below, and the logits are cropped back. It is padded with 0, the mean colour:
    what every convolution takes to lie beyond a border, so that the padding shows the network no edge of its own.

    Args:
        network: maps images to logits, of the same size or smaller.
        image: normalised images.
        multiple: the network needs sides that it divides.
        least: the network needs sides at least so long; a multiple of `multiple`.

    Raises:
        ValueError: sides shorter than `multiple`, or a batch that BatchNorm cannot normalise.
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
    try:
        logits = network(image)
    except ValueError as error:
        if "more than 1" not in str(error):  # torch says it of BatchNorm and of InstanceNorm, in training
            raise
        raise ValueError(
            f"{len(image)} image(s) of {height} x {width} px leave this network one value to normalise by: "
            "choose a larger data.size, or a datamodule.batch_size that leaves no batch of one image"
        ) from error
    if logits.shape[-2:] != image.shape[-2:]:
        logits = interpolate(logits, image.shape[-2:], mode="bilinear", align_corners=False)
    return logits[..., :height, :width]
