"""What the rest of the package may know about a model without knowing its layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from torch import nn

from .measured import MeasuringNetwork

__all__ = ["BRMRSpec", "InferenceForm", "ModelSpec"]


class InferenceForm(NamedTuple):
    """A network for inference: the same function, without the global skip."""

    network: nn.Module
    adds_middle_frame: bool
    """Whether the output is a residual, to be added to the middle frame."""
    measuring: MeasuringNetwork | None = None
    """The first part, if it measures the whole picture and can be given what it measured; tiles
    then come out as in the whole."""


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """A model's factory, its inference form and the inputs it accepts."""

    build: Callable[..., nn.Module]
    """Returns the untrained network, in training form; weights are loaded into it. Takes the
    options that a weights file or a recipe gives, such as `global_skip`."""
    fold: Callable[[nn.Module], InferenceForm]
    """Returns the inference form of a loaded network."""
    parts: tuple[str, ...] = ("",)
    """Names of the inference form's submodules that run, and are compiled, each on its own; "" is
    the whole."""
    channels_in: tuple[int, ...]
    """Channels of each part's input."""
    radius: int
    """Frames needed on each side of the one being restored."""
    channels: int
    """1 for luma, 3 for RGB."""
    multiple_of: int
    """Height and width in pixels must divide by this (the network's total downsampling)."""
    pads_itself: bool = False
    """Whether the network takes frames of any size nevertheless, and pads them by reflection."""
    receptive_radius: int
    """How far, in pixels, an output pixel can depend on the input around it."""
    values_per_pixel: float
    """Numbers that the inference form holds at once for each pixel of a frame, at most; its input
    is among them."""


@dataclass(frozen=True, kw_only=True)
class BRMRSpec(ModelSpec):
    """A model of adversarial BRMR: an image generator, its critic and a patch generator.

    `multiple_of`, `receptive_radius` and `values_per_pixel` speak of the generators. Theirs is how
    far the picture around a tile is worth looking at, not a bound: in the model "paper" instance
    normalisation lets every pixel depend on the whole picture.
    """

    critic_reach: int | None
    """How far, in pixels beyond the pixels it stands for, a heat map's value can depend on the
    picture; None = on all of it."""
    refiner_sees_input: bool = False
    """Whether the patch generator is given the blurred window before the restored one."""
