"""Stage light for the fixed benchmark: dark scenes, coloured spots, lamps that clip.

The same look as `train.concert` gives to training patches, in whole numbers and with its own
ranges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .composite import WHITE, decode_table, encode_table
from .cuts import luma_codes
from .random_paths import FixedDraw

__all__ = ["StageLight", "add_lamps"]

type Ints = NDArray[np.int64]
type Floats = NDArray[np.float64]

MAX_LAMP = 6
"""Brightest lamp, in whites of linear light."""


@dataclass(frozen=True, eq=False)
class StageLight:
    """The light of one scene, and the exposure that the camera chose for it.

    Shapes are those of the layer that is lit; positions are pixels from the view's centre.
    """

    mean: float
    """Mean linear light of a layer, 1 = white; layers that are darker stay as they are."""
    contrast: int
    """0 = none, 256 = codes are squared."""
    ambient: Ints
    """(3,), light outside the spots, RGB; 256 = as photographed."""

    @classmethod
    def drawn(cls, draw: FixedDraw) -> StageLight:
        """Draw one."""
        ambient = np.rint(256 * draw.uniform(0.1, 0.5) * _colour(draw, 0.5))
        return cls(draw.uniform(0.03, 0.16), 64 + draw.below(128), ambient.astype(np.int64))

    def lit(
        self, draw: FixedDraw, photo: NDArray[np.uint8], centre: tuple[int, int], size: int
    ) -> NDArray[np.int64]:
        """Luma of a photo (H, W, 3) under coloured spots, as 16-bit codes: (H, W).

        Args:
            draw: Where the spots fall.
            photo: What they fall on.
            centre: Column and row of the view's centre in the photo.
            size: Height and width of the view.
        """
        linear = encode_table(linear=True)[::257].astype(np.int64)  # of 8-bit values
        light = linear[photo] * self._spots(draw, photo.shape[:2], centre, size) >> 8
        gain = round(min(1.0, self.mean * WHITE * light.size / max(1, int(light.sum()))) * 4096)
        codes = decode_table(linear=True)[np.minimum(light * gain >> 12, WHITE)].astype(np.int64)
        codes = (codes * (256 - self.contrast) + (codes * codes >> 16) * self.contrast) >> 8
        return luma_codes(codes)

    def _spots(
        self, draw: FixedDraw, shape: tuple[int, ...], centre: tuple[int, int], size: int
    ) -> Ints:
        """Light on each pixel, (H, W, 3)."""
        light = np.broadcast_to(self.ambient, (*shape, 3)).copy()
        x, y = np.arange(shape[1]) - centre[0] + 0.5, np.arange(shape[0])[:, None] - centre[1] + 0.5
        for _ in range(1 + draw.below(4)):
            kind = _beam if draw.below(3) == 0 else _disc
            strength = np.rint(256 * kind(draw, x / size, y / size)).astype(np.int64)
            colour = np.rint(256 * draw.uniform(0.5, 2.5) * _colour(draw, 1)).astype(np.int64)
            light += strength[..., None] * colour >> 8
        return light


def add_lamps(
    draw: FixedDraw,
    radiance: NDArray[np.int32],
    centre: tuple[int, int],
    size: int,
    *,
    linear: bool,
) -> NDArray[np.int32]:
    """Up to five small lamps in the view, added to radiance (H, W).

    In linear light they are brighter than white, so that they leave clipped streaks; a window
    averaged as encoded is clipped before.
    """
    height, width = radiance.shape
    x, y = np.arange(width) - centre[0] + 0.5, np.arange(height)[:, None] - centre[1] + 0.5
    total = radiance.astype(np.int64)
    for _ in range(draw.below(6)):
        at = (draw.uniforms(2) - 0.5) * 1.2 * size
        square = (x - at[0]) ** 2 + (y - at[1]) ** 2
        radius = draw.uniform(1.0, 5.0)
        core = (2 * (1 - square / (radius * radius))).clip(0, 1)
        glow = (1 - square / (radius * radius * 36)).clip(0, 1) ** 2
        peak = draw.uniform(0.5, MAX_LAMP)
        shine = peak * core + draw.uniform(0.01, 0.06) * peak * glow * glow
        total += np.rint(WHITE * shine).astype(np.int64)
    return np.minimum(total, WHITE * (MAX_LAMP if linear else 1)).astype(np.int32)


def _colour(draw: FixedDraw, strength: float) -> Floats:
    """A hue at full saturation, mixed with white: (3,), the largest is 1."""
    hue = draw.uniform(0, 6)
    pure = (np.abs((hue - np.array([0.0, 2.0, 4.0]) + 3) % 6 - 3) * -1 + 2).clip(0, 1)
    return 1 - draw.uniform(0, strength) * (1 - pure)


def _disc(draw: FixedDraw, x: Floats, y: Floats) -> Floats:
    """A round spot with a soft edge, in [0, 1]; x, y in sizes of the view."""
    at = draw.uniforms(2) * 1.2 - 0.6
    radius = draw.uniform(0.12, 0.5)
    square = ((x - at[0]) ** 2 + (y - at[1]) ** 2) / (radius * radius)
    return _smooth((1 - square) / draw.uniform(0.2, 1.0))


def _beam(draw: FixedDraw, x: Floats, y: Floats) -> Floats:
    """A cone of light from above, in [0, 1]; x, y in sizes of the view."""
    top = draw.uniform(-0.7, 0.7)
    lean = draw.uniform(-0.6, 0.6)
    down = y + 0.8
    across = (x - top - lean * down) / (0.05 + draw.uniform(0.1, 0.4) * np.abs(down))
    return _smooth((1 - across * across) / draw.uniform(0.3, 1.0))


def _smooth(edge: Floats) -> Floats:
    edge = edge.clip(0, 1)
    return edge * edge * (3 - 2 * edge)
