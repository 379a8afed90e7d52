"""Compares two pictures by the means of their cells: how one is shifted, lit, and how far it fits.

Shapes: H and W, rows and columns of cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["AS_IT_IS", "CellPicture", "Cells", "Light", "Match", "match_cells"]

type Cells = NDArray[np.float32]
"""(H, W), means in [0, 1]."""

GRID = 40
"""Cells along the longer side at most when a shift is looked for: more are joined. So a picture of
any size takes the same time, and the same part of its width can be found as a shift."""
REACH = 3
"""Cells of that grid by which a picture can be shifted."""
LEAST_VARIANCE = 1e-5
FLOOR = 0.02
"""Added to the spread of brightness: in a flat picture little means nothing."""
DARK, BRIGHT = 0.02, 0.97
"""Cells outside are black or clipped, and say nothing of light."""
LEAST_CELLS = 8
"""Cells at least that decide on light."""
GAINS = (0.15, 6.5)
"""Least and greatest gain: beyond, noise or clipped parts would be all that is left."""
DEAD_ZONE = 0.1
"""Difference of log light that networks take as it is."""
STEADY_SHARE, BAND_SHARE = 0.8, 0.5
"""Part of the distance at most that another light may leave, else the light is left as it is."""
SUSPECT = 0.2
"""Distance from which bands of light are looked for."""
BAND_STEP = 0.3
"""Difference of log light at least between bands."""


@dataclass(frozen=True)
class Light:
    """How much brighter a picture has to be made, in gamma-encoded codes."""

    gains: tuple[float, ...] = (1.0,)
    """One for the picture, or one for each row of cells (or column)."""
    by_column: bool = False

    @property
    def typical(self) -> float:
        """The middle one of all gains."""
        return float(np.median(self.gains))

    def on(self, cells: Cells) -> Cells:
        """Relight cells."""
        gains = np.array(self.gains, np.float32)
        lit: Cells = np.minimum(cells * (gains if self.by_column else gains[:, None]), 1)
        return lit


AS_IT_IS = Light()


@dataclass(frozen=True)
class Match:
    """What became of a comparison."""

    light: Light
    """Brings the neighbour to the picture's light."""
    distance: float
    """Mean difference that is left, as a part of the pictures' spread of brightness: 0 = none;
    above 1, any other picture might fit as well."""


