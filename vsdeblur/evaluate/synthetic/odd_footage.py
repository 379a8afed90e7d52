"""Footage of odd cases: five frames before the sensor's noise and the editor's overlays.

Brightness is a 16-bit code, and everything is done in whole numbers, as in `composite`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .random_paths import NUM_FRAMES, FixedDraw
from .take import Take, eight_bit, with_noise

__all__ = ["MIDDLE", "NUMBERS", "WHITE", "Footage", "Overlay", "mixed"]

type Codes = NDArray[np.int32]
type Bytes = NDArray[np.uint8]

WHITE = 65535
"""Code of white."""
NUMBERS = tuple(range(NUM_FRAMES))
MIDDLE = NUM_FRAMES // 2


def mixed(codes: Codes, others: Codes | int, share: Codes | int) -> Codes:
    """Mix pictures; share: 0 = the first, 256 = the others."""
    return (codes * (256 - share) + others * share + 128) >> 8


@dataclass(frozen=True, eq=False)
class Overlay:
    """Something that an editor puts over pictures, after the sensor: it has no noise."""

    colour: Codes | int
    """(H, W)."""
    mask: Codes
    """(H, W), 0 = transparent, 256 = solid."""
    shown: tuple[bool, ...] = (True,) * NUM_FRAMES
    """Which frames have it."""

    def over(self, codes: Codes, position: int) -> Codes:
        """Put it over pictures, (..., H, W), of the frame at a position in the window."""
        return mixed(codes, self.colour, self.mask) if self.shown[position] else codes


@dataclass(frozen=True, kw_only=True, eq=False)
class Footage:
    """Five blurred frames, and what lies behind the middle one."""

    take: Take
    """Decides the noise."""
    frames: Codes
    """(5, H, W)."""
    sharp: Codes
    """(H, W), the view at the centre of the middle exposure."""
    moments: Codes
    """(7, H, W), views evenly spaced over that exposure."""
    flow: NDArray[np.float32]
    """(2, H, W): see `SyntheticWindow.flow`."""
    numbers: tuple[int, ...] = NUMBERS
    """Of the frames in their take: equal ones have the same noise."""
    overlay: Overlay | None = None

    @classmethod
    def of(cls, take: Take) -> Footage:
        """All of a take."""
        return cls(
            take=take,
            frames=np.stack([take.scene.exposed(n, take.exposure) for n in NUMBERS]).astype("i4"),
            sharp=take.scene.sharp().astype(np.int32),
            moments=take.scene.moments(take.exposure).astype(np.int32),
            flow=take.flow(),
        )

    def changed(self, change: Callable[[Codes, int], Codes]) -> Footage:
        """Change every picture.

        Args:
            change: Pictures (N, H, W) and the position of their frame -> the same, changed.
        """
        frames = [change(self.frames[n : n + 1], n) for n in NUMBERS]
        return replace(
            self,
            frames=np.concatenate(frames),
            sharp=change(self.sharp[None], MIDDLE)[0],
            moments=change(self.moments, MIDDLE),
        )

    def lit(self, shares: Sequence[int | Codes]) -> Footage:
        """Scale the codes of each frame, up to white; 256 = as they are.

        Args:
            shares: One for each frame; it may differ from row to row, (H, 1).
        """

        def scaled(codes: Codes, position: int) -> Codes:
            lit: Codes = (codes * shares[position] + 128) >> 8
            return lit.clip(0, WHITE)

        return self.changed(scaled)

    def with_frames(self, frames: Sequence[Codes]) -> Footage:
        """Replace the frames: five of (H, W)."""
        return replace(self, frames=np.stack(frames))

    def under(self, overlay: Overlay) -> Footage:
        """Put an overlay over it; what it covers does not move."""
        covered = overlay.mask > 0 if overlay.shown[MIDDLE] else False
        flow = np.where(covered, np.float32(0), self.flow)
        return replace(self, overlay=overlay, flow=flow)

    def finished(self) -> tuple[Bytes, Bytes, Bytes]:
        """The blurred frames with noise, the sharp one and its moments, 8 bit."""
        take = self.take
        noisy = [
            with_noise(FixedDraw(*take.key, 10 + number), frame, take.noise, take.shot)
            for number, frame in zip(self.numbers, self.frames, strict=True)
        ]
        done = replace(self, frames=np.stack(noisy))
        if self.overlay is not None:
            done = done.changed(self.overlay.over)
        return eight_bit(done.frames), eight_bit(done.sharp), eight_bit(done.moments)
