"""Picture files: read in a mode that can be restored, and written whole or not at all."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from ..errors import VideoError
from .deep_pictures import is_deep, read_deep, write_deep
from .paths import check_size
from .settings_tag import picture_texts

__all__ = [
    "HEIF",
    "SUFFIXES",
    "WRITTEN",
    "PictureFile",
    "load_picture",
    "register_heif",
    "save_picture",
]

WRITTEN = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".avif"})
"""Suffixes of pictures that are written."""
HEIF = frozenset({".heic", ".heif"})
SUFFIXES = WRITTEN | HEIF
"""Of pictures that are read; HEIC is not written."""
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
_KNOWN_MODES = ("L", "LA", "RGB", "RGBA", "I;16", "I;16L", "I;16B")
_RELATIVE_COLORIMETRIC = ImageCms.Intent.RELATIVE_COLORIMETRIC

log = logging.getLogger("vsdeblur")


@dataclass
class PictureFile:
    """What a picture file holds."""

    pixels: NDArray[np.generic]
    """(H, W) or (H, W, 2 to 4): grey or RGB, and alpha if the last count is even; uint8 or
    uint16."""
    extras: dict[str, Any]
    """What is saved with the pixels: `icc_profile`, `exif`, `dpi`."""


def load_picture(source: Path, max_megapixels: float) -> PictureFile:
    """Read a picture; colours other than grey and RGB go through their profile to sRGB.

    Raises:
        VideoError: It is none, holds several, or has more pixels than allowed.
    """
    if source.suffix.lower() in HEIF:
        register_heif(source)
    try:
        with _own_limit(), Image.open(source) as image:
            _check(image, source, max_megapixels)
            deep = read_deep(source) if is_deep(image) else None
            if deep is not None and image.format == "TIFF":  # which loading would turn
                return PictureFile(deep, _extras(image))
            image.load()  # what describes a PNG may lie behind its pixels
            extras = _extras(image)
            return PictureFile(deep, extras) if deep is not None else _known(image, extras, source)
    except (
        OSError, UnidentifiedImageError, SyntaxError, ValueError, ImageCms.PyCMSError, MemoryError
    ) as error:  # fmt: skip
        raise VideoError(
            f"cannot read the picture {source}: {' '.join(str(error).split())}"
        ) from error


def save_picture(picture: PictureFile, target: Path, partial: Path) -> None:
    """Write a picture, and see that it is all there.

    Args:
        picture: What to write.
        target: What it will be called, for messages and the format.
        partial: File to write.

    Raises:
        VideoError: The format does not hold it, or the disk does not.
    """
    suffix, pixels = target.suffix.lower(), picture.pixels
    if suffix not in WRITTEN:
        raise VideoError(f"{suffix} is not written; write {', '.join(sorted(WRITTEN))}")
    try:
        if pixels.dtype == np.uint16 and pixels.ndim == 3:
            data = write_deep(pixels.astype(np.uint16), suffix, picture.extras)
        else:
            data = _encoded(Image.fromarray(pixels), suffix, picture.extras)
    except (OSError, ValueError) as error:
        raise VideoError(
            f"cannot write {target} with {_words(pixels)}: {' '.join(str(error).split())}"
        ) from error
    try:
        _write_whole(partial, data)
    except OSError as error:
        raise VideoError(f"cannot write {target}: {error.strerror}") from error


def _encoded(image: Image.Image, suffix: str, extras: dict[str, Any]) -> bytes:
    extras = dict(extras)
    if suffix in (".jpg", ".jpeg"):
        extras |= {"quality": 95, "subsampling": 0}
    elif suffix == ".webp":
        extras |= {"lossless": True, "exact": True}
    elif suffix == ".avif":
        extras |= {"quality": 95, "subsampling": "4:4:4"}
    elif suffix in (".tif", ".tiff") and "exif" in extras:
        # A camera's EXIF may give a width and height: in a TIFF they would become the picture's.
        exif = Image.Exif()
        exif.load(extras["exif"])
        extras["exif"] = _descriptive(exif).tobytes()
    buffer = io.BytesIO()
    image.save(buffer, format=Image.registered_extensions()[suffix], **extras)
    return buffer.getvalue()


def _write_whole(path: Path, data: bytes) -> None:
    """Write a file to the disk itself: what does not fit is an error here, and not lost later."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if path.stat().st_size != len(data):
        raise OSError(5, "the file is shorter than what was written; is the disk full?")


@contextmanager
def _own_limit() -> Iterator[None]:
    """Set Pillow's limit of pixels aside: there is one of our own."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def register_heif(source: Path) -> None:
    """Let Pillow read HEIC.

    Raises:
        VideoError: The package for it is not there.
    """
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise VideoError(
            f"reading {source} needs the package pillow-heif: pip install 'vsdeblur[heif]'"
        ) from error
    register_heif_opener()


def _check(image: Image.Image, source: Path, max_megapixels: float) -> None:
    pictures = getattr(image, "n_frames", 1)
    if pictures > 1 and image.format not in ("MPO", "HEIF"):  # a photograph and its by-products
        raise VideoError(
            f"{source} holds {pictures} pictures; only files of one can be restored: make a video "
            "of it first"
        )
    check_size(source, image.width, image.height)
    megapixels = image.width * image.height / 1e6
    if megapixels > max_megapixels:
        raise VideoError(
            f"{source} has {megapixels:.0f} megapixels; at most {max_megapixels:g} are read, which "
            "--max-megapixels raises"
        )


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


def _known(image: Image.Image, extras: dict[str, Any], source: Path) -> PictureFile:
    """The picture in a mode that can be restored."""
    if image.mode in ("CMYK", "LAB", "YCbCr"):
        return _managed(image, extras)
    if image.mode == "F":
        raise VideoError(
            f"{source} holds floating-point pixels, which are not restored; convert it to 16 bits"
        )
    pixels = np.asarray(_plain(image))
    if image.mode.startswith("I"):
        pixels = pixels.clip(0, 65535).astype(np.uint16)
    return PictureFile(pixels, extras)


def _plain(image: Image.Image) -> Image.Image:
    if image.mode in _KNOWN_MODES or image.mode == "I":  # 16-bit grey as some readers give it
        return image
    if image.mode == "1":
        return image.convert("L")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    if image.mode != "P":
        log.warning("a picture in mode %s is written as %s", image.mode, mode)
    return image.convert(mode)


def _managed(image: Image.Image, extras: dict[str, Any]) -> PictureFile:
    """Colours of a press or a measurement as sRGB, which the file then says of itself."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    own = extras.get("icc_profile")
    if own is None and image.mode != "LAB":
        log.warning("a picture in mode %s without a profile is written as RGB", image.mode)
        return PictureFile(np.asarray(image.convert("RGB")), extras)
    profile = (
        ImageCms.ImageCmsProfile(io.BytesIO(own))
        if own is not None
        else ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    )
    converted = ImageCms.profileToProfile(
        image, profile, srgb, renderingIntent=_RELATIVE_COLORIMETRIC, outputMode="RGB"
    )
    assert converted is not None
    log.info("a picture in mode %s is written as RGB, through its profile", image.mode)
    return PictureFile(np.asarray(converted), extras | {"icc_profile": srgb.tobytes()})


def _words(pixels: NDArray[np.generic]) -> str:
    bands = 1 if pixels.ndim == 2 else pixels.shape[-1]
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[bands]
    return f"{8 * pixels.dtype.itemsize}-bit {mode} pixels"
