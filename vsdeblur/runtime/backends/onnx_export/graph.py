"""A network as an ONNX model of free height and width, for TensorRT and for other runtimes.

PyTorch's own exporter takes 2 to 15 seconds for a generator whose height and width are free. Our
generators have few kinds of operations: each has its function in `onnx_operations`, and a graph is
written in well under a second. What has none is refused, never left out.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn

from ....errors import EngineError
from ....models.blur_code import BlurCode
from ....models.layers import InstanceNorm, NoiseDropout
from ....models.measured import TileForm
from ...network import NetworkSource
from .operations import FUNCTIONS, METHODS, MODULES
from .writer import Dimension, GraphWriter

__all__ = ["INPUT", "OUTPUT", "check_onnx", "describe", "onnx_model"]

INPUT, OUTPUT = "frames", "restored"
"""Names of the graph's input and output."""
INPUTS = {
    1: "luma of the frame",
    3: "RGB of the picture",
    5: "luma of five neighbouring frames, the one to be restored in the middle",
    6: "RGB of the blurred picture, then of what was made of it",
}
"""What the channels of an input stand for."""
CRITICS = ("d_image",)
"""Parts of models that give heat maps."""
TRACED_SIZE = 512
"""Height and width at which types are worked out; every model divides it."""


def onnx_model(
    network: nn.Module, channels: int, dtype: torch.dtype, facts: Mapping[str, str]
) -> bytes:
    """Write a network as an ONNX model (opset 18).

    Args:
        network: Inference form of a model; it is not changed.
        channels: Channels of its input.
        dtype: Precision of weights, input and output (heat maps stay float32). Statistics of
            normalisation are float32 at any precision.
        facts: What to say of it in the model's metadata.

    Returns:
        The serialised model: "frames" (batch, channels, height, width) -> "restored", all but the
        channels free.

    Raises:
        EngineError: The package onnx is missing, or the network has an operation that is not
            known here.
    """
    check_onnx()
    import onnx

    network = copy.deepcopy(network).to("cpu", dtype).eval().requires_grad_(False)
    graph = _traced(network, channels, dtype)
    writer = GraphWriter()
    values: dict[fx.Node, Any] = {}
    for node in graph.graph.nodes:
        values[node] = _written(writer, graph, node, values)
    (result,) = (values[node] for node in graph.graph.nodes if node.op == "output")
    writer.add("Identity", [result], dtype=writer.dtypes[result], name=OUTPUT)
    model = writer.model(
        inputs={INPUT: (dtype, ["batch", channels, "height", "width"])},
        outputs={OUTPUT: (writer.dtypes[result], ["batch", None, None, None])},
    )
    onnx.helper.set_model_props(model, dict(facts))
    onnx.checker.check_model(model)
    serialized: bytes = model.SerializeToString()
    return serialized


def describe(
    source: NetworkSource, dtype: torch.dtype, *, gives_residual: bool = False
) -> dict[str, str]:
    """What a model's metadata say of it.

    Args:
        source: What was exported.
        dtype: In which precision.
        gives_residual: Whether the model's generators give what is to be added to their input.
    """
    given = f"{INPUTS[source.channels]}; in [0, 1], gamma-encoded as in the file"
    if isinstance(source.module, TileForm):
        given += f"; the last {source.module.rows} rows hold what was measured of the whole picture"
    output = "the restored luma or RGB, in [0, 1] once clamped"
    if source.name.endswith(CRITICS):
        output = "how sharp and how blurred each 8x8 pixels are"
    elif gives_residual:
        parts = {5: "the middle frame", 6: "the second picture"}
        output = f"to be added to {parts.get(source.channels, 'the input')}, then clamped"
    return {
        "network": source.name,
        "weights_sha256": source.digest,
        "precision": str(dtype).removeprefix("torch."),
        "input": given,
        "output": output,
        "height_and_width_divide_by": str(source.multiple_of),
    }


