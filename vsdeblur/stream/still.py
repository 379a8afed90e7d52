"""Restores a still picture: a window of equal frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import VideoError
from ..restorers import Restorer
from ..standards import BT601
from .picture_files import SUFFIXES, PictureFile, load_picture, save_picture
from .settings import StreamOptions
from .settings_tag import picture_tags

__all__ = ["is_picture", "restore_picture", "restored_pixels"]

_LUMA = np.array(BT601, np.float32)


def is_picture(path: Path) -> bool:
    """Whether a file is a still picture, by its suffix."""
    return path.suffix.lower() in SUFFIXES


def restore_picture(
    source: Path, target: Path, restorer: Restorer, partial: Path, options: StreamOptions
) -> None:
    """Restore a picture; depth, alpha, texts, EXIF with its orientation and ICC profile stay.

    A restorer of luma leaves the colour difference as it is; one of RGB sees and changes all.

    Args:
        source: Picture to read.
        target: What it will be called, for messages and the format.
        restorer: What restores it.
        partial: File to write; it has the target's suffix.
        options: What may be asked of a picture.

    Raises:
        VideoError: Either is no picture or cannot be read or written.
    """
    for path, kind in ((source, "read"), (target, "written")):
        if not is_picture(path):
            raise VideoError(
                f"a picture makes a picture and a video a video: {path} cannot be {kind} with "
                f"{target if path is source else source}; pictures end in "
                f"{', '.join(sorted(SUFFIXES))}"
            )
    file = load_picture(source, options.max_megapixels)
    texts = file.extras.pop("texts")
    file.extras |= picture_tags(target.suffix.lower(), texts, options.settings)
    pixels = restored_pixels(file.pixels, restorer)
    save_picture(PictureFile(pixels, file.extras), target, partial)


def restored_pixels(pixels: NDArray[np.generic], restorer: Restorer) -> NDArray[np.generic]:
    """What a restorer makes of a picture's pixels, as `PictureFile` has them."""
    picture = _Picture.of(pixels)
    plane = torch.from_numpy(picture.luma() if restorer.channels == 1 else picture.rgb())
    window = torch.stack([plane.to(restorer.device)] * (2 * restorer.radius + 1))
    restored = restorer.restore(window)
    change = (restored[0].float() - window[0]).cpu().numpy()
    return picture.changed_by(change)


@dataclass
class _Picture:
    """Pixels of a picture, those that change apart from alpha."""

    colour: NDArray[np.generic]
    """(H, W) or (H, W, 3), uint8 or uint16, full range."""
    alpha: NDArray[np.generic] | None

    @classmethod
    def of(cls, pixels: NDArray[np.generic]) -> _Picture:
        """Grey or RGB, with alpha behind it if the channels are even in number."""
        if pixels.ndim == 3 and pixels.shape[-1] in (2, 4):
            colour = pixels[..., 0] if pixels.shape[-1] == 2 else pixels[..., :3]
            return cls(colour, pixels[..., -1])
        return cls(pixels, None)

    @property
    def peak(self) -> int:
        """The number that stands for white."""
        return 65535 if self.colour.dtype == np.uint16 else 255

    def luma(self) -> NDArray[np.float32]:
        """(1, H, W), in [0, 1]."""
        return _luma_of(self.rgb())

    def rgb(self) -> NDArray[np.float32]:
        """(3, H, W), in [0, 1]; of a grey picture three times the same."""
        colour = self.colour.astype(np.float32) / np.float32(self.peak)
        return np.stack([colour] * 3) if colour.ndim == 2 else np.moveaxis(colour, -1, 0).copy()

    def changed_by(self, change: NDArray[np.float32]) -> NDArray[np.generic]:
        """The picture with a change of luma, (1, H, W), or of RGB, (3, H, W), in units of white.

        Equal steps in R, G and B leave Cb and Cr as they are.
        """
        is_grey = self.colour.ndim == 2
        if is_grey and len(change) == 3:
            change = _luma_of(change)
        step = change[0] if is_grey else np.moveaxis(change, 0, -1)
        colour = self.colour.astype(np.float32) + step * np.float32(self.peak)
        rounded = np.rint(colour).clip(0, self.peak).astype(self.colour.dtype)
        if self.alpha is not None:
            rounded = np.dstack([rounded, self.alpha])
        return rounded


def _luma_of(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """BT.601 luma: (3, H, W) -> (1, H, W)."""
    return np.tensordot(_LUMA, rgb, 1)[None]
