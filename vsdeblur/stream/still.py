"""Restores a still picture: a window of equal frames."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from ..errors import VideoError
from ..restorers import Restorer
from .paths import check_size
from .settings_tag import picture_tags, picture_texts

__all__ = ["is_picture", "restore_picture"]

_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"})
_BT601 = np.array([0.299, 0.587, 0.114], np.float32)
_DESCRIPTIVE_TAGS = frozenset(
    {
        ExifTags.Base.ImageDescription,
        ExifTags.Base.Make,
        ExifTags.Base.Model,
        ExifTags.Base.Orientation,
        ExifTags.Base.Software,
        ExifTags.Base.DateTime,
        ExifTags.Base.Artist,
        ExifTags.Base.Copyright,
    }
)

log = logging.getLogger("vsdeblur")


def is_picture(path: Path) -> bool:
    """Whether a file is a still picture, by its suffix."""
    return path.suffix.lower() in _SUFFIXES


def restore_picture(
    source: Path, target: Path, restorer: Restorer, partial: Path, settings: str | None = None
) -> None:
    """Restore a picture; alpha, texts, EXIF with its orientation and ICC profile stay.

    A restorer of luma leaves the colour difference as it is; one of RGB sees and changes all.

    Args:
        source: Picture to read.
        target: What it will be called, for messages and the format.
        restorer: What restores it.
        partial: File to write; it has the target's suffix.
        settings: What it is restored with, for its metadata; None = not said.

    Raises:
        VideoError: Either is no picture or cannot be read or written.
    """
    for path, kind in ((source, "read"), (target, "written")):
        if not is_picture(path):
            raise VideoError(
                f"a picture makes a picture and a video a video: {path} cannot be {kind} with "
                f"{target if path is source else source}; pictures end in "
                f"{', '.join(sorted(_SUFFIXES))}"
            )
    image, extras = _load(source)
    picture = _Picture.of(image)
    pixels = torch.from_numpy(picture.luma() if restorer.channels == 1 else picture.rgb())
    window = torch.stack([pixels.to(restorer.device)] * (2 * restorer.radius + 1))
    restored = restorer.restore(window)
    change = (restored[0].float() - window[0]).cpu().numpy()
    extras |= picture_tags(target.suffix.lower(), extras.pop("texts"), settings)
    _save(picture.changed_by(change), target, partial, extras)


@dataclass
class _Picture:
    """Pixels of a picture, those that change apart from alpha."""

    colour: NDArray[np.generic]
    """(H, W) or (H, W, 3), uint8 or uint16, full range."""
    alpha: NDArray[np.generic] | None

    @classmethod
    def of(cls, image: Image.Image) -> _Picture:
        pixels = np.asarray(image)
        if image.mode in ("LA", "RGBA"):
            colour = pixels[..., 0] if image.mode == "LA" else pixels[..., :3]
            return cls(colour, pixels[..., -1])
        return cls(pixels.astype(np.uint16) if image.mode.startswith("I;16") else pixels, None)

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

    def changed_by(self, change: NDArray[np.float32]) -> Image.Image:
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
        return Image.fromarray(rounded)


def _luma_of(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """BT.601 luma: (3, H, W) -> (1, H, W)."""
    return np.tensordot(_BT601, rgb, 1)[None]


def _load(source: Path) -> tuple[Image.Image, dict[str, Any]]:
    """Read a picture in a mode that can be restored, and what to save with it."""
    try:
        with Image.open(source) as image:
            pictures = getattr(image, "n_frames", 1)
            if pictures > 1 and image.format != "MPO":  # MPO: a photograph and its by-products
                raise VideoError(
                    f"{source} holds {pictures} pictures; only files of one can be restored"
                )
            check_size(source, image.width, image.height)
            image.load()
            return _in_known_mode(image), _extras(image)
    except (OSError, UnidentifiedImageError, SyntaxError, Image.DecompressionBombError) as error:
        raise VideoError(
            f"cannot read the picture {source}: {' '.join(str(error).split())}"
        ) from error


def _extras(image: Image.Image) -> dict[str, Any]:
    """What is saved with the pixels."""
    extras = {name: image.info[name] for name in ("icc_profile", "dpi") if image.info.get(name)}
    if image.format == "TIFF":
        exif: bytes | None = _descriptive(image.getexif()).tobytes()
    else:
        exif = image.info.get("exif")
    return extras | {"texts": picture_texts(image)} | ({"exif": exif} if exif else {})


def _descriptive(exif: Image.Exif) -> Image.Exif:
    """The part of EXIF that does not say how the pixels are stored."""
    kept = Image.Exif()
    for tag in _DESCRIPTIVE_TAGS & exif.keys():
        kept[tag] = exif[tag]
    for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        values = exif.get_ifd(directory)
        if values:
            kept.get_ifd(directory).update(values)
    return kept


def _in_known_mode(image: Image.Image) -> Image.Image:
    if image.mode in ("L", "LA", "RGB", "RGBA", "I;16", "I;16L", "I;16B"):
        return image
    if image.mode == "I":  # 16-bit grey as some readers give it
        return Image.fromarray(np.asarray(image).clip(0, 65535).astype(np.uint16))
    if image.mode == "1":
        return image.convert("L")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    if image.mode != "P":
        log.warning("a picture in mode %s is written as %s", image.mode, mode)
    return image.convert(mode)


def _save(image: Image.Image, target: Path, partial: Path, extras: dict[str, Any]) -> None:
    suffix = target.suffix.lower()
    if suffix in (".jpg", ".jpeg"):
        extras |= {"quality": 95, "subsampling": 0}
    elif suffix == ".webp":
        extras |= {"lossless": True, "exact": True}
    elif suffix in (".tif", ".tiff") and "exif" in extras:
        # A camera's EXIF may give a width and height: in a TIFF they would become the picture's.
        exif = Image.Exif()
        exif.load(extras["exif"])
        extras["exif"] = _descriptive(exif).tobytes()
    try:
        image.save(partial, **extras)
    except (OSError, ValueError) as error:
        raise VideoError(
            f"cannot write {target} with {image.mode} pixels: {' '.join(str(error).split())}"
        ) from error
