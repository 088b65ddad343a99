"""Augmentation of a whole batch on the device, with one geometric map and one colour map per sample."""

import math

import torch
from torch import Tensor, nn

from dermoscopy.data.augment.colour import apply_colour, compose, turn_about_grey
from dermoscopy.data.augment.foreground import random_foreground
from dermoscopy.data.augment.warp import PADDING, sampling_grid, steepest_tilt, warp, within_box
from dermoscopy.machine.randomness import derive
from dermoscopy.masks.blur import gaussian_blur

IN_CACHE = 200_000  # pixels that pass through the steps together; measured with one and two threads
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


class Augment(nn.Module):
    """Random geometry of image and masks together, then random blur, noise and colour of the image.

    All ranges are symmetric; 0 (or false) switches a transform off. Pixels from outside the frame are black in the
    image and unknown in the masks (padding "constant"), or continue the border, or mirror it.

    Args:
        hflip, vflip: probability of a mirror image left-right, upside-down.
        rotate: largest angle, degrees. scale: largest factor f, drawn log-uniformly from 1/f ... f.
        shear: largest angle, degrees. shift: largest shift as a share of the side.
        brightness, contrast, saturation: largest relative change. hue: largest rotation, a share of the colour circle.
        padding: constant, border or reflection.
        crop: smallest share of the area that a random box shows, drawn uniformly up to 1, enlarged to the whole frame
            (random resized crop); the other transforms move that box. 1: no crop. The lesion may lie outside the box
            while its label is kept.
        aspect: largest ratio of the box's sides, relative to those of the frame, drawn log-uniformly from 1/aspect ...
            aspect; a side longer than the frame is cut. 1: the ratio of the frame.
        foreground: probability with which the box is placed around a pixel of a mask, as in nnU-Net (doi
            10.1038/s41592-020-01008-z): one of the masks present in the image, then one of its pixels, both at random.
            Without such a mask the box lies anywhere.
        perspective: largest displacement of a corner under a random tilt, as a share of the side; with the six
            parameters of the affine map it yields any homography.
        noise: largest standard deviation of Gaussian noise, of RGB in 0 ... 1. blur: that of a Gaussian blur, pixels
            of the store. Both are drawn uniformly from 0 upwards, per image.

    Raises:
        ValueError: a value is out of its range or the padding is unknown.
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
        perspective: float,
        noise: float,
        blur: float,
        crop: float,
        aspect: float,
        foreground: float,
    ) -> None:
        super().__init__()
        if padding not in PADDING:
            raise ValueError(f"padding must be one of {list(PADDING)}, got {padding!r}")
        shares = {"hflip": hflip, "vflip": vflip, "shift": shift, "hue": hue, "perspective": perspective}
        shares |= {"brightness": brightness, "contrast": contrast, "saturation": saturation, "noise": noise}
        shares |= {"foreground": foreground}
        for name, value in shares.items():
            if not 0 <= value <= 1:
                raise ValueError(f"{name} must lie in [0, 1], got {value}")
        if not 1 <= scale < math.inf:
            raise ValueError(f"scale is a factor of at least 1 (1 switches it off), got {scale}")
        if not 0 <= rotate < math.inf:
            raise ValueError(f"rotate is an angle in degrees, at least 0, got {rotate}")
        if not 0 <= shear < 90:
            raise ValueError(f"shear is an angle in degrees, at least 0 and below 90, got {shear}")
        if not 0 <= blur < math.inf:
            raise ValueError(f"blur is a standard deviation in pixels, at least 0, got {blur}")
        if not 0 < crop <= 1:
            raise ValueError(f"crop is the smallest share of the area, above 0 and at most 1 (1: no crop), got {crop}")
        if not 1 <= aspect < math.inf:
            raise ValueError(f"aspect is the largest ratio of the sides of a crop, at least 1, got {aspect}")
        if foreground and crop == aspect == 1:
            raise ValueError(f"foreground={foreground} places the box of a crop: set crop as well, such as 0.25")
        self.hflip, self.vflip, self.crop, self.aspect, self.foreground = hflip, vflip, crop, aspect, foreground
        self.rotate, self.scale, self.shear, self.shift = rotate, scale, shear, shift
        self.brightness, self.contrast, self.saturation, self.hue = brightness, contrast, saturation, hue
        self.padding, self.perspective, self.noise, self.blur = padding, perspective, noise, blur
        self.moves = any((hflip, vflip, rotate, scale > 1, shear, shift, perspective, self.crops))

    @property
    def crops(self) -> bool:
        """Whether a box of the image is shown."""
        return self.crop < 1 or self.aspect > 1

    def forward(
        self, image: Tensor, code: Tensor, normalise: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        matrix = self.affine(len(image), image.shape[-2:], generator)
        colour = compose(normalise, self.colour(image, generator))
        # Shares of the maximum tilt (x, y), blur and noise.
        share = torch.rand((4, len(image)), generator=generator, device=image.device)
        tilt = steepest_tilt(self.perspective) * (2 * share[:2].T - 1)
        if self.crops:
            matrix = within_box(matrix, tilt, self.boxes(code, generator))
        images = torch.empty(image.shape, device=image.device)
        codes = torch.empty(code.shape, device=image.device)
        # On a CPU a few images at a time, so that what one step writes is still in the cache for the next.
        few = max(1, IN_CACHE // image[0, 0].numel()) if image.device.type == "cpu" else len(image)
        for rows in (slice(start, start + few) for start in range(0, len(image), few)):
            moved, codes[rows] = self.move(image[rows].float(), code[rows].float(), matrix[rows], tilt[rows])
            moved = self.degrade(moved, share[2, rows], share[3, rows], generator)
            apply_colour(colour[rows], moved, out=images[rows])
        return images, codes

    def move(self, image: Tensor, code: Tensor, matrix: Tensor, tilt: Tensor) -> tuple[Tensor, Tensor]:
        """Move images (B, 3, H, W) and packed masks (B, 1, H, W), float, by affine maps (B, 2, 3) and tilts (B, 2)."""
        if not self.moves:
            return image, code
        height, width = image.shape[-2:]
        grid = sampling_grid(matrix, height, width, tilt if self.perspective else None)
        return warp(image, code, grid, self.padding)

    def degrade(self, image: Tensor, blur: Tensor, noise: Tensor, generator: torch.Generator) -> Tensor:
        """Blur images (B, 3, H, W) of 0 ... 255, then add noise, both as shares (B,) of the maximum."""
        if self.blur:
            image = gaussian_blur(image, self.blur * blur, self.blur)
        if self.noise:
            drawn = torch.randn(image.shape, generator=generator, device=image.device)
            image = torch.addcmul(image, drawn, 255 * self.noise * noise[:, None, None, None])
        return image

    def affine(self, batch: int, size: tuple[int, int] | torch.Size, generator: torch.Generator) -> Tensor:
        """Draw affine maps (B, 2, 3) from output to input coordinates, in units of half the side, see `affine_grid`."""
        u = torch.rand((8, batch), generator=generator, device=generator.device)
        uniform = 2 * u - 1  # in -1 ... 1
        angle = uniform[0] * math.radians(self.rotate)
        shear = (uniform[1] * math.radians(self.shear)).tan()
        factor = (uniform[2] * math.log(self.scale)).exp()
        flip_x = torch.where(u[3] < self.hflip, -1.0, 1.0)
        flip_y = torch.where(u[4] < self.vflip, -1.0, 1.0)
        cos, sin = angle.cos() / factor, angle.sin() / factor
        ratio = size[0] / size[1]  # rotate in pixels, not in units of the sides: a circle stays a circle
        row_x = [cos * flip_x, (cos * shear - sin) * ratio * flip_x, 2 * self.shift * uniform[5]]
        row_y = [sin / ratio * flip_y, (sin * shear + cos) * flip_y, 2 * self.shift * uniform[6]]
        return torch.stack([torch.stack(row_x, -1), torch.stack(row_y, -1)], 1)

    def boxes(self, code: Tensor, generator: torch.Generator) -> Tensor:
        """Draw boxes (B, 2, 2): centre and half the side, each along x and y, in units of half the frame's side.

        The draws come from generators of their own, so that those of the other transforms stay as they are. The
        centres of a box's outer pixels lie within those of the frame, beyond which the image blends with black.

        Args:
            code: packed masks (B, 1, H, W), integer.
            generator: of the batch.
        """
        batch, (height, width) = len(code), code.shape[-2:]
        own = torch.Generator(generator.device).manual_seed(derive(generator.initial_seed(), "crop"))
        u = torch.rand((4, batch), generator=own, device=own.device)
        area, ratio = 1 - (1 - self.crop) * u[0], ((2 * u[1] - 1) * math.log(self.aspect)).exp()
        half = torch.stack([(area * ratio).sqrt(), (area / ratio).sqrt()], 1).clamp(max=1)  # (B, 2): along x, along y
        inner = torch.tensor([1 - 1 / width, 1 - 1 / height], device=half.device)
        highest = inner * (1 - half)
        lowest = -highest
        if self.foreground:
            own = torch.Generator(generator.device).manual_seed(derive(generator.initial_seed(), "foreground"))
            there, pixel = random_foreground(code, own)
            there &= torch.rand(batch, generator=own, device=own.device) < self.foreground
            nearest, farthest = (pixel + way * inner * half for way in (-1, 1))  # centres of boxes with the pixel
            lowest = torch.where(there[:, None], torch.maximum(lowest, nearest), lowest)
            highest = torch.where(there[:, None], torch.minimum(highest, farthest), highest)
        return torch.stack([lowest + (highest - lowest) * u[2:].T, half], 1)

    def colour(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Return one colour map per sample (B, 3, 4), to be applied to its RGB in 0 ... 1."""
        batch, device = len(image), image.device
        uniform = 2 * torch.rand((4, batch, 1, 1), generator=generator, device=generator.device) - 1
        one = torch.eye(3, device=device)
        grey = torch.tensor(LUMA, device=device).expand(3, 3)
        saturation = 1 + self.saturation * uniform[2]
        linear = (1 + self.brightness * uniform[0]) * (saturation * one + (1 - saturation) * grey)
        linear = linear @ turn_about_grey(2 * math.pi * self.hue * uniform[3], device)
        contrast = 1 + self.contrast * uniform[1]
        if not self.contrast:  # without contrast the mean colour is not needed, which saves a pass over the images
            return torch.cat([linear, torch.zeros(batch, 3, 1, device=device)], dim=2)
        mean = linear @ image.float().mean((2, 3)).unsqueeze(2)  # (B, 3, 1)
        return torch.cat([contrast * linear, (1 - contrast) * (grey[:1] @ mean).expand(-1, 3, -1)], dim=2)
