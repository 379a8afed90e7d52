"""Odd cases of light and time: frames lit unlike each other, of other scenes, or out of step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .odd_footage import MIDDLE, NUMBERS, Footage, mixed
from .odd_takes import Takes
from .random_paths import FixedDraw

__all__ = [
    "black",
    "cut_after",
    "cut_before",
    "cut_both",
    "cut_far",
    "dissolve",
    "doubled",
    "dropped",
    "fade",
    "flash",
    "flicker",
    "frozen",
    "overexposed",
    "plain",
    "screen_cut",
    "strobe",
    "strobe_band",
]

DIM = 77
"""0.3 of 256."""


def plain(takes: Takes, number: int, _draw: FixedDraw) -> Footage:
    """Nothing odd."""
    return takes.plain(number)


def strobe(takes: Takes, number: int, _draw: FixedDraw) -> Footage:
    """The middle frame's codes are 0.3 of what they were."""
    return takes.plain(number).lit([256, 256, DIM, 256, 256])


def flash(takes: Takes, number: int, _draw: FixedDraw) -> Footage:
    """The neighbours' codes are 0.3 of what they were."""
    return takes.plain(number).lit([DIM, DIM, 256, DIM, DIM])


def overexposed(takes: Takes, number: int, _draw: FixedDraw) -> Footage:
    """One of the middle frame's neighbours, or both, has 2.5 times the codes, up to white."""
    shares = [256] * len(NUMBERS)
    for neighbour in ((MIDDLE - 1,), (MIDDLE + 1,), (MIDDLE - 1, MIDDLE + 1))[number // 3 % 3]:
        shares[neighbour] = 640
    return takes.plain(number).lit(shares)


def black(takes: Takes, number: int, _draw: FixedDraw) -> Footage:
    """The neighbours are black, but for noise."""
    return takes.plain(number).lit([0, 0, 256, 0, 0])


def flicker(takes: Takes, number: int, draw: FixedDraw) -> Footage:
    """Each frame has codes of 0.5 to 1 of what they were."""
    return takes.plain(number).lit([128 + draw.below(129) for _ in NUMBERS])


def strobe_band(takes: Takes, number: int, draw: FixedDraw) -> Footage:
    """A strobe under a rolling shutter: from some row on one of the frames 1 to 3 is dark."""
    rows = np.arange(takes.size)[:, None]
    edge = takes.size // 4 + draw.below(takes.size // 2)
    shares: list[int | NDArray[np.int32]] = [256] * len(NUMBERS)
    shares[1 + draw.below(3)] = np.where(rows < edge, 256, DIM).astype(np.int32)
    return takes.plain(number).lit(shares)


def cut_before(takes: Takes, number: int, _draw: FixedDraw) -> Footage:
    """The first two frames show another scene."""
    mine, other = takes.plain(number), takes.partner(number, _step(number))
    return mine.with_frames([*other.frames[:MIDDLE], *mine.frames[MIDDLE:]])


def cut_after(takes: Takes, number: int, _draw: FixedDraw) -> Footage:
    """The last two frames show another scene."""
    mine, other = takes.plain(number), takes.partner(number, _step(number))
    return mine.with_frames([*mine.frames[: MIDDLE + 1], *other.frames[MIDDLE + 1 :]])


def cut_both(takes: Takes, number: int, _draw: FixedDraw) -> Footage:
    """The middle frame is alone between two other scenes."""
    mine = takes.plain(number)
    before, after = takes.partner(number, _step(number)), takes.partner(number, 2)
    return mine.with_frames([
        *before.frames[:MIDDLE], mine.frames[MIDDLE], *after.frames[MIDDLE + 1 :],
    ])  # fmt: skip


def cut_far(takes: Takes, number: int, _draw: FixedDraw) -> Footage:
    """The first or the last frame shows another scene."""
    mine, other = takes.plain(number), takes.partner(number, _step(number))
    first, last = other.frames[0], other.frames[-1]
    if number % 2:
        return mine.with_frames([first, *mine.frames[1:]])
    return mine.with_frames([*mine.frames[:-1], last])


def screen_cut(takes: Takes, number: int, draw: FixedDraw) -> Footage:
    """A part of the view is a screen whose programme is cut; the rest goes on."""
    mine, other = takes.plain(number), takes.partner(number, _step(number))
    size = takes.size
    height, width = (size // 3 + draw.below(size // 3) for _ in range(2))
    top, left = draw.below(size - height + 1), draw.below(size - width + 1)
    frames = mine.frames.copy()
    alien = slice(0, MIDDLE) if number % 2 else slice(MIDDLE + 1, None)
    screen = (alien, slice(top, top + height), slice(left, left + width))
    frames[screen] = other.frames[screen]
    return mine.with_frames(list(frames))


def dissolve(takes: Takes, number: int, draw: FixedDraw) -> Footage:
    """One scene turns into another, over 12 frames."""
    mine, other = takes.plain(number), takes.partner(number, _step(number))
    first = 64 * (1 + draw.below(3)) - 21 * MIDDLE
    shares = [first + 21 * n for n in NUMBERS]
    pairs = zip(mine.frames, other.frames, shares, strict=True)
    return replace(
        mine,
        frames=np.stack([mixed(ours, theirs, share) for ours, theirs, share in pairs]),
        sharp=mixed(mine.sharp, other.sharp, shares[MIDDLE]),
        moments=mixed(mine.moments, other.moments, shares[MIDDLE]),
    )


def fade(takes: Takes, number: int, draw: FixedDraw) -> Footage:
    """A fade from black or to black, over 8 frames."""
    middle = 96 + 32 * draw.below(4)
    step = 32 if number % 2 else -32
    return takes.plain(number).lit([middle + step * (n - MIDDLE) for n in NUMBERS])


def doubled(takes: Takes, number: int, _draw: FixedDraw) -> Footage:
    """Every frame comes twice."""
    return takes.plain(number, (1, 1, 2, 2, 3) if number % 2 else (1, 2, 2, 3, 3))


def dropped(takes: Takes, number: int, _draw: FixedDraw) -> Footage:
    """The frame before the middle one, or after it, is missing, or both are."""
    kinds = [(-1, 0, 2, 3, 4), (0, 1, 2, 4, 5), (-1, 0, 2, 4, 5)]
    return takes.plain(number, kinds[number // 3 % 3])


def frozen(takes: Takes, number: int, _draw: FixedDraw) -> Footage:
    """The picture stands: five times the same blurred frame, noise and all."""
    return takes.plain(number, (MIDDLE,) * len(NUMBERS))


def _step(number: int) -> int:
    """To a take of another subset, or of the same: cuts between like scenes are harder to see."""
    return 3 if number % 2 else 1
