"""Drawings: flat tones, hard lines, letters and gradients, as in animation, titles and on screens.

Photos have none of it, and a network that has seen photos alone bends what is perfectly flat and
perfectly sharp. Each picture is a heap of random shapes, with edges a pixel wide.

Shapes: N pictures, P their height and width.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from ..settings import BlurSettings
from .camera import Draw, on_twos
from .sources import Windows
from .windows import synthesize

__all__ = ["DrawingSource", "drawings"]

NUM_SHAPES = 7
NUM_STROKES = 5
NUM_CORNERS = 5
LETTER = (10, 6)
"""Height and width of a letter with the space around it, in dots."""
TWOS_SHARE = 0.5
"""Share of windows in which every picture is shown twice."""


class DrawingSource:
    """Windows of drawings: many still, most without blur, half of them with doubled pictures.

    Args:
        blur: What blur is drawn from, where there is any.
    """

    def __init__(self, blur: BlurSettings) -> None:
        self._blur = replace(
            blur,
            still_share=max(0.25, blur.still_share),
            instant_share=0.7,
            object_share=0.6,
            depth_share=0.0,
            linear_share=0.0,
        )

    def windows(self, num: int, generator: torch.Generator, on_device: torch.Generator) -> Windows:
        """Make windows; see `sources.Source`."""
        del generator
        draw = Draw(torch.empty(0, device=on_device.device), on_device)
        pictures = drawings(draw, 2 * num, self._blur.patch_size)
        exposure = synthesize(pictures[:num], pictures[num:], self._blur, on_device)
        radius = self._blur.num_frames // 2
        order = torch.arange(-radius, radius + 1, device=pictures.device)
        is_doubled = draw.uniform(0, 1, num, 1) < TWOS_SHARE
        order = radius + torch.where(is_doubled, on_twos(draw, num, radius), order)
        frames = exposure.blurred[torch.arange(num, device=order.device)[:, None], order, 0]
        return Windows(frames, exposure.sharp, torch.zeros_like(is_doubled[:, 0]))


def drawings(draw: Draw, num: int, size: int) -> Tensor:
    """Random drawings, (N, 1, P, P) in [0, 1]."""
    canvas = _areas(draw, num, size)
    for _ in range(NUM_SHAPES):
        canvas = _with_shape(draw, canvas)
    for _ in range(NUM_STROKES):
        canvas = _with_stroke(draw, canvas)
    canvas = _with_letters(draw, canvas)
    soft = draw.uniform(-1, 0.7, num, 1, 1).clamp_min(0)
    near = F.avg_pool2d(canvas[:, None], 3, 1, 1, count_include_pad=False)[:, 0]
    return torch.lerp(canvas, near, soft)[:, None].clamp(0, 1)


def _places(draw: Draw, size: int) -> tuple[Tensor, Tensor]:
    """Pixels from the picture's centre: (1, 1, P) and (1, P, 1)."""
    axis = torch.arange(size, device=draw.uniform(0, 1, 1).device) + 0.5 - size / 2
    return axis[None, None], axis[None, :, None]


def _one(draw: Draw, num: int, low: float = 0.0, high: float = 1.0) -> Tensor:
    """A number for each picture, (N, 1, 1)."""
    return draw.uniform(low, high, num, 1, 1)


def _width_of_line(draw: Draw, num: int) -> Tensor:
    """In pixels, a quarter of them none; (N, 1, 1)."""
    return _one(draw, num, 0.8, 3.5) * (_one(draw, num) < 0.75) - 1


def _areas(draw: Draw, num: int, size: int) -> Tensor:
    """Areas between the contour lines of a random landscape, each of a tone; (N, P, P)."""
    cells = draw.normal(num, 1, 4, 4), 0.5 * draw.normal(num, 1, 9, 9)
    hills = [F.interpolate(part, (size, size), mode="bicubic")[:, 0] for part in cells]
    height = (hills[0] + _one(draw, num) * hills[1]) * _one(draw, num, 0.3, 2.5) + 50
    across, down = (
        F.pad(height, margin, mode="replicate").diff(dim=axis)
        for axis, margin in ((2, (0, 1, 0, 0)), (1, (0, 0, 0, 1)))
    )
    slope = (across.square() + down.square()).sqrt().clamp_min(1e-4)
    level, over = height.long(), height.frac()
    nearest = torch.where(over < 0.5, level - 1, level + 1)
    distance = torch.minimum(over, 1 - over) / slope  # to the contour line, in pixels
    tones = draw.uniform(0, 1, num, 16)
    mine, theirs = (
        tones.gather(1, (part % 16).flatten(1)).view_as(height) for part in (level, nearest)
    )
    filled = torch.lerp(mine, theirs, (0.5 - distance).clamp(0, 0.5))
    line = (0.5 * _width_of_line(draw, num) + 0.5 - distance).clamp(0, 1)
    return torch.lerp(filled, _one(draw, num, 0, 0.4), line)


