"""Networks as ONNX models of free height and width, for TensorRT for RTX and for other runtimes."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

from ...errors import EngineError, first_line
from ...models.engine_form import export_form
from ...models.measured import TileForm
from ..network import NetworkSource
from ..quiet import stdout_to_stderr
from .engine_cache import EngineCache, code_digest

__all__ = [
    "INPUT", "OUTPUT", "describe", "missing_exporter", "onnx_file", "onnx_model", "onnx_versions",
]  # fmt: skip

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
OPSET = 18
EXAMPLE = (2, 512, 768)
"""Batch, height and width that a network is traced with; every model divides them."""
FREE = {0: "batch", 2: "height", 3: "width"}
"""Names of the dimensions that are free."""
PACKAGES = ("onnx", "onnxscript")
"""What PyTorch's exporter needs."""
INSTALL = "pip install 'vsdeblur[export]'"


def missing_exporter() -> str | None:
    """A package that is missing for export; None = there is none."""
    return next((package for package in PACKAGES if find_spec(package) is None), None)


def onnx_file(source: NetworkSource, dtype: torch.dtype, cache: EngineCache) -> Path:
    """The file of a network's ONNX model, exported if it is not in the cache.

    Raises:
        EngineError: It cannot be exported.
    """
    precision = str(dtype).removeprefix("torch.")
    key = {
        "backend": "onnx",
        "network": source.name,
        "weights": source.digest,
        "precision": precision,
        **onnx_versions(),
    }

    def build(path: Path) -> None:
        facts = describe(source, dtype)
        path.write_bytes(onnx_model(source.module, source.channels, dtype, facts))

    return cache.get(f"{source.name}-{precision}", key, ".onnx", build)


def onnx_versions() -> dict[str, str]:
    """What an exported model depends on besides the network."""
    missing = missing_exporter()
    return {
        "torch": torch.__version__,
        "onnxscript": version("onnxscript") if missing is None else "none",
        "code": code_digest("onnx"),
    }


def onnx_model(
    network: nn.Module, channels: int, dtype: torch.dtype, facts: Mapping[str, str]
) -> bytes:
    """Export a network as an ONNX model (opset 18).

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
        EngineError: A package is missing, or the network cannot be exported.
    """
    missing = missing_exporter()
    if missing is not None:
        raise EngineError(f"the package {missing} is not installed; {INSTALL}")
    form = export_form(network, dtype)
    batch, height, width = EXAMPLE
    example = torch.zeros(batch, channels, height, width, dtype=dtype)
    try:
        # What inference mode makes cannot be exported.
        with stdout_to_stderr(), _quiet_exporter(), torch.inference_mode(False):
            exported = torch.onnx.export(
                form, (example,), dynamo=True, optimize=False, verbose=False, opset_version=OPSET,
                input_names=[INPUT], output_names=[OUTPUT], dynamic_shapes=(FREE,),
            )  # fmt: skip
            assert exported is not None
            return _serialized(exported, facts)
    except Exception as error:  # what PyTorch raises there is of no common kind
        # The exporter's own text is of several lines, in colour; what it says there is its cause.
        cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
        reason = first_line(cause)
        raise EngineError(f"the model cannot be exported to ONNX: {reason}") from error


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


def _serialized(exported: torch.onnx.ONNXProgram, facts: Mapping[str, str]) -> bytes:
    """The model with these metadata, and without the exporter's notes, which name our files."""
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass, RemoveUnusedNodesPass
    from onnxscript.optimizer import fold_constants

    model = exported.model
    # TensorRT takes no computed axes. The exporter's own `optimize` folds them too, but it also
    # takes what is up to 1e-8 for 0: the blur code of a flat picture would be NaN.
    fold_constants(model)
    RemoveUnusedNodesPass()(model)
    ClearMetadataAndDocStringPass()(model)
    model.metadata_props.clear()
    model.metadata_props.update(facts)
    model.producer_name = "vsdeblur"
    serialized: bytes = exported.model_proto.SerializeToString()
    return serialized


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Without lines about torchvision, which is not needed, and warnings that are PyTorch's own."""
    # The other two tell of every pass over the graph where the root logger lets it through.
    logs = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # PyTorch 2.11 uses what it has deprecated itself.
            warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated")
            yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)
