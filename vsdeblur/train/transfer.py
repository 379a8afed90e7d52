"""What other filters' networks can take over from `dblrgan`'s: their outer levels agree.

To tell blur from sharpness takes long to learn, and `dblrgan` has learned it already.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..errors import DataError
from ..manifest import load_manifest
from ..models import MODELS
from ..models.blur_code import GatedBlock
from ..models.dblrnet import FastDBLRNet
from ..models.fast_unet import FastUNetGenerator
from ..models.sequence import NUM_MOMENTS, SequenceNet
from ..runtime.weights import load_network
from ..standards import BT601

__all__ = ["start_from_dblrgan", "start_from_window_network"]

BRIGHTNESS = 0.4
CONTRAST = 0.22
"""Of an ordinary picture, mean and standard deviation: `brmr` sees pictures without them."""

type Generator = FastUNetGenerator | SequenceNet


def start_from_dblrgan(generator: nn.Module) -> None:
    """Start from the packaged weights of `dblrgan`; see `start_from_window_network`.

    Raises:
        WeightsError: They are missing or damaged.
        DataError: They do not fit the generator.
    """
    spec = MODELS["dblrgan"]["fast"]
    facts = load_manifest().filter("dblrgan").models["fast"]
    assert facts.weights is not None
    trained = load_network(
        spec.build, facts.weights, filter_name="dblrgan", model="fast", sha256=facts.sha256
    )
    assert isinstance(trained, FastDBLRNet)
    fits = isinstance(generator, FastUNetGenerator | SequenceNet) and (
        generator.stem.out_channels == trained.stem.out_channels
    )
    if not fits:
        raise DataError(
            "initial_weights = 'dblrgan' is for the models 'fast' as they are by default; leave it "
            "out for another model, or another width"
        )
    assert isinstance(generator, FastUNetGenerator | SequenceNet)
    start_from_window_network(generator, trained)


@torch.no_grad()
def start_from_window_network(generator: Generator, trained: FastDBLRNet) -> None:
    """Let a generator see what a window network sees in five equal frames.

    Args:
        generator: Its widths are those of `trained`; deeper levels add nothing at first, and blocks
            that it has fewer of are left out.
        trained: Trained weights.
    """
    depth = len(trained.encoders)
    for module in generator.modules():
        if isinstance(module, GatedBlock):
            nn.init.zeros_(module.conv2.weight)
    inner_ups = list(generator.ups)[: 1 - depth]
    for up in inner_ups[-1:]:
        assert isinstance(up, nn.Conv2d)
        nn.init.zeros_(up.weight)
    pairs = (
        (list(generator.encoders)[:depth], trained.encoders),
        (list(generator.downs)[: depth - 1], trained.downs),
        (list(generator.ups)[1 - depth :], trained.ups),
        (list(generator.decoders)[1 - depth :], trained.decoders),
    )
    for ours, theirs in pairs:
        _copy(ours, list(theirs))
    if isinstance(generator, SequenceNet):
        _copy_ends(generator, trained)
    else:
        _copy_ends_for_colours(generator, trained)


def _copy(ours: Sequence[nn.Module], theirs: Sequence[nn.Module]) -> None:
    """Parameters of the same name; gates are ours alone."""
    for our, their in zip(ours, theirs, strict=True):
        own = our.state_dict()
        for name, value in their.state_dict().items():
            if name in own:
                own[name].copy_(value)


def _of_one_frame(trained: FastDBLRNet) -> Tensor:
    """The stem for five equal frames: (C, 4, 3, 3)."""
    stem: Tensor = trained.stem.weight.unflatten(1, (-1, 4)).sum(1)
    return stem


def _copy_ends(generator: SequenceNet, trained: FastDBLRNet) -> None:
    own, theirs = generator.state_dict(), trained.state_dict()
    own["stem.weight"].copy_(_of_one_frame(trained))
    own["stem.bias"].copy_(theirs["stem.bias"])
    own["head.weight"].copy_(theirs["head.weight"].repeat(NUM_MOMENTS, 1, 1, 1))
    own["head.bias"].copy_(theirs["head.bias"].repeat(NUM_MOMENTS))


def _copy_ends_for_colours(generator: FastUNetGenerator, trained: FastDBLRNet) -> None:
    own, theirs = generator.state_dict(), trained.state_dict()
    luma = _of_one_frame(trained)
    colours = torch.cat([share * luma for share in BT601], 1)
    own["stem.weight"].copy_(colours * CONTRAST)
    own["stem.bias"].copy_(theirs["stem.bias"] + BRIGHTNESS * luma.sum((1, 2, 3)))
    own["head.weight"].copy_(theirs["head.weight"].repeat(3, 1, 1, 1) / CONTRAST)
    own["head.bias"].copy_(theirs["head.bias"].repeat(3) / CONTRAST)
