"""Networks that were trained elsewhere and are not shipped: VGG19's features and RAFT's flow.

Paper 002 compares frames by VGG19 and takes the flow from PWC-Net (section 3.1), of which RAFT
takes the place. Both are read from torchvision's own weight files, which are known by their
SHA-256. torchvision is imported here alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import DataError, WeightsError

__all__ = [
    "RAFT_FILES",
    "VGG19_FILES",
    "RAFTFlow",
    "VGG19Features",
    "check_crop",
    "load_raft",
    "load_vgg19",
]

VGG19_FILES = {"dcbb9e9d": "vgg19-dcbb9e9d.pth"}
"""torchvision's files, by the first digits of their SHA-256 (which are also in their names)."""
RAFT_FILES = {
    "ff5fadd5": "raft_large_C_T_SKHT_V2-ff5fadd5.pth",
    "b5c70766": "raft_large_C_T_SKHT_K_V2-b5c70766.pth",
    "1bb1363a": "raft_large_C_T_V2-1bb1363a.pth",
    "01064c6d": "raft_small_C_T_V2-01064c6d.pth",
}
"""As `VGG19_FILES`: the second edition of each set of weights."""

LAST_CONVOLUTION = 34
"""Of VGG19's `features`: what the paper compares by."""
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation that VGG19 was trained with."""
LEAST_FOR_RAFT = 128
"""Height and width of the smallest frame that RAFT takes, in pixels."""


class VGG19Features(nn.Module):
    """VGG19 up to its last convolution (paper 002, section 3.1); it learns nothing.

    Args:
        layers: torchvision's, from the first to that one.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers.eval().requires_grad_(False)
        mean, deviation = (torch.tensor(part).view(3, 1, 1) for part in IMAGENET)
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, frames: Tensor) -> Tensor:
        """(N, 1, H, W) in [0, 1], as three equal channels -> (N, 512, H / 16, W / 16)."""
        found: Tensor = self.layers((frames.expand(-1, 3, -1, -1) - self.mean) / self.deviation)
        return found


class RAFTFlow(nn.Module):
    """Optical flow in float32; gradients go through it, and it learns nothing.

    Args:
        network: torchvision's RAFT.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False)

    def forward(self, start: Tensor, end: Tensor) -> Tensor:
        """Where each place of a frame lies in another.

        Args:
            start: (N, 1, H, W), in [0, 1]; at least 128 pixels high and wide, divisible by 8.
            end: As `start`.

        Returns:
            (N, 2, H, W), relative to the place, (x, y) in pixels.
        """
        pictures = (2 * frame.float().expand(-1, 3, -1, -1) - 1 for frame in (start, end))
        with torch.autocast(start.device.type, enabled=False):
            found: Tensor = self.network(*pictures)[-1]  # the last of its refinements
        return found


def load_vgg19(path: Path, files: Mapping[str, str] = VGG19_FILES) -> VGG19Features:
    """Read VGG19.

    Args:
        path: torchvision's weight file.
        files: Files that are accepted, by the first digits of their SHA-256.

    Raises:
        DataError: torchvision is not installed.
        WeightsError: The file is missing, or is none of these.
    """
    state, _ = _read(path, files, "--vgg19")
    network = _torchvision("--vgg19").vgg19(weights=None, init_weights=False)
    _fill(network, state, path)
    return VGG19Features(network.features[: LAST_CONVOLUTION + 1])


def load_raft(path: Path, files: Mapping[str, str] = RAFT_FILES) -> RAFTFlow:
    """Read RAFT, large or small as the file has it.

    Args:
        path: torchvision's weight file.
        files: As for `load_vgg19`; names with "small" in them are of the small network.

    Raises:
        DataError: torchvision is not installed.
        WeightsError: The file is missing, or is none of these.
    """
    state, name = _read(path, files, "--raft")
    library = _torchvision("--raft").optical_flow
    network = (library.raft_small if "small" in name else library.raft_large)(weights=None)
    _fill(network, state, path)
    return RAFTFlow(network)


def check_crop(crop: int) -> None:
    """Refuse crops that RAFT cannot take.

    Raises:
        DataError: They are too small, or do not divide by 8.
    """
    if crop < LEAST_FOR_RAFT or crop % 8:
        raise DataError(
            f"--raft takes crops of {LEAST_FOR_RAFT} pixels or more that divide by 8, the recipe "
            f"has {crop}; change `crop`, or train without --raft"
        )


def _read(path: Path, files: Mapping[str, str], option: str) -> tuple[dict[str, Tensor], str]:
    """The content of a file and the name it is known by."""
    if not path.is_file():
        raise WeightsError(
            f"no file {str(path)!r} for {option}; it takes torchvision's "
            f"{' or '.join(files.values())}"
        )
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    name = next((known for prefix, known in files.items() if digest.startswith(prefix)), None)
    if name is None:
        raise WeightsError(
            f"{str(path)!r} is not what {option} takes: its SHA-256 begins with {digest[:8]}; use "
            f"torchvision's {' or '.join(files.values())}, whole and unchanged"
        )
    try:
        state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsError(f"{str(path)!r} is damaged: {error}") from error
    return state, name


def _torchvision(option: str) -> Any:  # noqa: ANN401
    """Its models."""
    try:
        from torchvision import models
    except ImportError as error:
        raise DataError(
            f"{option} needs torchvision, which is not installed; "
            "pip install 'vsdeblur[perceptual]'"
        ) from error
    return models


def _fill(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    try:
        network.load_state_dict(state)
    except (RuntimeError, TypeError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise WeightsError(f"{str(path)!r} does not fit torchvision's network: {reason}") from error
