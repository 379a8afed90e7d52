"""The inductor backend: `torch.compile`, which fuses what lies between the convolutions."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from importlib.util import find_spec
from threading import Lock

import torch
from torch import Tensor

from ...errors import EngineError
from ...models.blur_code import BlurCode
from ..network import Network, NetworkSource
from .engine_cache import EngineCache

__all__ = ["compile_inductor", "inductor_obstacle"]

COMPILERS = ("cl",) if sys.platform == "win32" else ("g++", "clang++", "c++")


def inductor_obstacle(device: torch.device, dtype: torch.dtype) -> str | None:
    """Why this backend cannot run there, and the cure; None = it can."""
    wanted = (os.environ["CXX"],) if os.environ.get("CXX") else COMPILERS
    if not any(map(shutil.which, wanted)):
        return f"needs a C++ compiler: install one of {', '.join(wanted)}"
    if device.type == "cuda" and find_spec("triton") is None:
        return "needs Triton: pip install triton"
    return None


def compile_inductor(
    source: NetworkSource, device: torch.device, dtype: torch.dtype, cache: EngineCache
) -> Network:
    """Compile with `torch.compile`.

    "auto" does not take it. On a CPU it gains 0 to 13% (our models at 256x256 in bf16, where
    oneDNN's convolutions are nearly all of the work) and takes 7 to 100 seconds to compile; on a
    GPU it is not measured yet. What was compiled is kept, so that the next start takes seconds.

    Args:
        source: What to run.
        device: Where it runs.
        dtype: Precision of weights and input.
        cache: Where compiled code is kept, unless TORCHINDUCTOR_CACHE_DIR names another folder.

    Returns:
        (N, T, H, W) in any precision -> (N, C, H, W) in `dtype`. Each of the first two input
        shapes is compiled at its first run; with the second one the code becomes free of shape.

    Raises:
        EngineError: From a run, if the network cannot be compiled.
    """
    if cache.problem() is None:  # or PyTorch keeps it in a temporary folder
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache.folder / "inductor"))
    module = source.module.eval().requires_grad_(False)
    input_dtype = source.input_dtype(dtype)
    module = module.to(device, dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    codes = [part for part in module.modules() if isinstance(part, BlurCode)]
    for code in codes:  # hundreds of small steps: minutes to compile, nothing to gain
        code.forward = torch.compiler.disable(code.forward)  # type: ignore[method-assign]
    compiled: Callable[[Tensor], Tensor] = torch.compile(module, fullgraph=not codes)
    seen: set[torch.Size] = set()
    lock = Lock()

    def run(frames: Tensor) -> Tensor:
        frames = frames.to(input_dtype).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            if frames.shape in seen:
                output = compiled(frames)
                return output
            with lock:
                output = _first(frames)
                seen.add(frames.shape)
                return output

    def _first(frames: Tensor) -> Tensor:
        from torch._dynamo.exc import TorchDynamoException
        from torch._inductor.exc import InductorError

        try:
            output = compiled(frames)
        except (TorchDynamoException, InductorError) as error:
            raise EngineError(
                f"inductor could not compile {source.name}: {_reason(error)}; use backend='eager'"
            ) from error
        return output

    return run


def _reason(error: Exception) -> str:
    """What PyTorch says first; where that ends in a colon ("... raised:"), also what follows."""
    first, *rest = filter(None, map(str.strip, str(error).splitlines()))
    return f"{first} {rest[0]}" if first.endswith(":") and rest else first
