"""Odd cases of what lies over the picture: captions, bars, grain, rain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .odd_footage import MIDDLE, NUMBERS, WHITE, Footage, Overlay, mixed
from .odd_takes import Takes
from .random_paths import BELL_DEVIATION, FixedDraw

__all__ = ["bar_rows", "grain", "letterbox", "logo", "rain", "subtitle"]

type Codes = NDArray[np.int32]

GRAIN = 0.05
"""Standard deviation of film grain in middle grey, 1 = white."""
NUM_DROPS = 50


def bar_rows(size: int) -> int:
    """Height of a letterbox's black bars."""
    return size // 8


def letterbox(takes: Takes, number: int, _draw: FixedDraw) -> Footage:
    """Black bars above and below the picture."""
    mask = np.zeros((takes.size, takes.size), np.int32)
    rows = bar_rows(takes.size)
    mask[:rows] = mask[-rows:] = 256
    return takes.plain(number).under(Overlay(0, mask))


def logo(takes: Takes, number: int, draw: FixedDraw) -> Footage:
    """A broadcaster's logo stands still in a corner, more or less transparent."""
    size = takes.size
    shape = _text(draw, letters=3, scale=max(1, size // 64))
    margin = size // 16
    top = margin if draw.below(2) else size - margin - shape.shape[0]
    left = margin if draw.below(2) else size - margin - shape.shape[1]
    mask = np.zeros((size, size), np.int32)
    mask[top : top + shape.shape[0], left : left + shape.shape[1]] = shape
    return takes.plain(number).under(Overlay(WHITE, mask * (128 + draw.below(129)) >> 8))


def subtitle(takes: Takes, number: int, draw: FixedDraw) -> Footage:
    """White letters with a black rim appear with the middle frame, or go after it."""
    size = takes.size
    shape = _text(draw, letters=8, scale=max(1, size // 96))
    mask, rim = np.zeros((2, size, size), np.int32)
    top, left = size - shape.shape[0] - size // 12, (size - shape.shape[1]) // 2
    mask[top : top + shape.shape[0], left : left + shape.shape[1]] = shape
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            rim = np.maximum(rim, np.roll(mask, (down, right), (0, 1)))
    shown = tuple((n >= MIDDLE) if number % 2 else (n <= MIDDLE) for n in NUMBERS)
    return takes.plain(number).under(Overlay(mask * (WHITE // 256), rim, shown))


def grain(takes: Takes, number: int, draw: FixedDraw) -> Footage:
    """Film grain two pixels wide, strongest in middle grey, new in every frame."""
    footage = takes.plain(number)
    size = takes.size
    frames = []
    for frame in footage.frames:
        fine = draw.bell(size + 1, size + 1)
        wide = fine[1:, 1:] + fine[:-1, 1:] + fine[1:, :-1] + fine[:-1, :-1]  # twice the deviation
        level = frame >> 8
        strength = np.rint(GRAIN * WHITE / (2 * BELL_DEVIATION) * 256).astype(np.int32)
        amount = strength * (64 + (level * (255 - level) * 192 >> 14)) >> 8
        frames.append((frame + (wide * amount >> 8)).clip(0, WHITE))
    return footage.with_frames(frames)


def rain(takes: Takes, number: int, draw: FixedDraw) -> Footage:
    """Drops fall through every frame as bright streaks; in sharp views they are short."""
    footage, size = takes.plain(number), takes.size
    lean = draw.below(129) - 64  # 1/256 pixel a row
    drops = [_drops(draw, size) for _ in NUMBERS]

    def streaked(codes: Codes, position: int) -> Codes:
        return mixed(codes, WHITE, _streaks(drops[position], lean, size, range(7)))

    moments = [
        mixed(view, WHITE, _streaks(drops[MIDDLE], lean, size, range(part, part + 1)))
        for part, view in enumerate(footage.moments)
    ]
    changed = footage.changed(streaked)
    return replace(changed, sharp=moments[len(moments) // 2], moments=np.stack(moments))


def _drops(draw: FixedDraw, size: int) -> list[tuple[int, int, int, int]]:
    """Top row, column in 1/256, rows fallen during the exposure, strength (256 = white)."""
    return [
        (
            draw.below(size + 56) - 56,
            draw.below(size) << 8,
            14 + draw.below(43),
            12 + draw.below(40),
        )
        for _ in range(NUM_DROPS)
    ]


def _streaks(drops: list[tuple[int, int, int, int]], lean: int, size: int, parts: range) -> Codes:
    """Mask of what drops cover in some of the seven parts of the exposure, (H, W)."""
    mask = np.zeros((size, size + 1), np.int32)
    for top, column, length, strength in drops:
        rows = np.arange(top + length * parts.start // 7, top + length * parts.stop // 7)
        rows = rows[(rows >= 0) & (rows < size)]
        columns = (column + lean * (rows - top)).clip(0, (size << 8) - 1)
        # Seven times the light in a seventh of the way is 2.4 times the code.
        light = strength * (5 if len(parts) == 7 else 12) // 5
        mask[rows, columns >> 8] += light * (256 - (columns & 255)) >> 8
        mask[rows, (columns >> 8) + 1] += light * (columns & 255) >> 8
    return mask[:, :size].clip(0, 224)


def _text(draw: FixedDraw, *, letters: int, scale: int) -> Codes:
    """A mask of what looks like letters, 7 dots high and 5 wide each."""
    dots = np.zeros((7, 6 * letters), np.int32)
    for letter in range(letters):
        bits = draw.uniforms(7, 5) < 0.5
        dots[:, 6 * letter : 6 * letter + 5] = 256 * bits
    return dots.repeat(scale, 0).repeat(scale, 1)
