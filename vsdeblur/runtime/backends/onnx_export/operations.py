"""What each PyTorch operation of our generators is in ONNX (opset 18).

Every function takes the writer, the type and shape of PyTorch's result, and the operation's
arguments, of which tensors are given by their names in the graph; it returns the result's name.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ....errors import EngineError
from ....models.blur_code import BlurCode
from ....models.layers import InstanceNorm, NoiseDropout, contrast_and_mean, pad_by_reflection
from .blur_code import blur_code
from .writer import END, Dimension, GraphWriter, mirrored

if TYPE_CHECKING:
    from torch.fx.passes.shape_prop import TensorMetadata

__all__ = ["FUNCTIONS", "METHODS", "MODULES"]

NORM_EPSILON = 1e-5
"""That of `InstanceNorm`."""


def _unary(kind: str) -> Callable[..., str]:
    def write(writer: GraphWriter, meta: TensorMetadata, x: str, **_: object) -> str:
        return writer.add(kind, [x], dtype=meta.dtype)

    return write


def _binary(kind: str) -> Callable[..., str]:
    """Types are brought together first, as PyTorch does and ONNX does not."""

    def write(writer: GraphWriter, meta: TensorMetadata, *operands: str | float) -> str:
        names = [
            writer.cast(x, meta.dtype)
            if isinstance(x, str)
            else writer.constant(torch.tensor(x, dtype=meta.dtype))
            for x in operands
        ]
        return writer.add(kind, names, dtype=meta.dtype)

    return write


def _leaky_relu(
    writer: GraphWriter,
    meta: TensorMetadata,
    x: str,
    *,
    negative_slope: float,
    **_: object,
) -> str:
    return writer.add("LeakyRelu", [x], dtype=meta.dtype, alpha=negative_slope)


def _cast(writer: GraphWriter, meta: TensorMetadata, x: str, *_: object) -> str:
    return writer.cast(x, meta.dtype)


def _concatenated(writer: GraphWriter, meta: TensorMetadata, parts: Sequence[str], dim: int) -> str:
    names = [writer.cast(part, meta.dtype) for part in parts]
    return writer.add("Concat", names, dtype=meta.dtype, axis=dim)


def _convolution(writer: GraphWriter, meta: TensorMetadata, module: nn.Conv2d, x: str) -> str:
    rows, columns = (int(side) for side in module.padding)
    pads = [rows, columns, rows, columns]
    if module.padding_mode == "replicate":
        edges = writer.integers(0, 0, rows, columns, 0, 0, rows, columns)
        x = writer.add("Pad", [x, edges], dtype=meta.dtype, mode="edge")
        pads = [0, 0, 0, 0]
    inputs = [x, writer.constant(module.weight)]
    if module.bias is not None:
        inputs.append(writer.constant(module.bias))
    strides = list(module.stride)
    return writer.add("Conv", inputs, dtype=meta.dtype, pads=pads, strides=strides)


def _bare_convolution(writer: GraphWriter, meta: TensorMetadata, x: str, weight: Tensor) -> str:
    return writer.add("Conv", [x, writer.constant(weight)], dtype=meta.dtype)


def _instance_norm(writer: GraphWriter, meta: TensorMetadata, module: nn.Module, x: str) -> str:
    full, channels = torch.float32, meta.shape[1]
    x = writer.cast(x, full)
    # A value near the mean is taken off first, as in `InstanceNorm`.
    corner = [writer.integers(0, 0), writer.integers(1, 1), writer.integers(2, 3)]
    x = writer.add("Sub", [x, writer.add("Slice", [x, *corner], dtype=full)], dtype=full)
    affine = [writer.constant(torch.ones(channels)), writer.constant(torch.zeros(channels))]
    x = writer.add("InstanceNormalization", [x, *affine], dtype=full, epsilon=NORM_EPSILON)
    return writer.cast(x, meta.dtype)


def _nothing(writer: GraphWriter, meta: TensorMetadata, module: nn.Module, x: str) -> str:
    return x


def _pixel_shuffled(writer: GraphWriter, meta: TensorMetadata, x: str, factor: int) -> str:
    return writer.add("DepthToSpace", [x], dtype=meta.dtype, blocksize=factor, mode="CRD")


def _pixel_unshuffled(writer: GraphWriter, meta: TensorMetadata, x: str, factor: int) -> str:
    x = writer.add("SpaceToDepth", [x], dtype=meta.dtype, blocksize=factor)
    # ONNX puts the place within a block before the channel, PyTorch after it.
    order = torch.arange(meta.shape[1]).view(factor**2, -1).t().flatten()
    return writer.add("Gather", [x, writer.constant(order)], dtype=meta.dtype, axis=1)


def _upsampled(
    writer: GraphWriter, meta: TensorMetadata, x: str, *, scale_factor: int, **_: object
) -> str:
    scales = writer.constant(torch.tensor([1.0, 1.0, scale_factor, scale_factor]))
    modes = {
        "mode": "nearest",
        "nearest_mode": "floor",
        "coordinate_transformation_mode": "asymmetric",
    }
    return writer.add("Resize", [x, "", scales], dtype=meta.dtype, **modes)


def _contrast_and_mean(writer: GraphWriter, meta: TensorMetadata, x: str) -> tuple[str, str]:
    full, axes = torch.float32, writer.integers(1, 2, 3)
    x = writer.cast(x, full)
    mean = writer.add("ReduceMean", [x, axes], dtype=full)
    centred = writer.add("Sub", [x, mean], dtype=full)
    squares = writer.add("ReduceSumSquare", [centred, axes], dtype=full)
    shape = writer.add("Shape", [x], dtype=torch.int64, start=1)
    count = writer.cast(writer.add("ReduceProd", [shape], dtype=torch.int64, keepdims=0), full)
    freedom = writer.add("Sub", [count, writer.constant(torch.tensor(1.0))], dtype=full)
    variance = writer.add("Div", [squares, freedom], dtype=full)
    return writer.add("Sqrt", [variance], dtype=full), mean


def _indexed(writer: GraphWriter, meta: TensorMetadata, x: str, index: tuple[object, ...]) -> str:
    """`x[..., None, None]`, or slices of the first axes or, after `...`, of the last ones.

    They may end at dimensions of tensors: `x[..., :height, :width]`.
    """
    if index == (..., None, None):
        return writer.add("Unsqueeze", [x, writer.integers(-2, -1)], dtype=meta.dtype)
    parts = index[1:] if index[0] is ... else index
    first = len(meta.shape) - len(parts) if index[0] is ... else 0
    starts, ends, axes = [], [], []
    for axis, part in enumerate(parts, first):
        match part:
            case slice(start=None, stop=None, step=None):
                continue
            case slice(start=int() | None as start, stop=Dimension() as stop, step=None):
                ends.append(writer.length(stop))
            case slice(start=int() | None as start, stop=int() | None as stop, step=None):
                ends.append(writer.integers(END if stop is None else stop))
            case _:
                raise EngineError(f"the model cannot be exported to ONNX: it has the index {index}")
        starts.append(start or 0)
        axes.append(axis)
    end = writer.add("Concat", ends, dtype=torch.int64, axis=0)
    inputs = [x, writer.integers(*starts), end, writer.integers(*axes)]
    return writer.add("Slice", inputs, dtype=meta.dtype)


def _flattened(writer: GraphWriter, meta: TensorMetadata, x: str, start: int) -> str:
    assert start == 1
    return writer.add("Flatten", [x], dtype=meta.dtype, axis=1)


def _padded_by_reflection(
    writer: GraphWriter, meta: TensorMetadata, x: str, multiple_of: int
) -> str:
    multiple = writer.constant(torch.tensor(multiple_of))
    for axis in (2, 3):
        index = mirrored(writer, x, axis, multiple)
        x = writer.add("Gather", [x, index], dtype=meta.dtype, axis=axis)
    return x


def _linear(writer: GraphWriter, meta: TensorMetadata, module: nn.Linear, x: str) -> str:
    return writer.linear(x, module)


def _parts(
    writer: GraphWriter, meta: Sequence[TensorMetadata], x: str, count: int, dim: int
) -> tuple[str, ...]:
    """Equal parts along a dimension."""
    sizes = writer.integers(*(part.shape[dim] for part in meta))
    names = [f"{x}_part_{number}" for number in range(count)]
    return writer.add_many("Split", [x, sizes], names, dtype=meta[0].dtype, axis=dim)


FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    operator.add: _binary("Add"),
    operator.sub: _binary("Sub"),
    operator.mul: _binary("Mul"),
    operator.truediv: _binary("Div"),
    operator.getitem: _indexed,
    torch.cat: _concatenated,
    torch.conv2d: _bare_convolution,
    F.interpolate: _upsampled,
    F.leaky_relu: _leaky_relu,
    F.pixel_shuffle: _pixel_shuffled,
    F.pixel_unshuffle: _pixel_unshuffled,
    F.relu: _unary("Relu"),
    contrast_and_mean: _contrast_and_mean,
    pad_by_reflection: _padded_by_reflection,
}
METHODS: dict[str, Callable[..., Any]] = {
    "chunk": _parts,
    "flatten": _flattened,
    "float": _cast,
    "sigmoid": _unary("Sigmoid"),
    "tanh": _unary("Tanh"),
    "to": _cast,
}
MODULES: dict[type[nn.Module], Callable[..., Any]] = {
    BlurCode: blur_code,
    InstanceNorm: _instance_norm,
    NoiseDropout: _nothing,
    nn.Conv2d: _convolution,
    nn.Identity: _nothing,
    nn.Linear: _linear,
}
