"""What a preview shows: a source at some moments, and what each version makes of it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, ImageOps

from ..errors import OptionError
from ..restorers import Restorer
from ..stream.account import clock_time
from ..stream.film import Film
from ..stream.picture_files import PictureFile, load_picture
from ..stream.positions import Position
from ..stream.still import restored_pixels

__all__ = ["Asked", "Sight", "Version", "film_facts", "see_film", "see_picture"]

_USUAL_SHARES = (Fraction(1, 6), Fraction(1, 2), Fraction(5, 6))
"""Where a video is looked at if nobody says where."""

type Picture = NDArray[np.uint8]
"""(H, W, 3), RGB, as it is shown."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A version that was asked for: a filter, loaded, with its options."""

    name: str
    """Short, for labels."""
    restorer: Restorer
    options: tuple[str, ...]
    """As on the command line of `restore`."""
    settings: str
    """All that decides the result: see `settings_text`."""
    scene_threshold: float | None = None


@dataclass(frozen=True, kw_only=True)
class Version:
    """What a version made of a moment."""

    name: str
    pictures: tuple[Picture, ...]
    """One, or several moments of the exposure."""

    @property
    def middle(self) -> Picture:
        """The one that is shown when the frame itself is."""
        return self.pictures[len(self.pictures) // 2]


@dataclass(frozen=True, kw_only=True)
class Sight:
    """A moment of the source, and what the versions made of it."""

    title: str
    """Where it is."""
    source: Picture
    versions: tuple[Version, ...]
    aspect: float
    """Width to height as it is shown; pixels need not be square."""


def see_film(
    film: Film,
    places: Sequence[Position],
    versions: Sequence[Asked],
    report: Callable[[str], None] = lambda doing: None,
) -> Iterator[Sight]:
    """Look at moments of a video.

    Args:
        film: The video.
        places: Where; empty = at three moments, evenly spread.
        versions: What restores it.
        report: Told what is done next.

    Raises:
        VideoError: The video cannot be read on, or is not so long.
    """
    times = [_time_of(place, film) for place in places] or _usual_times(film)
    radius = max(each.restorer.radius for each in versions)
    turns = film.quarter_turns
    aspect = film.facts.width * (film.facts.sample_aspect_ratio or 1) / film.facts.height
    for time in times:
        moment = film.moment(time, radius)
        made = []
        for asked in versions:
            report(f"{asked.name} at {moment.name}")
            pictures = film.restored(moment, asked.restorer, asked.scene_threshold)
            turned = tuple(np.rot90(picture, turns) for picture in pictures)
            made.append(Version(name=asked.name, pictures=turned))
        yield Sight(
            title=moment.name,
            source=np.rot90(film.pixels(moment.frame), turns),
            versions=tuple(made),
            aspect=float(1 / aspect if turns % 2 else aspect),
        )


def film_facts(film: Film) -> list[str]:
    """What there is to say of a video, a few words each."""
    facts = [
        f"{film.facts.width}x{film.facts.height}",
        f"{float(film.facts.frame_rate):.5g} frames/s",
    ]
    if film.seconds is not None:
        facts.append(f"{clock_time(film.seconds)} long")
    if film.is_hdr:
        facts.append("HDR, shown here as its code values are: flatter than on an HDR display")
    if film.facts.first.interlaced_frame:
        facts.append("interlaced, restored as if progressive")
    return facts


def see_picture(
    path: Path,
    versions: Sequence[Asked],
    *,
    max_megapixels: float,
    report: Callable[[str], None] = lambda doing: None,
) -> Sight:
    """Look at a picture.

    Raises:
        VideoError: It cannot be read, or is too large.
        OptionError: A filter gives several frames for each.
    """
    for asked in versions:
        if asked.restorer.multiplier > 1:
            raise OptionError(f"{asked.name} gives several frames for each, which no picture is")
    file = load_picture(path, max_megapixels)
    made = []
    for asked in versions:
        report(asked.name)
        restored = PictureFile(restored_pixels(file.pixels, asked.restorer), file.extras)
        made.append(Version(name=asked.name, pictures=(_as_shown(restored),)))
    source = _as_shown(file)
    height, width, _ = source.shape
    return Sight(title=path.name, source=source, versions=tuple(made), aspect=width / height)


def _time_of(place: Position, film: Film) -> Fraction:
    """Seconds from the start at which a place is shown."""
    if place.seconds is not None:
        return place.seconds
    assert place.frames is not None
    return (place.frames + Fraction(1, 2)) / film.facts.frame_rate


def _usual_times(film: Film) -> list[Fraction]:
    if film.seconds is None:
        return [Fraction(0)]
    last = max(Fraction(0), film.seconds - 1 / film.facts.frame_rate)
    return sorted({min(share * film.seconds, last) for share in _USUAL_SHARES})


def _as_shown(file: PictureFile) -> Picture:
    """A picture's pixels in 8-bit sRGB, turned as its EXIF says."""
    pixels = file.pixels
    if pixels.dtype == np.uint16:
        pixels = np.rint(pixels.astype(np.float32) / 257).astype(np.uint8)
    if pixels.ndim == 3 and pixels.shape[-1] in (2, 4):
        pixels = pixels[..., :-1]
    if pixels.ndim == 2 or pixels.shape[-1] == 1:
        pixels = np.stack([pixels.reshape(pixels.shape[:2])] * 3, axis=-1)
    image = _in_srgb(Image.fromarray(np.ascontiguousarray(pixels)), file.extras.get("icc_profile"))
    exif = Image.Exif()
    exif.load(file.extras.get("exif") or b"")
    image.getexif()[ExifTags.Base.Orientation] = exif.get(ExifTags.Base.Orientation, 1)
    return np.asarray(ImageOps.exif_transpose(image))


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if profile is None:
        return image
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, own, srgb, outputMode="RGB")
    except ImageCms.PyCMSError:  # of a grey picture, or damaged: shown as it is
        return image
    return converted or image
