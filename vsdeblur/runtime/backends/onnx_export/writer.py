"""Collects the nodes and the constants of an ONNX graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

__all__ = ["END", "Dimension", "GraphWriter", "mirrored"]

OPSET, IR_VERSION = 18, 10
END = 2**31 - 1
"""Beyond the end of any axis."""


class Dimension(NamedTuple):
    """A dimension of a tensor in the graph, known when it runs."""

    tensor: str
    axis: int


class GraphWriter:
    """Collects the nodes and constants of a graph."""

    def __init__(self) -> None:
        self.dtypes: dict[str, torch.dtype] = {}
        """Name of a tensor -> its type."""
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def add(
        self,
        kind: str,
        inputs: Sequence[str],
        *,
        dtype: torch.dtype,
        name: str | None = None,
        **attributes: Any,  # noqa: ANN401
    ) -> str:
        """Add a node; returns its result's name."""
        from onnx import helper

        name = name or f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        self.dtypes[name] = dtype
        return name

    def add_many(
        self,
        kind: str,
        inputs: Sequence[str],
        names: Sequence[str],
        *,
        dtype: torch.dtype,
        **attributes: Any,  # noqa: ANN401
    ) -> tuple[str, ...]:
        """Add a node of several results, which get these names."""
        from onnx import helper

        self._nodes.append(helper.make_node(kind, list(inputs), list(names), **attributes))
        self.dtypes.update(dict.fromkeys(names, dtype))
        return tuple(names)

    def constant(self, value: Tensor) -> str:
        """Add a constant; returns its name."""
        from onnx import helper

        name = f"constant_{len(self._constants)}"
        raw = value.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes()
        kind = _onnx_type(value.dtype)
        self._constants.append(helper.make_tensor(name, kind, value.shape, raw, raw=True))
        self.dtypes[name] = value.dtype
        return name

    def integers(self, *values: int) -> str:
        """Add a constant list of whole numbers."""
        return self.constant(torch.tensor(values, dtype=torch.int64))

    def cast(self, name: str, dtype: torch.dtype) -> str:
        """The tensor in another type; itself where it has that type."""
        if self.dtypes[name] == dtype:
            return name
        return self.add("Cast", [name], dtype=dtype, to=_onnx_type(dtype))

    def length(self, dimension: Dimension) -> str:
        """A dimension as a list of one whole number."""
        start = dimension.axis
        return self.add("Shape", [dimension.tensor], dtype=torch.int64, start=start, end=start + 1)

    def linear(self, x: str, layer: nn.Linear) -> str:
        """Add a fully connected layer: (N, a) -> (N, b)."""
        inputs = [x, self.constant(layer.weight), self.constant(layer.bias)]
        return self.add("Gemm", inputs, dtype=layer.weight.dtype, transB=1)

    def model(
        self,
        inputs: Mapping[str, tuple[torch.dtype, list[int | str | None]]],
        outputs: Mapping[str, tuple[torch.dtype, list[int | str | None]]],
    ) -> Any:  # noqa: ANN401
        """The whole as an `onnx.ModelProto`."""
        from onnx import helper

        first, last = (
            [
                helper.make_tensor_value_info(name, _onnx_type(dtype), shape)
                for name, (dtype, shape) in tensors.items()
            ]
            for tensors in (inputs, outputs)
        )
        graph = helper.make_graph(self._nodes, "vsdeblur", first, last, self._constants)
        return helper.make_model(
            graph,
            producer_name="vsdeblur",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )


def _onnx_type(dtype: torch.dtype) -> int:
    from onnx import TensorProto

    types: dict[torch.dtype, int] = {
        torch.float32: TensorProto.FLOAT,
        torch.float16: TensorProto.FLOAT16,
        torch.bfloat16: TensorProto.BFLOAT16,
        torch.int64: TensorProto.INT64,
    }
    return types[dtype]


def mirrored(writer: GraphWriter, x: str, axis: int, multiple: str) -> str:
    """The index of `pad_by_reflection` along an axis, for any length.

    Args:
        writer: The graph.
        x: What is padded.
        axis: Along which axis.
        multiple: A whole number in the graph, which the padded length divides by.
    """

    def whole(kind: str, *inputs: str) -> str:
        return writer.add(kind, inputs, dtype=torch.int64)

    one = writer.constant(torch.tensor(1))
    length = whole("Squeeze", writer.length(Dimension(x, axis)))
    last = whole("Sub", length, one)
    blocks = whole("Add", whole("Div", last, multiple), one)
    period = whole("Max", whole("Add", last, last), one)
    places = whole("Range", writer.constant(torch.tensor(0)), whole("Mul", blocks, multiple), one)
    within = whole("Mod", places, period)
    return whole("Min", within, whole("Sub", period, within))
