"""Opens a source whose frames become pictures, and settles what is written."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from av.video.format import VideoFormat

from ...errors import VideoError
from ...restorers import Restorer
from ..coding import yuv_coding
from ..done import is_done
from ..formats import has_alpha, luma_coding, natural_format, plain_name
from ..moment_planes import timing_of
from ..paths import check_paths, check_size
from ..picture_files import PictureFile
from ..plan import plan_pictures
from ..planning import PlannedJob
from ..reader import Reader, SourceFacts
from ..settings import StreamOptions
from .coding import PACKED
from .feed import FeedOptions, PictureFeed
from .names import find_pictures, is_sequence
from .picture_writer import PictureWriter
from .target_names import PictureNames, check_pictures, is_picture_target

__all__ = [
    "PlannedPictures",
    "check_all_paths",
    "check_pictures",
    "existing_of",
    "planned_pictures",
]

_DEEP = frozenset({".png", ".tif", ".tiff"})
"""Suffixes of pictures that may have 16 bits in colour."""
_TRANSPARENT = _DEEP | {".webp", ".avif"}

log = logging.getLogger("vsdeblur")


@dataclass(frozen=True, kw_only=True)
class PlannedPictures(PlannedJob):
    """A restoration into pictures of which all is settled but how it ends."""

    names: PictureNames
    deep: bool
    """Whether they have 16 bits."""

    def picture_writer(
        self, store: Callable[[Path, PictureFile], None] | None = None, *, passed: int = 0
    ) -> PictureWriter:
        """Open the target.

        Args:
            store: See `PictureWriter`.
            passed: Pictures that are there already, the first ones.
        """
        reader = self.reader
        luma = luma_coding(_luma_format(reader), full_range=reader.facts.full_range)
        feed = reader.feed
        return PictureWriter(
            self.names,
            yuv_coding(reader.facts, _luma_format(reader), luma),
            deep=self.deep,
            turns=0 if feed else round(reader.facts.first.rotation / 90) % 4,
            multiplier=self.timing.multiplier,
            settings=self.options.settings,
            place_of=self._place_of,
            extras=feed.extras if feed else _nothing,
            passed=passed,
            store=store,
        )

    def present(self) -> int:
        """How many pictures are there already that this restoration gives, without a gap.

        Raises:
            VideoError: The last of them does not say that it was restored with these settings.
        """
        if self.timing.rate is not None and self.names.existing():
            raise VideoError(
                f"{self.name} cannot be gone on with, since pictures at a wanted rate do not say "
                "what they are made of; begin again with --overwrite and without --resume"
            )
        names, feed = self.names, self.reader.feed
        first = self._place_of(0)
        places: Iterator[int] = (
            count() if feed is None else (place for place in feed.pictures.places if place >= first)
        )
        last, present = None, 0
        for index, place in enumerate(places):
            path = names.path(index, place)
            if not path.exists():
                break
            last, present = path, index + 1
        settings = self.options.resume.settings if self.options.resume else None
        if last is not None and not is_done(last, settings, ""):
            raise VideoError(
                f"{last} does not say that it was restored with these settings; give the same "
                "ones, or begin again with --overwrite and without --resume"
            )
        return present

    def _place_of(self, pts: int) -> int:
        facts = self.reader.facts
        seconds = pts * facts.time_base + self.reader.part_start
        return round(seconds * facts.frame_rate)


def _nothing(place: int) -> dict[str, Any]:
    return {}


def _luma_format(reader: Reader) -> str:
    """A format with a luma plane, for what is not RGB."""
    return "yuv444p" if reader.working_format in PACKED else reader.working_format


def check_all_paths(
    source: Path | str, target: Path | str, *, overwrite: bool, makes_folder: bool = False
) -> None:
    """As `check_paths`, of image sequences too.

    Raises:
        VideoError: The source cannot be read, or the target not be written.
    """
    checked: Path | str = source
    if is_sequence(source):
        find_pictures(source)
        checked = "-"  # of which nothing is checked
    named = "-" if is_picture_target(source, target) else target
    check_paths(checked, named, overwrite=overwrite, makes_folder=makes_folder)


def existing_of(source: Path | str, target: Path | str) -> list[Path]:
    """Files that a target would replace."""
    if not is_picture_target(source, target):
        return [Path(target)] if str(target) != "-" and Path(target).is_file() else []
    pictures = find_pictures(source) if is_sequence(source) else None
    return PictureNames.of(Path(target), pictures, one_of_one=True).existing()


@contextmanager
def planned_pictures(
    source: Path | str, target: Path, restorer: Restorer, options: StreamOptions
) -> Iterator[PlannedPictures]:
    """Open the source, and settle what its frames become.

    Raises:
        VideoError: It cannot be read, or not be written so.
    """
    timing = timing_of(restorer, options)
    pictures = find_pictures(source) if is_sequence(source) else None
    names = PictureNames.of(
        target, pictures, one_of_one=timing.multiplier == 1 and timing.rate is None
    )
    goes_on = options.resume is not None and options.resume.goes_on
    check_pictures(names, pictures, may_exist=options.overwrite or goes_on)
    with Reader(
        source, *options.join, allow_playlist=options.allow_playlist,
        wanted=options.part, radius=restorer.radius, deinterlace=options.deinterlace,
        feed=FeedOptions(
            rate=options.input_rate, max_megapixels=options.max_megapixels, keeps_alpha=True
        ),
    ) as reader:  # fmt: skip
        facts, choice = reader.facts, timing.choice(reader.facts)
        if choice is not None and choice.told:
            log.info("%s", choice.told)
        check_size(source, facts.width, facts.height)
        bits = _bits(facts, options)
        reader.working_format = _working_format(facts, restorer)
        deep = bits > 8 and names.kind in _DEEP
        _announce(facts, names.kind, bits, feed=reader.feed)
        yield PlannedPictures(
            reader=reader, options=options, timing=timing, name=str(target), names=names,
            plan=plan_pictures(reader), deep=deep,
        )  # fmt: skip


def _bits(facts: SourceFacts, options: StreamOptions) -> int:
    """Bits of a channel that pictures are to have, 8 or 16.

    Raises:
        VideoError: The format asked for is unknown.
    """
    name = options.pixel_format or facts.pixel_format
    try:
        bits = max(component.bits for component in VideoFormat(name, 64, 64).components)
    except ValueError as error:
        raise VideoError(
            f"unknown pixel format {name!r}; for pictures use rgb24 or rgb48le"
        ) from error
    return 16 if bits > 8 else 8


def _working_format(facts: SourceFacts, restorer: Restorer) -> str:
    """The format in which frames are restored: RGB stays RGB where only its luma changes."""
    name = plain_name(facts.pixel_format)
    if not facts.becomes_yuv:
        return natural_format(name)
    alpha = has_alpha(name)
    if restorer.moves_chroma:  # which is had from planes of its own
        return "yuva444p16le" if alpha else "yuv444p16le"
    deep = max(component.bits for component in VideoFormat(name, 64, 64).components) > 8
    if alpha:
        return "rgba64le" if deep else "rgba"
    return "rgb48le" if deep else "rgb24"


def _announce(facts: SourceFacts, kind: str, bits: int, feed: PictureFeed | None) -> None:
    """Say what pictures do not keep."""
    own_bits = max(component.bits for component in facts.first.format.components)
    if own_bits > 8 and (bits == 8 or kind not in _DEEP):
        log.warning("%d bits become 8; %s hold 16", own_bits, " and ".join(sorted(_DEEP)))
    if has_alpha(facts.pixel_format) and kind not in _TRANSPARENT:
        log.warning("%s cannot keep alpha, which is lost; .png can", kind)
    if feed is not None:
        feed.announce_gaps()
    elif facts.sample_aspect_ratio not in (0, 1):
        log.warning(
            "pictures have square pixels; the video's are %s wide", facts.sample_aspect_ratio
        )
