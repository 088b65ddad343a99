"""Augmentation on the device: one affine map and one colour map a sample, for a whole batch."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample

from dermoscopy.data.colour import apply_colour, compose

PADDING = {"constant": "zeros", "border": "border", "reflection": "reflection"}
IN_CACHE = 200_000  # pixels that pass through the steps together; measured with one and two threads
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


class Augment(nn.Module):
    """Random flips, rotation, scale, shear and shift of image and masks together, and random colour of the image.

    All ranges are symmetric; 0 (or false) switches a transform off. What enters from outside the frame is black in the
    image and unknown in the masks (padding "constant"), or continues the border, or mirrors it.

    Args:
        hflip, vflip: probability of a mirror image left-right, upside-down.
        rotate: largest angle, degrees. scale: largest factor f, drawn log-uniformly from 1/f ... f.
        shear: largest angle, degrees. shift: largest shift as a share of the side.
        brightness, contrast, saturation: largest relative change. hue: largest turn, as a share of the colour circle.
        padding: constant, border or reflection.

    Raises:
        ValueError: a value out of its range, an unknown padding.
    """

    def __init__(
        self,
        hflip: float,
        vflip: float,
        rotate: float,
        scale: float,
        shear: float,
        shift: float,
        brightness: float,
        contrast: float,
        saturation: float,
        hue: float,
        padding: str,
    ) -> None:
        super().__init__()
        if padding not in PADDING:
            raise ValueError(f"augment.padding must be one of {list(PADDING)}, got {padding!r}")
        shares = {"hflip": hflip, "vflip": vflip, "shift": shift, "hue": hue}
        shares |= {"brightness": brightness, "contrast": contrast, "saturation": saturation}
        for name, value in shares.items():
            if not 0 <= value <= 1:
                raise ValueError(f"augment.{name} must lie in [0, 1], got {value}")
        if scale < 1:
            raise ValueError(f"augment.scale is a factor of at least 1 (1 switches it off), got {scale}")
        if rotate < 0 or not 0 <= shear < 90:
            raise ValueError(
                f"augment.rotate and shear are angles, at least 0 and shear below 90, got {rotate}, {shear}"
            )
        self.hflip, self.vflip = hflip, vflip
        self.rotate, self.scale, self.shear, self.shift = rotate, scale, shear, shift
        self.brightness, self.contrast, self.saturation, self.hue = brightness, contrast, saturation, hue
        self.padding = padding
        self.moves = any((hflip, vflip, rotate, scale > 1, shear, shift))

    def forward(
        self, image: Tensor, code: Tensor, normalise: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        matrix = self.affine(len(image), image.shape[-2:], generator)
        colour = compose(normalise, self.colour(image, generator))
        images = torch.empty(image.shape, device=image.device)
        codes = torch.empty(code.shape, device=code.device)
        # On a CPU a few images at a time, so that what one step writes is still in the cache for the next.
        share = max(1, IN_CACHE // image[0, 0].numel()) if image.device.type == "cpu" else len(image)
        for part in (slice(start, start + share) for start in range(0, len(image), share)):
            moved, codes[part] = self.warp(image[part].float(), code[part].float(), matrix[part])
            apply_colour(colour[part], moved, out=images[part])
        return images, codes

    def warp(self, image: Tensor, code: Tensor, matrix: Tensor) -> tuple[Tensor, Tensor]:
        """Move images (B, 3, H, W) and packed masks (B, 1, H, W), both float, by affine maps (B, 2, 3).

        Images are interpolated, packed masks take the nearest pixel.
        """
        if not self.moves:
            return image, code
        grid = sampling_grid(matrix, *image.shape[-2:])
        padding = PADDING[self.padding]
        return (
            grid_sample(image, grid, mode="bilinear", padding_mode=padding, align_corners=False),
            grid_sample(code, grid, mode="nearest", padding_mode=padding, align_corners=False),
        )

    def affine(self, batch: int, size: tuple[int, int] | torch.Size, generator: torch.Generator) -> Tensor:
        """Draw maps from output to input coordinates (B, 2, 3), in units of half the side (as affine_grid has them)."""
        u = torch.rand((8, batch), generator=generator, device=generator.device)
        uniform = 2 * u - 1  # in -1 ... 1
        angle = uniform[0] * math.radians(self.rotate)
        shear = (uniform[1] * math.radians(self.shear)).tan()
        factor = (uniform[2] * math.log(self.scale)).exp()
        flip_x = torch.where(u[3] < self.hflip, -1.0, 1.0)
        flip_y = torch.where(u[4] < self.vflip, -1.0, 1.0)
        cos, sin = angle.cos() / factor, angle.sin() / factor
        ratio = size[0] / size[1]  # turns in pixels, not in units of the sides: a circle stays a circle
        row_x = [cos * flip_x, (cos * shear - sin) * ratio * flip_x, 2 * self.shift * uniform[5]]
        row_y = [sin / ratio * flip_y, (sin * shear + cos) * flip_y, 2 * self.shift * uniform[6]]
        return torch.stack([torch.stack(row_x, -1), torch.stack(row_y, -1)], 1)

    def colour(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Return one colour map for each sample (B, 3, 4), to be applied to its RGB in 0 ... 1."""
        batch, device = len(image), image.device
        uniform = 2 * torch.rand((4, batch, 1, 1), generator=generator, device=generator.device) - 1
        one = torch.eye(3, device=device)
        grey = torch.tensor(LUMA, device=device).expand(3, 3)
        saturation = 1 + self.saturation * uniform[2]
        linear = (1 + self.brightness * uniform[0]) * (saturation * one + (1 - saturation) * grey)
        linear = linear @ _turn_about_grey(2 * math.pi * self.hue * uniform[3], device)
        contrast = 1 + self.contrast * uniform[1]
        if not self.contrast:  # without it the mean colour is not needed, a pass over the images less
            return torch.cat([linear, torch.zeros(batch, 3, 1, device=device)], dim=2)
        mean = linear @ image.float().mean((2, 3)).unsqueeze(2)  # (B, 3, 1)
        return torch.cat([contrast * linear, (1 - contrast) * (grey[:1] @ mean).expand(-1, 3, -1)], dim=2)


def sampling_grid(matrix: Tensor, height: int, width: int) -> Tensor:
    """Return what ``affine_grid`` returns for affine maps (B, 2, 3), as a sum of rows and columns: far cheaper."""
    x = (2 * torch.arange(width, device=matrix.device) + 1) / width - 1  # centres of the pixels, in -1 ... 1
    y = (2 * torch.arange(height, device=matrix.device) + 1) / height - 1
    rows = (matrix[:, :, 1, None] * y + matrix[:, :, 2, None]).transpose(1, 2)  # (B, H, 2)
    columns = (matrix[:, :, 0, None] * x).transpose(1, 2).contiguous()  # (B, W, 2)
    return rows[:, :, None] + columns[:, None]


def _turn_about_grey(angle: Tensor, device: torch.device) -> Tensor:
    """Rotation of RGB about the grey axis by ``angle`` (B, 1, 1) radians (Rodrigues' formula), (B, 3, 3)."""
    axis = 1 / math.sqrt(3)
    cross = torch.tensor([[0, -axis, axis], [axis, 0, -axis], [-axis, axis, 0]], device=device)
    return torch.eye(3, device=device) + angle.sin() * cross + (1 - angle.cos()) * (cross @ cross)
