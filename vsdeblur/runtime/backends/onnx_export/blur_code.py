"""`BlurCode` in ONNX: what a picture's gradients tell of its blur, for any size.

All lags of a direction are one convolution, whose kernels only move: written out as in PyTorch,
they would be hundreds of operations, and an engine's build would take many times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from ....models.blur_code import DIRECTIONS, MAX_LAG, BlurCode
from .writer import END, Dimension, GraphWriter, mirrored

if TYPE_CHECKING:
    from torch.fx.passes.shape_prop import TensorMetadata

__all__ = ["blur_code"]

LEAST_ENERGY = 1e-8
"""That of `BlurCode`."""
ROW_STEP = 4
"""Rows between those that count."""
FULL = torch.float32


def blur_code(writer: GraphWriter, meta: TensorMetadata, module: BlurCode, picture: str) -> str:
    """Pictures (N, C, H, W) -> (N, width); see `BlurCode.forward`."""
    picture = writer.cast(picture, FULL)
    luma = writer.add("ReduceMean", [picture, writer.integers(1)], dtype=FULL)
    luma = _at_least(writer, luma, 2 * MAX_LAG)
    measured: list[str] = []
    # Of both derivatives the first row and column are left out: they have one size.
    here = _part(writer, luma, (1, END), (1, END))
    counts = [_counts(writer, here, down, right) for down, right in DIRECTIONS]
    for rows, columns in (((1, END), (0, -1)), ((0, -1), (1, END))):
        before = _part(writer, luma, rows, columns)
        measured += _measured(writer, writer.add("Sub", [here, before], dtype=FULL), counts)
    features = writer.add("Concat", measured, dtype=FULL, axis=1)
    x = writer.cast(features, module.read.weight.dtype)
    for layer in (module.read, module.code):
        x = writer.add("Relu", [writer.linear(x, layer)], dtype=meta.dtype)
    return x


def _at_least(writer: GraphWriter, luma: str, least: int) -> str:
    """Padded by reflection to multiples of `least` where a side is shorter, else as it is."""
    sides = [writer.length(Dimension(luma, axis)) for axis in (2, 3)]
    shortest = writer.add("Min", sides, dtype=torch.int64)
    is_short = writer.add("Less", [shortest, writer.integers(least)], dtype=torch.bool)
    multiples = [is_short, writer.integers(least), writer.integers(1)]
    chosen = writer.add("Where", multiples, dtype=torch.int64)
    multiple = writer.add("Squeeze", [chosen], dtype=torch.int64)
    for axis in (2, 3):
        index = mirrored(writer, luma, axis, multiple)
        luma = writer.add("Gather", [luma, index], dtype=FULL, axis=axis)
    return luma


def _measured(writer: GraphWriter, derivative: str, counts: Sequence[str]) -> list[str]:
    """The logarithm of a derivative's energy, and its correlations as shares of that; (N, n)."""
    squares = writer.add("Mul", [derivative, derivative], dtype=FULL)
    axes = writer.integers(2, 3)
    energy = writer.add("ReduceMean", [squares, axes], dtype=FULL, keepdims=0)
    least = writer.constant(torch.tensor(LEAST_ENERGY))
    energy = writer.add("Add", [energy, least], dtype=FULL)
    quarter = writer.constant(torch.tensor(0.25))
    logarithm = writer.add("Log", [energy], dtype=FULL)
    rows = _part(writer, derivative, (0, END), (0, END), ROW_STEP)
    correlations = []
    for (down, right), count in zip(DIRECTIONS, counts, strict=True):
        product = writer.add("Mul", [_moved(writer, derivative, down, right), rows], dtype=FULL)
        total = writer.add("ReduceSum", [product, axes], dtype=FULL, keepdims=0)
        correlations.append(writer.add("Div", [total, count], dtype=FULL))
    together = writer.add("Concat", correlations, dtype=FULL, axis=1)
    return [
        writer.add("Mul", [logarithm, quarter], dtype=FULL),
        writer.add("Div", [together, energy], dtype=FULL),
    ]


def _moved(writer: GraphWriter, derivative: str, down: int, right: int) -> str:
    """A derivative moved by each lag, 0 beyond its border: every fourth row, (N, lags, h, W)."""
    kernels = torch.zeros(MAX_LAG, 1, MAX_LAG * down + 1, MAX_LAG * abs(right) + 1)
    for lag in range(1, MAX_LAG + 1):
        kernels[lag - 1, 0, lag * down, lag * right if right >= 0 else MAX_LAG - lag] = 1
    beyond = MAX_LAG * down, MAX_LAG * max(0, right)
    pads = [0, MAX_LAG * max(0, -right), *beyond]
    inputs = [derivative, writer.constant(kernels)]
    return writer.add("Conv", inputs, dtype=FULL, pads=pads, strides=[ROW_STEP, 1])


def _counts(writer: GraphWriter, derivative: str, down: int, right: int) -> str:
    """How many products there are for each lag: (lags), float32."""

    def whole(kind: str, *inputs: str) -> str:
        return writer.add(kind, inputs, dtype=torch.int64)

    height, width = (writer.length(Dimension(derivative, axis)) for axis in (2, 3))
    lags = range(1, MAX_LAG + 1)
    # So many rows, of which every fourth counts, the first one included.
    last = whole("Sub", height, writer.integers(*(lag * down + 1 for lag in lags)))
    step, one = writer.integers(ROW_STEP), writer.integers(1)
    rows = whole("Add", whole("Div", last, step), one)
    columns = whole("Sub", width, writer.integers(*(lag * abs(right) for lag in lags)))
    return writer.cast(whole("Mul", rows, columns), FULL)


def _part(
    writer: GraphWriter, x: str, rows: tuple[int, int], columns: tuple[int, int], step: int = 1
) -> str:
    """Some rows and columns, each from a first one to before a last one; every so many rows."""
    starts, ends = zip(rows, columns, strict=True)
    bounds = [writer.integers(*starts), writer.integers(*ends)]
    steps = [writer.integers(2, 3), writer.integers(step, 1)]
    return writer.add("Slice", [x, *bounds, *steps], dtype=FULL)