def check_onnx() -> None:
    """Refuse to go on without the package onnx."""
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise EngineError(
            "the package onnx is not installed; pip install 'vsdeblur[export]'"
        ) from error


class _Tracer(fx.Tracer):
    """Looks into our own modules, but for those that stand for one operation."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        ours = isinstance(m, BlurCode | InstanceNorm | NoiseDropout)
        return ours or super().is_leaf_module(m, module_qualified_name)


def _traced(network: nn.Module, channels: int, dtype: torch.dtype) -> fx.GraphModule:
    """The network's operations, each with the type and the channels of its result."""
    from torch._subclasses import FakeTensorMode
    from torch.fx.passes.shape_prop import ShapeProp

    class Shapes(ShapeProp):
        """Passes over what a blur code measures: two hundred steps, and one known result."""

        def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:  # noqa: ANN401
            module = self.fetch_attr(target)
            if isinstance(module, BlurCode):
                (picture,) = args
                width, dtype = module.code.out_features, module.code.weight.dtype
                return picture.new_empty(len(picture), width, dtype=dtype)
            return super().call_module(target, args, kwargs)

    graph = fx.GraphModule(network, _Tracer().trace(network))
    with FakeTensorMode() as mode:
        example = torch.empty(1, channels, TRACED_SIZE, TRACED_SIZE, dtype=dtype)
    # Nothing is computed: only types and shapes go through.
    Shapes(graph, fake_mode=mode).propagate(example)
    return graph


def _written(
    writer: GraphWriter, graph: fx.GraphModule, node: fx.Node, values: Mapping[fx.Node, Any]
) -> Any:  # noqa: ANN401
    """Write one operation; returns its result's name, or its value where it is constant."""
    args = fx.map_arg(node.args, values.__getitem__)
    kwargs = fx.map_arg(node.kwargs, values.__getitem__)
    match node.op:
        case "placeholder":
            writer.dtypes[INPUT] = node.meta["tensor_meta"].dtype
            return INPUT
        case "output":
            return args[0]
        case "get_attr":
            return _attribute(graph, str(node.target))
    if isinstance(args[0], Tensor | tuple):
        return _computed(node, args, kwargs)
    if node.target is getattr:
        return _fact(node, str(args[0]), str(args[1]))
    module = graph.get_submodule(str(node.target)) if node.op == "call_module" else None
    tables: dict[str, Mapping[Any, Any]] = {"call_module": MODULES, "call_method": METHODS}
    known = tables.get(node.op, FUNCTIONS)
    target = type(module) if module is not None else node.target
    if target not in known:
        raise EngineError(f"the model cannot be exported to ONNX: it has the operation {target!r}")
    meta = node.meta.get("tensor_meta")
    if module is not None:
        return known[target](writer, meta, module, *args, **kwargs)
    return known[target](writer, meta, *args, **kwargs)


def _attribute(graph: fx.GraphModule, name: str) -> Tensor:
    owner, _, own = name.rpartition(".")
    value = getattr(graph.get_submodule(owner), own)
    assert isinstance(value, Tensor)
    return value


def _computed(node: fx.Node, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """The result of an operation on what is known already, such as weights."""
    if node.op == "call_method":
        return getattr(args[0], str(node.target))(*args[1:], **kwargs)
    assert callable(node.target)
    return node.target(*args, **kwargs)


def _fact(node: fx.Node, name: str, attribute: str) -> Any:  # noqa: ANN401
    """A tensor's type, or its dimensions, of which the free ones are known when it runs."""
    source = node.args[0]
    assert isinstance(source, fx.Node)
    meta = source.meta["tensor_meta"]
    if attribute == "dtype":
        return meta.dtype
    if attribute == "shape":
        return tuple(Dimension(name, axis) for axis in range(len(meta.shape)))
    raise EngineError(f"the model cannot be exported to ONNX: it asks for .{attribute}")
