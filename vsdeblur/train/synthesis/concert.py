"""Stage light on training patches: a dark scene with coloured spots, beams and lamps.

Light multiplies the scene in linear light. The patches are lit before they are blurred, so spots
and lamps move with the scene, and what is brighter than white is clipped after that. Noise is the
caller's: a camera that sees little light is noisy.

Shapes: N batch, C channels (1: luma, or 3: RGB), P height and width of a patch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...standards import BT601
from .camera import Draw

__all__ = ["concert_look"]

GAMMA = 2.2
NUM_SPOTS = 4
NUM_LAMPS = 5


def concert_look(
    background: Tensor, foreground: Tensor, draw: Draw, share: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Light a share of the samples like a concert.

    A patch and the object before it stand in the same light; lamps hang in the background only.
    Luma is lit as a grey picture and then is the luma of the coloured one.

    Args:
        background: (N, C, P, P), gamma-encoded, 1 = white.
        foreground: (N, C, P, P), the patches that objects are cut from.
        draw: Source of randomness, on the same device.
        share: Share of the samples that are lit; 0 = none, 1 = all.

    Returns:
        Background and foreground, as they came in all other samples, above 1 where they are
        brighter than white; and which samples were lit: (N,) bool.
    """
    is_concert = draw.uniform(0, 1, len(background)) < share
    chosen = is_concert.nonzero()[:, 0]
    if len(chosen) == 0:
        return background, foreground, is_concert
    light = _stage_light(draw, len(chosen), background.shape[-1])
    gain, contrast = _camera(draw, len(chosen))
    lamps = _lamps(draw, len(chosen), background.shape[-1])

    lit = []
    for patches, added in ((background, lamps), (foreground, None)):
        codes = _exposed(patches[chosen], light * gain, contrast, added)
        lit.append(patches.index_copy(0, chosen, codes.to(patches.dtype)))
    return lit[0], lit[1], is_concert


def _exposed(patches: Tensor, light: Tensor, contrast: Tensor, lamps: Tensor | None) -> Tensor:
    """What the camera makes of lit patches; (M, C, P, P), 1 = white."""
    linear = patches.float() ** GAMMA * light  # (M, 3, P, P), also for luma
    if lamps is not None:
        linear = linear + lamps
    codes = linear ** (1 / GAMMA)
    codes = torch.lerp(codes, codes.square(), contrast)
    if patches.shape[1] == 1:
        codes = (codes * codes.new_tensor(BT601)[:, None, None]).sum(1, keepdim=True)
    return codes


def _camera(draw: Draw, num: int) -> tuple[Tensor, Tensor]:
    """Gain of linear light and strength of the tone curve, (M, 1, 1, 1) each."""
    return draw.uniform(0.1, 0.6, num, 1, 1, 1), draw.uniform(0.2, 0.7, num, 1, 1, 1)


def _stage_light(draw: Draw, num: int, size: int) -> Tensor:
    """Light on every pixel, (M, 3, P, P); its mean is 1, which is as photographed."""
    x, y = _grid(draw, size)
    light = draw.uniform(0.1, 0.5, num, 1, 1, 1) * _colour(draw, num, 0.5)
    light = light.expand(num, 3, size, size)
    for index in range(NUM_SPOTS):
        shape = _disc(draw, x, y, num) if index else _beam(draw, x, y, num)
        is_on = draw.uniform(0, 1, num, 1, 1, 1) < 0.7
        strength = draw.uniform(0.5, 2.5, num, 1, 1, 1) * is_on
        light = light + strength * shape * _colour(draw, num, 1)
    return light / light.mean((1, 2, 3), keepdim=True)


def _lamps(draw: Draw, num: int, size: int) -> Tensor:
    """Small lamps with a glow, in linear light: (M, 3, P, P); brighter than white at the core."""
    x, y = _grid(draw, size)
    pixel = 2 / size
    total = x.new_zeros(num, 3, size, size)
    for _ in range(NUM_LAMPS):
        square = _square_distance(draw, x, y, num, 1)
        radius = pixel * draw.uniform(1, 5, num, 1, 1, 1)
        core = (2 * (1 - square / radius.square())).clamp(0, 1)
        glow = (1 - square / (6 * radius).square()).clamp_min(0) ** 4
        peak = draw.uniform(0.5, 6, num, 1, 1, 1) * (draw.uniform(0, 1, num, 1, 1, 1) < 0.5)
        shine = peak * (core + draw.uniform(0.01, 0.06, num, 1, 1, 1) * glow)
        total = total + shine * _colour(draw, num, 0.6)
    return total


def _grid(draw: Draw, size: int) -> tuple[Tensor, Tensor]:
    """Pixel centres, -1 to 1 across the patch: (1, P) and (P, 1)."""
    device = draw.uniform(0, 1, 1).device
    axis = (torch.arange(size, device=device) + 0.5) * (2 / size) - 1
    return axis[None], axis[:, None]


def _square_distance(draw: Draw, x: Tensor, y: Tensor, num: int, spread: float) -> Tensor:
    """Squared distance from a random place, (M, 1, P, P)."""
    at_x, at_y = draw.uniform(-spread, spread, 2, num, 1, 1, 1)
    square: Tensor = (x - at_x).square() + (y - at_y).square()
    return square


def _disc(draw: Draw, x: Tensor, y: Tensor, num: int) -> Tensor:
    """A round spot with a soft edge, (M, 1, P, P) in [0, 1]."""
    radius = draw.uniform(0.1, 0.5, num, 1, 1, 1)
    square = _square_distance(draw, x, y, num, 0.8) / radius.square()
    return _smooth((1 - square) / draw.uniform(0.2, 1, num, 1, 1, 1))


def _beam(draw: Draw, x: Tensor, y: Tensor, num: int) -> Tensor:
    """A cone of light from above, (M, 1, P, P) in [0, 1]."""
    top, lean = draw.uniform(-0.7, 0.7, 2, num, 1, 1, 1)
    down = y + 1.2
    half_width = 0.03 + draw.uniform(0.1, 0.4, num, 1, 1, 1) * down
    across = ((x - top - lean * down) / half_width).square()
    return _smooth((1 - across) / draw.uniform(0.3, 1, num, 1, 1, 1))


def _smooth(edge: Tensor) -> Tensor:
    edge = edge.clamp(0, 1)
    return edge * edge * (3 - 2 * edge)


def _colour(draw: Draw, num: int, strength: float) -> Tensor:
    """A hue at full saturation, mixed with white: (M, 3, 1, 1), the largest is 1."""
    hue = draw.uniform(0, 6, num, 1)
    primary = hue.new_tensor([0.0, 2.0, 4.0])
    pure = (2 - ((hue - primary + 3) % 6 - 3).abs()).clamp(0, 1)
    white = 1 - draw.uniform(0, strength, num, 1) * (1 - pure)
    return white[..., None, None]
