"""What `brmr`'s image generator can take over from `dblrgan`'s network: their outer levels agree.

To tell blur from sharpness takes long to learn, and `dblrgan` has learned it already.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..errors import DataError
from ..manifest import load_manifest
from ..models import MODELS
from ..models.blur_code import GatedBlock
from ..models.dblrnet import FastDBLRNet
from ..models.fast_unet import FastUNetGenerator
from ..runtime.weights import load_network

__all__ = ["start_from_dblrgan", "start_from_window_network"]

LUMA = (0.2126, 0.7152, 0.0722)
"""What `dblrgan` was trained on, made of RGB (BT.709)."""
BRIGHTNESS = 0.4
CONTRAST = 0.22
"""Of an ordinary picture, mean and standard deviation: generators see pictures without them."""


def start_from_dblrgan(generator: FastUNetGenerator) -> None:
    """Start from the packaged weights of `dblrgan`; see `start_from_window_network`.

    Raises:
        WeightsError: They are missing or damaged.
        DataError: The generator is of another width.
    """
    spec = MODELS["dblrgan"]["fast"]
    facts = load_manifest().filter("dblrgan").models["fast"]
    assert facts.weights is not None
    trained = load_network(
        spec.build, facts.weights, filter_name="dblrgan", model="fast", sha256=facts.sha256
    )
    assert isinstance(trained, FastDBLRNet)
    start_from_window_network(generator, trained)


@torch.no_grad()
def start_from_window_network(generator: FastUNetGenerator, trained: FastDBLRNet) -> None:
    """Let a generator see what a window network sees in five equal frames of grey.

    Args:
        generator: Its width and blocks are those of `trained`; deeper levels add nothing at first.
        trained: Trained weights.

    Raises:
        DataError: The generator is of another width.
    """
    width = generator.stem.out_channels
    if width != trained.stem.out_channels:
        raise DataError(
            f"dblrgan's weights fit a generator as it is by default, got one of width {width}; "
            "leave initial_weights out"
        )
    for module in generator.modules():
        if isinstance(module, GatedBlock):
            nn.init.zeros_(module.conv2.weight)
    depth = len(trained.encoders)
    for ours, theirs in zip(generator.encoders, trained.encoders, strict=False):
        _copy(ours, theirs)
    for ours, theirs in zip(generator.downs, trained.downs, strict=False):
        _copy(ours, theirs)
    for ours, theirs in zip(generator.ups[1 - depth :], trained.ups, strict=True):
        _copy(ours, theirs)
    for ours, theirs in zip(generator.decoders[1 - depth :], trained.decoders, strict=True):
        _copy(ours, theirs)
    inner = generator.ups[-depth]
    assert isinstance(inner, nn.Conv2d)
    nn.init.zeros_(inner.weight)
    _copy_ends(generator, trained)


def _copy(ours: nn.Module, theirs: nn.Module) -> None:
    """Parameters of the same name; gates are ours alone."""
    own = ours.state_dict()
    for name, value in theirs.state_dict().items():
        own[name].copy_(value)


def _copy_ends(generator: FastUNetGenerator, trained: FastDBLRNet) -> None:
    frames = trained.stem.weight.unflatten(1, (-1, 4)).sum(1)  # five equal frames are one
    own = generator.state_dict()
    theirs = trained.state_dict()
    own["stem.weight"].copy_(_of_colours(frames * CONTRAST))
    own["stem.bias"].copy_(theirs["stem.bias"] + BRIGHTNESS * frames.sum((1, 2, 3)))
    own["head.weight"].copy_(theirs["head.weight"].repeat(3, 1, 1, 1) / CONTRAST)
    own["head.bias"].copy_(theirs["head.bias"].repeat(3) / CONTRAST)


def _of_colours(luma: Tensor) -> Tensor:
    """(C, 4, 3, 3), for a pixel-unshuffled luma plane -> (C, 12, 3, 3), for three colours."""
    return torch.cat([share * luma for share in LUMA], 1)
