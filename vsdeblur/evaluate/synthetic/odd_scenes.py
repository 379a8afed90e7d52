"""Odd cases with scenes of their own: lamps, screens, fine patterns, drawings, stillness, zoom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .composite import WHITE, Layer, decode_table, encode_table
from .odd_footage import MIDDLE, NUMBERS, Footage
from .odd_takes import Takes
from .random_paths import FixedDraw, Path, sine_of
from .stage_light import add_lamps
from .take import Subset, Take

__all__ = ["blink", "drawing", "lamps", "led_wall", "moire", "still", "still_stage", "zoom"]

type Radiance = NDArray[np.int32]

CALM = Subset(still_share=1, max_noise=0.01, highlight_share=0)
LIT = Subset(
    camera_blur=16, still_share=0, object_share=0.3, max_noise=0.02, highlight_share=0,
    stage_light=True,
)  # fmt: skip
STAGE = Subset(
    camera_blur=3, blur_exponent=1, still_share=0, max_noise=0.01, highlight_share=0,
    stage_light=True,
)  # fmt: skip


def lamps(takes: Takes, number: int, draw: FixedDraw) -> Footage:
    """A dark stage with many lamps brighter than white, averaged before they are clipped."""
    take = takes.drawn(takes.key("lamps", number), LIT, linear=True)
    return Footage.of(_with_lamps(take, draw))


def blink(takes: Takes, number: int, draw: FixedDraw) -> Footage:
    """Lamps that are lit in the middle frame alone."""
    take = takes.drawn(takes.key("blink", number), LIT, linear=True)
    lit, dark = Footage.of(_with_lamps(take, draw)), Footage.of(take)
    return lit.with_frames([
        *dark.frames[:MIDDLE], lit.frames[MIDDLE], *dark.frames[MIDDLE + 1 :],
    ])  # fmt: skip


def still(takes: Takes, number: int, _draw: FixedDraw) -> Footage:
    """Sharp pictures that stand still; only their noise changes."""
    return Footage.of(takes.drawn(takes.key("still", number), CALM, linear=number % 2 == 1))


def still_stage(takes: Takes, number: int, _draw: FixedDraw) -> Footage:
    """A dark stage on which nothing moves, from the hand: up to three pixels of blur."""
    return Footage.of(takes.drawn(takes.key("still_stage", number), STAGE, linear=number % 2 == 1))


def zoom(takes: Takes, number: int, draw: FixedDraw) -> Footage:
    """A fast zoom: a fourteenth to a fifth nearer or further with every frame."""
    rate = draw.uniform(0.07, 0.2) * (1 if number % 2 else -1)
    none = np.zeros((0, 4))
    path = Path(np.zeros(0), none, none, np.array([0.0, 0.0, 0.0, rate]))
    take = takes.drawn(takes.key("zoom", number), CALM, linear=number // 2 % 2 == 1, camera=path)
    return Footage.of(take)


def led_wall(takes: Takes, number: int, draw: FixedDraw) -> Footage:
    """A screen of light-emitting diodes, whose refreshing shows as a dark band that wanders."""
    pitch, size = 3 + draw.below(3), takes.size
    take = _repainted(takes.take(number), lambda light: _diodes(light, pitch))
    phase, step = draw.below(size), size // 5 + draw.below(size // 2)
    rows = np.arange(size)[:, None]
    shares = [
        np.where((rows - phase - step * n) % size < size // 4, 140, 256).astype(np.int32)
        for n in NUMBERS
    ]
    return Footage.of(take).lit(shares)


def moire(takes: Takes, number: int, draw: FixedDraw) -> Footage:
    """Fine stripes, 2.2 to 4 pixels wide, over everything, as on cloth and grilles."""
    x, y = (draw.uniforms(2) - 0.5).tolist()
    length = float(np.sqrt(x * x + y * y)) + 1e-6
    period = draw.uniform(2.2, 4)

    def striped(light: Radiance) -> Radiance:
        down, right = (np.arange(n, dtype=np.float64) / period for n in light.shape)
        wave = sine_of(right * (x / length) + (down * (y / length))[:, None])
        share = np.rint(128 + 100 * wave).astype(np.int64)
        return (light * share >> 8).astype(np.int32)

    return Footage.of(_repainted(takes.take(number), striped))


def drawing(takes: Takes, number: int, _draw: FixedDraw) -> Footage:
    """Flat drawings with dark outlines, without blur; each comes twice, as in animation."""
    take = replace(takes.take(number), exposure=0.0, noise=0.004)
    linear = take.scene.linear
    take = _repainted(take, lambda light: _flat(light, linear=linear), front=True)
    footage = Footage.of(take)
    twos = (1, 1, 2, 2, 3) if number % 2 else (1, 2, 2, 3, 3)
    return replace(footage, frames=footage.frames[list(twos)], numbers=twos)


def _with_lamps(take: Take, draw: FixedDraw) -> Take:
    """Up to 15 lamps more."""
    background, size = take.scene.background, take.scene.size
    light = background.radiance
    for _ in range(3):
        light = add_lamps(draw, light, background.centre, size, linear=True)
    return _repainted(take, lambda _: light)


def _repainted(take: Take, paint: Callable[[Radiance], Radiance], *, front: bool = False) -> Take:
    """Change the radiance, (H, W), of the background, and of the object in front if asked to."""
    scene = take.scene

    def painted(layer: Layer) -> Layer:
        return replace(layer, radiance=paint(layer.radiance))

    in_front = painted(scene.front) if front and scene.front is not None else scene.front
    return replace(take, scene=replace(scene, background=painted(scene.background), front=in_front))


def _diodes(light: Radiance, pitch: int) -> Radiance:
    """The mean of each cell, shown by a dot a pixel smaller than the cell, with light around it."""
    height, width = (n // pitch * pitch for n in light.shape)
    cells = light[:height, :width].reshape(height // pitch, pitch, width // pitch, pitch)
    means = cells.sum((1, 3), dtype=np.int64) // pitch**2
    dots = np.broadcast_to(means[:, None, :, None] // 3, cells.shape).astype(np.int32)
    dots[:, :-1, :, :-1] = means[:, None, :, None] * 5 // 4
    edge = [(0, n - kept) for n, kept in zip(light.shape, (height, width), strict=True)]
    return np.pad(dots.reshape(height, width), edge, mode="edge")


def _flat(light: Radiance, *, linear: bool) -> Radiance:
    """Five flat colours with black lines, two pixels wide, where they meet."""
    codes = decode_table(linear=linear)[np.minimum(light, WHITE)].astype(np.int64)
    smooth = codes
    for _ in range(2):
        smooth = _box(smooth, 4)
    levels = smooth * 5 >> 16
    lines = np.zeros(levels.shape, bool)
    for axis in (0, 1):
        lines |= levels != np.roll(levels, 1, axis)
    painted = np.where(lines | np.roll(lines, 1, 0), 3000, 8000 + 12000 * levels)
    return encode_table(linear=linear)[painted]


def _box(codes: NDArray[np.int64], radius: int) -> NDArray[np.int64]:
    """Mean over squares; edges are repeated."""
    side = 2 * radius + 1
    padded = np.pad(codes, radius, mode="edge")
    for axis in (0, 1):
        total = np.cumsum(padded, axis=axis)
        total = np.insert(total, 0, 0, axis=axis)
        length = total.shape[axis] - side
        upper = np.take(total, range(side, side + length), axis=axis)
        padded = (upper - np.take(total, range(length), axis=axis)) // side
    return padded
