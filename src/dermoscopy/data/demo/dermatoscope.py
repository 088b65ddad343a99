"""Artefacts of a demo photograph: round window, light, bubbles, hairs, ruler, blur, grain.

None of them depends on the lesion or its diagnosis. Lengths are in reference pixels.
"""

from math import cos, sin

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from dermoscopy.data.demo.fields import REFERENCE, Canvas, Field, Picture, step_up
from dermoscopy.data.demo.lesions import stream

CORNER = float(np.hypot(*REFERENCE)) / 2  # from the middle of the image to its corner


def field_of_view(rng: np.random.Generator, canvas: Canvas) -> Field:
    """Return 1 where the dermatoscope sees the skin and 0 in the dark around its round window, if it has one."""
    window = rng.random() < 0.35
    radius, x, y = rng.uniform(118, 150), rng.normal(0, 6), rng.normal(0, 6)
    if not window:
        return np.ones_like(canvas.x)
    return step_up(radius - np.hypot(canvas.x - x, canvas.y - y), 6)


def photograph_through(seed: int, index: int, canvas: Canvas, picture: Picture, field: Field) -> Picture:
    """Add the artefacts of the photograph: bubbles, hairs, ruler, light, window, blur and grain."""
    picture = _bubbles(stream(seed, "bubbles", index), canvas, picture)
    hairs, ruler = _hairs(stream(seed, "hairs", index), canvas), _ruler(stream(seed, "ruler", index), canvas)
    for cover, ink in (hairs, ruler):
        picture = picture + cover[..., None] * (np.array(ink, dtype=np.float32) - picture)
    rng = stream(seed, "light", index)
    slope, side = rng.uniform(0, 0.10), rng.uniform(0, 2 * np.pi)
    distance = np.hypot(canvas.x, canvas.y) / CORNER
    light = 1 + slope * (cos(side) * canvas.x + sin(side) * canvas.y) / CORNER
    light -= rng.uniform(0.02, 0.35) * distance * distance * distance
    picture = picture * (rng.uniform(0.9, 1.08) * light)[..., None]
    surround = rng.uniform(0.02, 0.10)
    picture = surround + field[..., None] * (picture - surround)
    blur = rng.uniform(0.4, 0.8) * canvas.scale
    picture = ndimage.gaussian_filter(picture, (blur, blur, 0))
    grain = rng.uniform(0.004, 0.012) * rng.standard_normal(field.shape, dtype=np.float32)
    return picture + grain[..., None]


def _bubbles(rng: np.random.Generator, canvas: Canvas, picture: Picture) -> Picture:
    """Add bubbles of the immersion fluid: a bright rim that is dark on one side."""
    number = rng.integers(1, 6) if rng.random() < 0.25 else 0
    for _ in range(number):
        x, y = canvas.x - rng.uniform(-120, 120), canvas.y - rng.uniform(-90, 90)
        rim = np.exp(-((np.hypot(x, y) - rng.uniform(2.5, 7)) ** 2))
        shine = np.cos(np.arctan2(y, x) - rng.uniform(0, 2 * np.pi))
        picture = picture * (1 + 0.22 * rim * shine)[..., None]
    return picture


Lines = list[tuple[list[tuple[float, float]], float]]  # the points of each line and its width, reference pixels


def _ink(canvas: Canvas, lines: Lines) -> Field:
    """Draw lines; return the coverage of each pixel, 0 to 1."""
    if not lines:
        return np.zeros_like(canvas.x)
    height, width = canvas.x.shape
    fine = 3  # drawn three times too large, then averaged: smooth edges
    sheet = Image.new("L", (fine * width, fine * height))
    pen = ImageDraw.Draw(sheet)
    for points, thickness in lines:
        places = [(fine * (x * canvas.scale + width / 2), fine * (y * canvas.scale + height / 2)) for x, y in points]
        pen.line(places, fill=255, width=max(1, round(fine * thickness * canvas.scale)), joint="curve")
    cover: Field = np.asarray(sheet.reduce(fine), dtype=np.float32) / 255
    return cover


def _hairs(rng: np.random.Generator, canvas: Canvas) -> tuple[Field, tuple[float, float, float]]:
    """Draw curved hairs of roughly one direction; many photographs have none."""
    number = int(rng.choice([0, int(rng.integers(1, 6)), int(rng.integers(6, 26))], p=[0.5, 0.35, 0.15]))
    lie = rng.uniform(0, np.pi)
    lines: Lines = []
    t = np.linspace(-1, 1, 16)
    for _ in range(number):
        angle, length, bend = lie + rng.normal(0, 0.5), rng.uniform(20, 110), rng.normal(0, 18)
        along, across = length * t, bend * t**2
        x = rng.uniform(-130, 130) + np.cos(angle) * along - np.sin(angle) * across
        y = rng.uniform(-100, 100) + np.sin(angle) * along + np.cos(angle) * across
        lines.append((list(zip(x.tolist(), y.tolist(), strict=True)), rng.uniform(0.5, 1.3)))
    ink = (0.16, 0.10, 0.07) if rng.random() < 0.6 else (0.42, 0.26, 0.16)
    return rng.uniform(0.6, 0.95) * _ink(canvas, lines), ink


def _ruler(rng: np.random.Generator, canvas: Canvas) -> tuple[Field, tuple[float, float, float]]:
    """Draw the millimetre ruler of a contact plate near the lower edge, in one photograph of four."""
    visible = rng.random() < 0.25
    left, level, tilt, step = rng.uniform(-90, 0), rng.uniform(66, 84), rng.normal(0, 0.08), rng.uniform(8.5, 10.5)
    lines: Lines = []
    if visible:
        ends = [(left, level), (left + 10 * step, level + 10 * step * tilt)]
        lines = [(ends, 0.8)]
        for mark in range(21):
            x, y = left + mark * step / 2, level + mark * step / 2 * tilt
            lines.append(([(x, y), (x, y - (6 if mark % 10 == 0 else 4 if mark % 2 == 0 else 2.5))], 0.6))
    return 0.85 * _ink(canvas, lines), (0.15, 0.13, 0.13)
