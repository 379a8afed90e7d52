"""A photo with a cut-out object in front of it, seen by a moving camera, in whole numbers.

Radiance is an integer with `WHITE` for white; lamps may be brighter. It is either linear light or
the encoded value itself, as the window is averaged. Brightness in between is a 16-bit code.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .random_paths import FixedDraw, Path, Poses, exposure_times, sine_of

__all__ = ["WHITE", "Composite", "Layer", "decode_table", "encode_table", "object_mask"]

type Ints = NDArray[np.int32]
type Codes = NDArray[np.uint16]

WHITE = 4112 * 255
"""Radiance of white: 20 bits, of which every 8-bit value has its own in linear light too."""
GAMMA = 2.2
MAX_VIEWS = 255
"""Bound on the views averaged into a frame."""


@lru_cache(maxsize=4)
def encode_table(*, linear: bool) -> Ints:
    """Radiance of each 16-bit code."""
    codes = np.arange(65536) / 65535
    return np.rint(WHITE * codes ** (GAMMA if linear else 1)).astype(np.int32)


@lru_cache(maxsize=4)
def decode_table(*, linear: bool) -> Codes:
    """16-bit code of each radiance up to `WHITE`."""
    radiance = np.arange(WHITE + 1) / WHITE
    return np.rint(65535 * radiance ** (1 / GAMMA if linear else 1)).astype(np.uint16)


@dataclass(frozen=True, eq=False)
class Layer:
    """A plane of radiance; an object also has a mask."""

    radiance: Ints
    """(H, W)."""
    centre: tuple[int, int]
    """Column and row of the pixel corner that the centre of the view at rest falls on."""
    mask: Ints | None = None
    """(H, W), 0 = transparent, 256 = solid; 0 at the border."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Composite:
    """What the camera sees."""

    background: Layer
    """Fills the view at every time."""
    camera: Path
    """Path of the camera."""
    front: Layer | None
    """A moving object, with its mask, if there is one."""
    moving: Path
    """Path of the object."""
    size: int
    """Height and width of the view (even), in pixels."""
    linear: bool
    """Whether radiance is linear light."""

    def exposed(self, frame: int, exposure: float) -> Codes:
        """A blurred frame: the mean of views at most a pixel apart, clipped: (H, W)."""
        count = self._num_views(frame, exposure)
        total = np.zeros((self.size, self.size), np.int32)
        for view in self._views(exposure_times(frame, exposure, count)):
            total += view
        return self._codes((total + count // 2) // count)

    def sharp(self) -> Codes:
        """The view at the centre of the middle exposure, (H, W)."""
        return self._codes(next(self._views(np.zeros(1))))

    def moments(self, exposure: float) -> Codes:
        """Sharp views evenly spaced over the middle exposure, ends included: (7, H, W)."""
        return np.stack([self._codes(view) for view in self._views(_moment_times(exposure))])

    def flow(self, exposure: float) -> NDArray[np.float32]:
        """Where each pixel of the first moment is in the last one, (2, H, W): (x, y), pixels."""
        times = _moment_times(exposure)[[0, -1]]
        camera = self.camera.poses(times)
        flow = _displacement(camera, self.size)
        if self.front is not None:
            assert self.front.mask is not None
            poses = camera.of_layer(self.moving.poses(times))
            solid = _sample([self.front.mask], self.front.centre, poses, 0, self.size)[0] > 128
            flow = np.where(solid, _displacement(poses, self.size), flow)
        return flow.astype(np.float32)

    def _codes(self, radiance: Ints) -> Codes:
        codes: Codes = decode_table(linear=self.linear)[np.minimum(radiance, WHITE)]
        return codes

    def _num_views(self, frame: int, exposure: float) -> int:
        """Odd, so that one view is the centre of the exposure."""
        fine = 64
        times = exposure_times(frame, exposure, fine + 1)
        camera = self.camera.poses(times)
        tracks = [camera]
        if self.front is not None:
            tracks.append(camera.of_layer(self.moving.poses(times)))
        step = 0.0
        for poses in tracks:
            x, y = poses.corners(self.size)
            square = np.diff(x, axis=0) ** 2 + np.diff(y, axis=0) ** 2
            step = max(step, float(np.sqrt(square.max())))
        count = math.ceil(step * (fine + 1))
        return min(count + 1 - count % 2, MAX_VIEWS)

    def _views(self, times: NDArray[np.float64]) -> Iterator[Ints]:
        """Radiance of the views at the given times, (H, W) each."""
        camera = self.camera.poses(times)
        in_front = camera.of_layer(self.moving.poses(times))
        back = self.background
        for index in range(len(times)):
            if index == 0 or not self.camera.still:
                (seen,) = _sample([back.radiance], back.centre, camera, index, self.size)
            if self.front is None or self.front.mask is None:
                yield seen
            else:
                planes = [self.front.radiance, self.front.mask]
                colour, mask = _sample(planes, self.front.centre, in_front, index, self.size)
                yield (seen * (256 - mask) + colour * mask + 128) >> 8


def object_mask(draw: FixedDraw, size: int) -> tuple[Ints, tuple[int, int]]:
    """A soft blob with an irregular outline, and where the view's centre is in it (see `Layer`)."""
    radius = draw.uniform(0.12, 0.35) * size
    shift = np.rint((draw.uniforms(2) * 0.6 - 0.3) * size).astype(int)
    reach = int(radius * 1.73) + 4
    axis = np.arange(-reach, reach) + 0.5
    distance = np.sqrt(axis * axis + (axis * axis)[:, None])
    cosine, sine = axis / distance, axis[:, None] / distance
    outline = np.ones_like(distance)
    turn = (cosine, sine)
    for wave in range(2, 7):
        turn = (turn[0] * cosine - turn[1] * sine, turn[0] * sine + turn[1] * cosine)
        bump = draw.uniform(0, 0.5 / wave)
        phase = draw.uniforms(1)
        outline += bump * (turn[0] * sine_of(phase + 0.25) + turn[1] * sine_of(phase))
    edge = (radius * outline - distance) / 1.5 + 0.5
    mask = np.rint(edge.clip(0, 1) * 256).astype(np.int32)
    return mask, (reach - int(shift[0]), reach - int(shift[1]))


def _sample(
    planes: Sequence[Ints], centre: tuple[int, int], poses: Poses, index: int, size: int
) -> list[Ints]:
    """Planes at one of the poses, between pixels by bilinear interpolation: (size, size) each."""
    height, width = planes[0].shape
    column, row = _positions(centre, poses, index, size)
    column = column.clip(0, 256 * (width - 1) - 1)
    row = row.clip(0, 256 * (height - 1) - 1)
    first = ((row >> 8) * width + (column >> 8)).astype(np.intp)
    across, down = column & 255, row & 255
    sampled = []
    for plane in planes:
        flat = plane.ravel()
        corners = [flat[skip:].take(first) for skip in (0, 1, width, width + 1)]
        top, bottom = (
            ((left << 8) + (right - left) * across + 128) >> 8
            for left, right in (corners[:2], corners[2:])
        )
        sampled.append(((top << 8) + (bottom - top) * down + 128) >> 8)
    return sampled


def _positions(centre: tuple[int, int], poses: Poses, index: int, size: int) -> tuple[Ints, Ints]:
    """Column and row that each pixel of a view shows, in 1/256 pixel, 0 = a pixel's centre."""
    half_pixels = np.arange(1 - size, size, 2, dtype=np.int32)
    real, imag = (round(float(part[index]) * 2**17) for part in (poses.real, poses.imag))
    # In 2**-18 pixel: half pixels times 2**-17.
    x, y = (
        round(float(offset[index]) * 2**18) + (at << 18) - (1 << 17)
        for offset, at in ((poses.x, centre[0]), (poses.y, centre[1]))
    )
    column = (half_pixels * real + x) - (half_pixels * imag)[:, None]
    row = (half_pixels * imag + y) + (half_pixels * real)[:, None]
    return (column + 512) >> 10, (row + 512) >> 10


def _displacement(poses: Poses, size: int) -> NDArray[np.float64]:
    """From where a pixel is in the first of two views to where it is in the second: (2, H, W)."""
    axis = np.arange(1 - size, size, 2) / 2
    x, y = np.broadcast_arrays(axis, axis[:, None])
    real, imag, at_x, at_y = poses.real, poses.imag, poses.x, poses.y
    place_x = real[0] * x - imag[0] * y + (at_x[0] - at_x[1])
    place_y = real[0] * y + imag[0] * x + (at_y[0] - at_y[1])
    norm = real[1] * real[1] + imag[1] * imag[1]
    return np.stack([
        (place_x * real[1] + place_y * imag[1]) / norm - x,
        (place_y * real[1] - place_x * imag[1]) / norm - y,
    ])  # fmt: skip


def _moment_times(exposure: float) -> NDArray[np.float64]:
    return np.arange(-3, 4) / 6 * exposure
