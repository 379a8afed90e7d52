"""How training windows are kept and used."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PoolSettings"]


@dataclass(frozen=True, kw_only=True)
class PoolSettings:
    """How training windows are kept and used."""

    capacity: int = 3072
    """Windows kept at most, over all devices (2 bytes a pixel)."""
    initial: int = 256
    """Windows made before the first step."""
    reuse: int = 32
    """How often a window is used before the pool has been renewed once."""
    favoured_psnr: tuple[float, float] = (21.0, 34.0)
    """Windows whose blurred middle frame has a PSNR in these bounds (dB) are drawn most often."""
    other_weight: float = 0.35
    """How often the others are drawn in relation: what is hopeless or sharp teaches little."""
    max_noise: float = 0.02
    """Largest standard deviation of sensor noise (1 = white)."""
    max_concert_noise: float = 0.05
    """The same in windows that are lit like a concert."""
    darken_share: float = 0.3
    """Share of the crops that are darkened."""
