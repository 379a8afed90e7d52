"""What becomes of crops between the shutter and the network.

In the order in which footage meets it: lights flash, an editor cuts, a camera sharpens and adds
noise, a codec codes, a player repeats frames. Each draw changes a share of a batch, all at once on
its device.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .draws.coding import block_coded
from .draws.editing import cuts, dissolves
from .draws.grain import grain
from .draws.light import flashes
from .draws.neighbours import missing_neighbours
from .draws.sharpening import sharpened
from .draws.video_coding import video_coded
from .settings import DrawSettings
from .synthesis.windows import degrade

__all__ = ["as_recorded"]

type Draw = Callable[[Tensor, Tensor, float, torch.Generator], tuple[Tensor, Tensor]]

BEFORE_NOISE: dict[str, Draw] = {
    "flashes": flashes,
    "dissolves": dissolves,
    "cuts": cuts,
    "sharpened": sharpened,
}
AFTER_NOISE: dict[str, Draw] = {
    "grain": grain,
    "compressed": block_coded,
    "video_coded": video_coded,
    "missing_neighbours": missing_neighbours,
}
FOR_COLOURS = ("sharpened", "compressed")
"""What a single picture can have; the others need frames."""


def as_recorded(
    blurred: Tensor,
    sharp: Tensor,
    max_noise: Tensor | None,
    settings: DrawSettings,
    generator: torch.Generator,
    *,
    in_time: bool,
) -> tuple[Tensor, Tensor]:
    """Blurred frames as they are recorded, of 8 bit, and their sharp partners.

    Args:
        blurred: (N, T, H, W) in [0, 1].
        sharp: (N, M, H, W) in [0, 1].
        max_noise: (N,), bound on the standard deviation of each one's noise at white; None = there
            is no noise.
        settings: The share of each draw.
        generator: Source of randomness, on the same device.
        in_time: Whether the T planes follow each other in time; colours do not.
    """

    def drawn(draws: dict[str, Draw], blurred: Tensor, sharp: Tensor) -> tuple[Tensor, Tensor]:
        for name, draw in draws.items():
            share = getattr(settings, name)
            if share and (in_time or name in FOR_COLOURS):
                blurred, sharp = draw(blurred, sharp, share, generator)
        return blurred, sharp

    blurred, sharp = drawn(BEFORE_NOISE, blurred, sharp)
    if max_noise is not None:
        blurred = degrade(blurred, generator, max_sigma=max_noise[:, None, None, None])
    blurred, sharp = drawn(AFTER_NOISE, blurred, sharp)
    return (blurred * 255).round_().div_(255), sharp
