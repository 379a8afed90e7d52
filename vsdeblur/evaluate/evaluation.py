"""Everything an evaluation found: what the table, the JSON and the HTML report are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

import torch

from .. import __version__
from .scores import SetScores

__all__ = ["Evaluation", "Method", "device_name", "library_versions"]


@dataclass(frozen=True, kw_only=True)
class Method:
    """What restored the frames."""

    filter: str
    model: str
    weights_file: str
    """Name of the file, without its folder."""
    weights_sha256: str
    temporal_radius: int
    multiplier: int
    reads: str
    """"luma" or "RGB"."""
    device: str
    """"cpu" or "cuda:N"."""
    precision: str
    """"fp32", "fp16" or "bf16"."""
    intermediates: Mapping[str, str] = field(default_factory=dict)
    """Intermediate results that are scored: name in figures -> what they are called."""

    @property
    def name(self) -> str:
        """What the restored frames are called."""
        return f"{self.filter} {self.model}"


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Figures of a filter on sets, and what they hang on."""

    method: Method
    options: Mapping[str, object]
    """Options of the command, as given."""
    versions: Mapping[str, str]
    """Of the libraries that the figures hang on."""
    device_name: str
    sets: Sequence[SetScores]


def library_versions() -> dict[str, str]:
    """Versions of this package and of the libraries that the figures hang on."""
    import cv2

    return {
        "vsdeblur": __version__,
        "torch": torch.__version__,
        "torchmetrics": version("torchmetrics"),
        "scikit-image": version("scikit-image"),
        "opencv": cv2.__version__,
    }


def device_name(device: torch.device) -> str:
    """What the device calls itself."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    plural = "s" * (threads != 1)
    return f"CPU with {torch.backends.cpu.get_cpu_capability()}, {threads} thread{plural}"
