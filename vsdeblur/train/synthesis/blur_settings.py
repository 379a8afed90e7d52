"""What blur is drawn from."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BlurSettings"]


@dataclass(frozen=True, kw_only=True)
class BlurSettings:
    """What blur is drawn from."""

    num_frames: int = 5
    """Frames in a window (odd)."""
    size: int = 160
    """Height and width of a window, in pixels."""
    margin: int = 96
    """Pixels of photo needed around a window on each side; beyond them it is mirrored."""
    max_blur: float = 40.0
    """Longest blur of the middle frame, in pixels."""
    blur_exponent: float = 2.0
    """Blur length is max_blur * u**blur_exponent, u uniform: above 1, short blur is commoner."""
    still_share: float = 0.06
    """Share of windows in which the camera stands still."""
    object_share: float = 0.4
    """Share of windows with a moving object in front."""
    exposure: tuple[float, float] = (0.35, 1.0)
    """Part of the frame interval during which the shutter is open: least and most."""
    linear_share: float = 0.5
    """Share of windows averaged in linear light; the rest as encoded, as GoPro and DVD are."""
    highlight_share: float = 0.2
    """Share of the linear windows whose highlights are brighter than the sensor can tell."""
    max_subframes: int = 81
    """Bound on the views averaged into a frame; longer paths are shortened to fit."""

    @property
    def patch_size(self) -> int:
        """Height and width of the photo patches that `synthesize` wants."""
        return self.size + 2 * self.margin