@dataclass(frozen=True, eq=False)
class CellPicture:
    """A picture's cells, made ready to be compared."""

    fine: Cells
    grid: Cells
    """Joined to `GRID` at most along the longer side."""
    factor: int
    """Rows and columns of `fine` that are one of `grid`."""

    @classmethod
    def of(cls, means: Cells) -> CellPicture:
        """Join cells; what is no number counts as black."""
        fine = np.nan_to_num(means).clip(0, 1)
        factor = -(-max(fine.shape) // GRID)
        return cls(fine, _joined(fine, factor), factor)


def match_cells(picture: CellPicture, neighbour: CellPicture) -> Match:
    """Compare a neighbour with a picture of the same size.

    The shift is where the two correlate best, and the gain is the median ratio of the cells there:
    neither is led astray by things that move, or that are lit by themselves. Where one gain does
    not do, each row of cells (or each column) gets its own: a light that goes on while a rolling
    shutter reads the picture lights a part of it.
    """
    down, right = _best_shift(picture.grid, neighbour.grid)
    best = _match_steady(*_overlap(picture.grid, neighbour.grid, down, right))
    if best.distance < SUSPECT:
        return best
    down, right = down * picture.factor, right * picture.factor
    bands = _match_bands(*_overlap(picture.fine, neighbour.fine, down, right))
    if bands is None or bands.distance >= BAND_SHARE * best.distance:
        return best
    return Match(_extended(bands.light, picture.fine.shape, down, right), bands.distance)


def _match_steady(one: Cells, other: Cells) -> Match:
    """Compare cells that show the same, with one light for all of them."""
    as_it_is = Match(AS_IT_IS, _distance(one, other))
    gain = _gain(one, other)
    if gain is None or abs(np.log(gain)) <= DEAD_ZONE:
        return as_it_is
    light = Light((gain,))
    lit = Match(light, _distance(one, light.on(other)))
    return lit if lit.distance < STEADY_SHARE * as_it_is.distance else as_it_is


def _joined(cells: Cells, factor: int) -> Cells:
    """Means of factor x factor cells; at the bottom and at the right of fewer."""
    if factor == 1:
        return cells
    rows, columns = (np.arange(0, length, factor) for length in cells.shape)
    sums = np.add.reduceat(np.add.reduceat(cells, rows, 0), columns, 1)
    heights, widths = (
        np.diff(starts, append=length).astype(np.float32)
        for starts, length in zip((rows, columns), cells.shape, strict=True)
    )
    means: Cells = sums / (heights[:, None] * widths)
    return means


def _best_shift(picture: Cells, neighbour: Cells) -> tuple[int, int]:
    """Rows and columns by which the neighbour lies further down and to the right."""
    reach = _reach(picture.shape)
    inside, count = _inside(picture.shape)
    mean = picture.mean()
    centred = (picture - mean).ravel()
    shifted = _shifted(neighbour - mean, reach)
    mean_one, mean_other = inside @ centred / count, shifted.sum(1) / count
    variance_one = inside @ np.square(centred) / count - np.square(mean_one)
    variance_other = np.einsum("sp,sp->s", shifted, shifted) / count - np.square(mean_other)
    covariance = shifted @ centred / count - mean_one * mean_other
    # Flat pictures correlate with nothing.
    correlation = covariance / np.sqrt(
        np.maximum(variance_one, LEAST_VARIANCE) * np.maximum(variance_other, LEAST_VARIANCE)
    )
    correlation[len(correlation) // 2] += 1e-3  # at a tie there is no shift
    down, right = divmod(int(correlation.argmax()), 2 * reach[1] + 1)
    return down - reach[0], right - reach[1]


def _reach(shape: tuple[int, ...]) -> tuple[int, int]:
    """Greatest shift, down and right: two thirds of the rows and columns are left to compare."""
    height, width = (min(REACH, (length - 1) // 3) for length in shape)
    return height, width


@lru_cache(maxsize=16)
def _inside(shape: tuple[int, ...]) -> tuple[Cells, Cells]:
    """For each shift 1 in the cells where pictures of a shape overlap; and how many these are."""
    inside = _shifted(np.ones(shape, np.float32), _reach(shape))
    return inside, inside.sum(1)


def _shifted(cells: Cells, reach: tuple[int, int]) -> Cells:
    """(shifts, H * W), the cells at each shift, 0 beyond their borders."""
    (height, width), (down, right) = cells.shape, reach
    padded = np.zeros((height + 2 * down, width + 2 * right), np.float32)
    padded[down : down + height, right : right + width] = cells
    return sliding_window_view(padded, (height, width)).reshape(-1, height * width)


def _overlap(picture: Cells, neighbour: Cells, down: int, right: int) -> tuple[Cells, Cells]:
    """The cells of both that show the same, by the neighbour's shift."""
    rows, columns = (
        (
            slice(max(0, -shift), length - max(0, shift)),
            slice(max(0, shift), length + min(0, shift)),
        )
        for shift, length in zip((down, right), picture.shape, strict=True)
    )
    return picture[rows[0], columns[0]], neighbour[rows[1], columns[1]]


def _distance(one: Cells, other: Cells) -> float:
    spread = (_spread(one) + _spread(other)) / 2
    return float(np.abs(one - other).mean() / (spread + FLOOR))


def _spread(cells: Cells) -> float:
    return float(np.abs(cells - np.median(cells)).mean())


def _log_ratio(one: Cells, other: Cells) -> Cells:
    """Log of how much brighter `one` is; infinite where a cell says nothing of light."""
    tells = (np.minimum(one, other) > DARK) & (np.maximum(one, other) < BRIGHT)
    ratio = np.log(np.maximum(one, DARK) / np.maximum(other, DARK))
    return np.where(tells, ratio, np.inf)


def _gain(one: Cells, other: Cells) -> float | None:
    """What brings `other` to the light of `one`; None = that is not to be had."""
    ratio = _log_ratio(one, other)
    told = ratio[np.isfinite(ratio)]
    if len(told) < max(LEAST_CELLS, ratio.size // 10):
        return None
    gain = float(np.exp(np.median(told)))
    return gain if GAINS[0] <= gain <= GAINS[1] else None


def _match_bands(one: Cells, other: Cells) -> Match | None:
    """Compare cells that show the same, with bands of light; None = there are none."""
    ratio, found = _log_ratio(one, other), []
    for by_column in (False, True):
        gains = _band_gains(ratio.T if by_column else ratio)
        if gains is not None and np.ptp(np.log(gains)) > BAND_STEP:
            light = Light(tuple(map(float, gains)), by_column)
            found.append(Match(light, _distance(one, light.on(other))))
    return min(found, key=lambda match: match.distance, default=None)


def _band_gains(ratio: Cells) -> Cells | None:
    """A gain for each row of log ratios: its median, and between three rows the middle one."""
    counts = np.isfinite(ratio).sum(1)
    tells = np.flatnonzero(counts >= max(3, ratio.shape[1] // 5))
    if ratio.shape[1] < LEAST_CELLS or len(tells) < max(LEAST_CELLS, len(ratio)) // 2:
        return None
    ordered, last = np.sort(ratio[tells], 1), counts[tells] - 1
    rows = np.arange(len(tells))
    medians = (ordered[rows, last // 2] + ordered[rows, (last + 1) // 2]) / 2
    logs = np.pad(np.interp(np.arange(len(ratio)), tells, medians), 1, mode="edge")
    gains = np.exp(np.median(sliding_window_view(logs, 3), 1)).astype(np.float32)
    return gains if GAINS[0] <= gains.min() and gains.max() <= GAINS[1] else None


def _extended(light: Light, shape: tuple[int, ...], down: int, right: int) -> Light:
    """Gains of the overlap's rows (or columns) for all of the neighbour's: the ends repeated."""
    shift = right if light.by_column else down
    before, after = max(0, shift), max(0, -shift)
    assert before + len(light.gains) + after == shape[light.by_column]
    gains = (light.gains[0],) * before + light.gains + (light.gains[-1],) * after
    return Light(gains, light.by_column)
