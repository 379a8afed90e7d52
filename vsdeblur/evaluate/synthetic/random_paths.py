"""Random numbers and random paths for the fixed benchmark, the same on every machine.

Only raw bits of PCG64 are drawn, because NumPy's distributions may change between releases. Paths
are computed with sums, products, quotients and square roots, which IEEE 754 rounds alike
everywhere; what a library may round in its own way (powers) is cut to fewer bits at once. In the
end paths are rounded to fixed point, before anything is sampled along them. They have the spectrum
of those in `train.camera`.

Positions are pixels from the centre of the view. Time is in frame intervals; the middle frame's
exposure is centred on 0, where every path passes through rest: no shift, no turn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BELL_DEVIATION",
    "NUM_FRAMES",
    "FixedDraw",
    "Path",
    "Poses",
    "exposure_times",
    "shake",
    "sine_of",
]

type Floats = NDArray[np.float64]

NUM_FRAMES = 5
"""Frames in a window."""
BELL_DEVIATION = math.sqrt(8 * (256**2 - 1) / 12)
"""Standard deviation of `FixedDraw.bell`: the sum of eight bytes."""
MAX_TRAVEL = 80.0
"""Longest blur of any frame, in pixels; longer paths are shortened."""
MAX_EXCURSION = 1.5
"""Furthest that a path leads from where it started, in sizes of the view."""


class FixedDraw:
    """Random numbers that are the same on every machine.

    Args:
        key: Whole numbers; each key gives a sequence of its own.
    """

    def __init__(self, *key: int) -> None:
        self._bits = np.random.PCG64(list(key))

    def uniforms(self, *shape: int) -> Floats:
        """Evenly distributed in [0, 1)."""
        raw = self._bits.random_raw(math.prod(shape))
        values: Floats = (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return values.reshape(shape)

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """One number, evenly distributed between two bounds."""
        return low + (high - low) * float(self.uniforms(1)[0])

    def below(self, bound: int) -> int:
        """A whole number from 0 to bound - 1."""
        return int(self._bits.random_raw()) * bound >> 64

    def bell(self, *shape: int) -> NDArray[np.int32]:
        """Whole numbers close to normally distributed: mean 0, deviation `BELL_DEVIATION`."""
        raw = self._bits.random_raw(math.prod(shape))
        every_other = np.uint64(0x00FF00FF00FF00FF)
        pairs = (raw & every_other) + ((raw >> np.uint64(8)) & every_other)
        total = (pairs * np.uint64(0x0001000100010001)) >> np.uint64(48)  # sum of the four lanes
        return total.astype(np.int32).reshape(shape) - 1020


@dataclass(frozen=True, eq=False)
class Poses:
    """Where M views look: the view's pixel p (as a complex number) shows scale * p + offset."""

    real: Floats
    imag: Floats
    x: Floats
    y: Floats

    def of_layer(self, layer: Poses) -> Poses:
        """Where these views look in a layer that itself moves."""
        return Poses(
            layer.real * self.real - layer.imag * self.imag,
            layer.real * self.imag + layer.imag * self.real,
            layer.real * self.x - layer.imag * self.y + layer.x,
            layer.real * self.y + layer.imag * self.x + layer.y,
        )

    def places(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """What the pixels (x, y), (K,) each, show: (M, K) each."""
        real, imag, at_x, at_y = (v[:, None] for v in (self.real, self.imag, self.x, self.y))
        return real * x - imag * y + at_x, real * y + imag * x + at_y

    def corners(self, size: int) -> tuple[Floats, Floats]:
        """What the four corners of a view show: (M, 4) each."""
        half = size / 2
        return self.places(
            np.array([-half, half, -half, half]), np.array([-half, -half, half, half])
        )


@dataclass(frozen=True, eq=False)
class Path:
    """A drift and K sinusoids for shift, rotation and zoom."""

    frequency: Floats  # (K,), cycles per frame interval
    phase: Floats  # (K, 4), turns
    amplitude: Floats  # (K, 4): x, y in pixels; rotation in radians; log zoom
    drift: Floats  # (4,), per frame interval

    @cached_property
    def still(self) -> bool:
        """Whether it leads nowhere."""
        return not (self.amplitude.any() or self.drift.any())

    def scaled(self, factor: float) -> Path:
        """The same path, `factor` times as far."""
        return Path(self.frequency, self.phase, self.amplitude * factor, self.drift * factor)

    def poses(self, times: Floats) -> Poses:
        """Poses at the given times, (M,); to 1/256 pixel and 2**-20 radians and log zoom."""
        path = self.drift * times[:, None]
        # One wave after the other: the order in which NumPy would sum is not promised.
        for frequency, phase, amplitude in zip(
            self.frequency, self.phase, self.amplitude, strict=True
        ):
            start = sine_of(phase)
            path = path + (sine_of(frequency * times[:, None] + phase) - start) * amplitude
        x, y, turn, zoom = np.rint(path * GRID).T / GRID[:, None]
        scale = 1 + zoom * (1 + zoom / 2 * (1 + zoom / 3))
        square = turn * turn
        cosine = 1 - square / 2 * (1 - square / 12 * (1 - square / 30))
        sine = turn * (1 - square / 6 * (1 - square / 20 * (1 - square / 42)))
        return Poses(scale * cosine, scale * sine, x, y)


GRID = np.array([256.0, 256.0, 2.0**20, 2.0**20])


def shake(draw: FixedDraw, exposure: float, length: float, size: int, num_waves: int = 10) -> Path:
    """A random hand-held path along which the middle frame is blurred by `length` pixels.

    Where the path happens to rest in the middle frame it is scaled by its mean instead, as in
    `train.camera.motion_of_length`.

    Args:
        draw: Source of randomness.
        exposure: Part of the frame interval during which the shutter is open.
        length: Blur at a corner of the view, in pixels; 0 = stands still.
        size: Height and width of the view.
        num_waves: Sinusoids.
    """
    path = _unit_shake(draw, size, num_waves)
    if length == 0:
        return path.scaled(0)
    travelled = _travel(path, exposure, size)
    unit = max(travelled[NUM_FRAMES // 2], 0.6 * sum(travelled) / NUM_FRAMES, 1e-3)
    bound = min(
        MAX_TRAVEL / max(*travelled, 1e-3), MAX_EXCURSION * size / max(_excursion(path, size), 1e-3)
    )
    return path.scaled(min(length / unit, bound))


def exposure_times(frame: int, exposure: float, count: int) -> Floats:
    """Times of `count` views, centres of equal parts of a frame's exposure."""
    return frame - NUM_FRAMES // 2 + ((np.arange(count) + 0.5) / count - 0.5) * exposure


def _unit_shake(draw: FixedDraw, size: int, num_waves: int) -> Path:
    frequency = np.rint(0.02 * 50 ** draw.uniforms(num_waves) * 2**30) / 2**30
    ratio = frequency / 0.27
    amplitude = np.sqrt(frequency) / (1 + ratio * ratio * np.sqrt(ratio)) / frequency
    turn = 0.25 / (0.7 * size)
    strength = np.concatenate([0.3 + 0.7 * draw.uniforms(2), turn * draw.uniforms(2) ** 2])
    sizes = draw.bell(num_waves, 4) / BELL_DEVIATION
    phase = draw.uniforms(num_waves, 4)
    drift = draw.bell(4) / BELL_DEVIATION * strength * draw.uniforms(1)
    return Path(frequency, phase, sizes * strength * amplitude[:, None], drift)


def _travel(path: Path, exposure: float, size: int) -> list[float]:
    """Pixels that a corner of the view travels during each frame's exposure."""
    corner = np.array([0.35 * size])
    travelled = []
    for frame in range(NUM_FRAMES):
        x, y = path.poses(exposure_times(frame, exposure, 17)).places(corner, corner)
        steps = np.sqrt(np.diff(x[:, 0]) ** 2 + np.diff(y[:, 0]) ** 2)
        travelled.append(int(np.rint(steps * 1024).astype(np.int64).sum()) / 1024)
    return travelled


def _excursion(path: Path, size: int) -> float:
    radius = NUM_FRAMES / 2
    x, y = path.poses(np.arange(-32, 33) / 32 * radius).corners(size)
    return float(max(np.abs(x).max(), np.abs(y).max())) - size / 2


def sine_of(turns: Floats) -> Floats:
    """Sine of an angle in turns, to 1e-7, with sums and products only."""
    turns = turns - np.rint(turns)
    quarter = np.where(np.abs(turns) > 0.25, np.copysign(0.5, turns) - turns, turns)
    angle = quarter * (2 * np.pi)
    square = angle * angle
    total = np.ones_like(square)
    for order in (12 * 13, 10 * 11, 8 * 9, 6 * 7, 4 * 5, 2 * 3):
        total = 1 - square / order * total
    return angle * total
