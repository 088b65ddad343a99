"""Augmentation on the device: one grid_sample a batch for image and masks, one colour matrix a sample."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample

PADDING = {"constant": "zeros", "border": "border", "reflection": "reflection"}
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

    def geometry(self, image: Tensor, mask: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Move image (B, 3, H, W) and mask (B, K, H, W) in -1, 0, +1 by the same random affine map of each sample."""
        if not any((self.hflip, self.vflip, self.rotate, self.scale > 1, self.shear, self.shift)):
            return image, mask
        both = torch.cat([image, mask], dim=1)
        matrix = self.affine(len(image), image.shape[-2:], generator)
        grid = affine_grid(matrix, list(both.shape), align_corners=False)
        moved = grid_sample(both, grid, mode="bilinear", padding_mode=PADDING[self.padding], align_corners=False)
        return moved[:, :3], moved[:, 3:].sign()  # a blend of present and absent belongs to the larger share

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
        mean = linear @ image.mean((2, 3)).unsqueeze(2)  # (B, 3, 1)
        return torch.cat([contrast * linear, (1 - contrast) * (grey[:1] @ mean).expand(-1, 3, -1)], dim=2)


def _turn_about_grey(angle: Tensor, device: torch.device) -> Tensor:
    """Rotation of RGB about the grey axis by ``angle`` (B, 1, 1) radians (Rodrigues' formula), (B, 3, 3)."""
    axis = 1 / math.sqrt(3)
    cross = torch.tensor([[0, -axis, axis], [axis, 0, -axis], [-axis, axis, 0]], device=device)
    return torch.eye(3, device=device) + angle.sin() * cross + (1 - angle.cos()) * (cross @ cross)