def _with_shape(draw: Draw, canvas: Tensor) -> Tensor:
    """A blob or a polygon, filled or not, with an outline or not."""
    num, size, _ = canvas.shape
    x, y = _places(draw, size)
    x, y = x - _one(draw, num, -0.45, 0.45) * size, y - _one(draw, num, -0.45, 0.45) * size
    radius = size * (0.02 + 0.28 * _one(draw, num) ** 2)
    distance = torch.where(
        _one(draw, num) < 0.5, _to_blob(draw, x, y, radius), _to_polygon(draw, x, y, radius)
    )
    tone, other = _one(draw, num), _one(draw, num)
    along = (x * _one(draw, num, -1, 1) + y * _one(draw, num, -1, 1)) / radius
    shade = torch.where(_one(draw, num) < 0.5, (along > 0.3).float(), (0.5 + along).clamp(0, 1))
    tone = torch.lerp(tone, other, shade * (_one(draw, num) < 0.4))
    inside = (0.5 - distance).clamp(0, 1) * (_one(draw, num) < 0.75)
    line = (0.5 * _width_of_line(draw, num) + 0.5 - distance.abs()).clamp(0, 1)
    return torch.lerp(torch.lerp(canvas, tone, inside), 0.5 * _one(draw, num) ** 2, line)


def _to_blob(draw: Draw, x: Tensor, y: Tensor, radius: Tensor) -> Tensor:
    """Pixels to the outline of a wavy ellipse, below 0 inside; (N, P, P)."""
    num = len(radius)
    y = y * _one(draw, num, 0.5, 2)
    angle, outline = torch.atan2(y, x), torch.ones_like(radius)
    for waves in (2, 3, 5):
        bump, turn = _one(draw, num, 0, 0.6 / waves), _one(draw, num, 0, 2 * torch.pi)
        outline = outline + bump * (waves * angle + turn).cos()
    return torch.hypot(x, y) - radius * outline


def _to_polygon(draw: Draw, x: Tensor, y: Tensor, radius: Tensor) -> Tensor:
    """Pixels to the nearest side of a convex polygon, below 0 inside; (N, P, P)."""
    num, turn = len(radius), _one(draw, len(radius), 0, 2 * torch.pi)
    corners = 3 + (3 * _one(draw, num)).long()
    distance = torch.full((), -torch.inf, device=x.device)
    for side in range(NUM_CORNERS):
        angle = turn + 2 * torch.pi * (side % corners) / corners
        far = radius * _one(draw, num, 0.4, 1)
        distance = torch.maximum(distance, x * angle.cos() + y * angle.sin() - far)
    return distance


def _with_stroke(draw: Draw, canvas: Tensor) -> Tensor:
    """A straight line of any length and direction."""
    num, size, _ = canvas.shape
    x, y = _places(draw, size)
    x, y = x - _one(draw, num, -0.5, 0.5) * size, y - _one(draw, num, -0.5, 0.5) * size
    angle = _one(draw, num, 0, torch.pi)
    along, across = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
    beyond = (along.abs() - size * 0.4 * _one(draw, num) ** 2).clamp_min(0)
    line = (0.5 * _one(draw, num, 0.6, 4) + 0.5 - torch.hypot(beyond, across)).clamp(0, 1)
    return torch.lerp(canvas, _one(draw, num), line)


def _with_letters(draw: Draw, canvas: Tensor) -> Tensor:
    """Lines of what looks like letters, of dots 1 to 4 pixels wide, in 2 of 5 pictures."""
    num, size, _ = canvas.shape
    x, y = _places(draw, size)
    dot = 1 + (4 * _one(draw, num)).long()
    column, row = (
        (part + _one(draw, num, 0, 64)).div(dot, rounding_mode="floor").long() for part in (x, y)
    )
    bits = draw.uniform(0, 1, num, 32 * 32) < 0.5
    index = (row % 32) * 32 + column % 32
    is_set = bits.gather(1, index.flatten(1)).view_as(canvas)
    is_letter = (row % LETTER[0] < LETTER[0] - 3) & (column % LETTER[1] < LETTER[1] - 1)
    across, down = _one(draw, num, 0.05, 0.5) * size, _one(draw, num, 0.02, 0.3) * size
    x, y = x - _one(draw, num, -0.3, 0.3) * size, y - _one(draw, num, -0.3, 0.3) * size
    is_there = (x.abs() < across) & (y.abs() < down) & (_one(draw, num) < 0.4)
    return torch.where(is_set & is_letter & is_there, _one(draw, num).round(), canvas)
