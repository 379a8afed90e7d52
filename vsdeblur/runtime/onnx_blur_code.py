"""`BlurCode` in ONNX: what a picture's gradients tell of its blur, for any size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ..models.blur_code import DIRECTIONS, MAX_LAG, BlurCode
from .onnx_writer import Dimension, GraphWriter, mirrored

if TYPE_CHECKING:
    from torch.fx.passes.shape_prop import TensorMetadata

__all__ = ["blur_code"]

END = 2**31 - 1
"""Beyond the last row or column."""
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
    for rows, columns in (((1, END), (0, -1)), ((0, -1), (1, END))):
        before = _part(writer, luma, rows, columns)
        measured += _measured(writer, writer.add("Sub", [here, before], dtype=FULL))
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


def _measured(writer: GraphWriter, derivative: str) -> list[str]:
    """The logarithm of a derivative's energy, and its correlations as shares of that; (N, n)."""
    energy = _mean(writer, writer.add("Mul", [derivative, derivative], dtype=FULL))
    least = writer.constant(torch.tensor(LEAST_ENERGY))
    energy = writer.add("Add", [energy, least], dtype=FULL)
    quarter = writer.constant(torch.tensor(0.25))
    logarithm = writer.add("Log", [energy], dtype=FULL)
    correlations = [
        _correlation(writer, derivative, lag * down, lag * right)
        for down, right in DIRECTIONS
        for lag in range(1, MAX_LAG + 1)
    ]
    together = writer.add("Concat", correlations, dtype=FULL, axis=1)
    return [
        writer.add("Mul", [logarithm, quarter], dtype=FULL),
        writer.add("Div", [together, energy], dtype=FULL),
    ]


def _correlation(writer: GraphWriter, derivative: str, down: int, right: int) -> str:
    """Mean product of a derivative and itself moved, (N, 1)."""
    left, beyond = max(0, right), max(0, -right)
    here = _part(
        writer, derivative, (0, -down if down else END), (beyond, -left if left else END), ROW_STEP
    )
    there = _part(writer, derivative, (down, END), (left, -beyond if beyond else END), ROW_STEP)
    return _mean(writer, writer.add("Mul", [here, there], dtype=FULL))


def _part(
    writer: GraphWriter, x: str, rows: tuple[int, int], columns: tuple[int, int], step: int = 1
) -> str:
    """Some rows and columns, each from a first one to before a last one; every so many rows."""
    starts, ends = zip(rows, columns, strict=True)
    bounds = [writer.integers(*starts), writer.integers(*ends)]
    steps = [writer.integers(2, 3), writer.integers(step, 1)]
    return writer.add("Slice", [x, *bounds, *steps], dtype=FULL)


def _mean(writer: GraphWriter, x: str) -> str:
    return writer.add("ReduceMean", [x, writer.integers(2, 3)], dtype=FULL, keepdims=0)
