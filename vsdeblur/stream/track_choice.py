"""Which tracks of a kind are wanted, and in what codec: `1:aac@192k,eng`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import av
from av.codec.codec import UnknownCodecError
from av.stream import Stream

from ..errors import OptionError, VideoError
from .audio import ENCODERS

__all__ = ["COPY", "TrackChoice", "chosen_tracks", "parse_track_choices"]

_ALL, _NONE = "all", "none"
COPY = "copy"
"""The encoder that is none: a track as it is, or not at all."""
_KINDS = {"audio": "aac, libopus, flac or ac3", "subtitle": "srt, ass, mov_text or webvtt"}
"""Kind of a track -> encoders to name as examples."""
_PART = re.compile(r"(?P<track>\w+)(?::(?P<codec>[\w-]+)(?:@(?P<rate>[\d.]+)(?P<unit>[kM]?))?)?")
_UNITS = {"": 1, "k": 1_000, "M": 1_000_000}
_LEAST_BITS, _MOST_BITS = 500, 10_000_000


@dataclass(frozen=True, kw_only=True)
class TrackChoice:
    """Tracks that are wanted, and what they are to become."""

    track: str = _ALL
    """"all", a number from 1 on among the tracks of the kind, or a language ("eng")."""
    encoder: str | None = None
    """FFmpeg's name of the encoder; "copy" = only as it is; None = as it is if that can be."""
    bit_rate: int | None = None
    """Bits a second; None = the encoder's own choice, or the source's."""

    def fits(self, number: int, language: str) -> bool:
        """Whether a track is meant."""
        return self.track in (_ALL, str(number), language)

    def keeps(self, codec: str) -> bool:
        """Whether a track of a codec is what is wanted, if it can be copied."""
        if self.encoder in (None, COPY):
            return True
        made = av.Codec(str(self.encoder), "w").canonical_name
        return self.bit_rate is None and av.Codec(codec, "r").canonical_name == made


def parse_track_choices(text: str, kind: str) -> tuple[TrackChoice, ...]:
    """Read a list of choices; "none" is an empty one.

    >>> parse_track_choices("1:opus@96k", "audio")
    (TrackChoice(track='1', encoder='libopus', bit_rate=96000),)

    Args:
        text: Choices, with commas between them.
        kind: "audio" or "subtitle".

    Raises:
        OptionError: It is none, or an encoder is none of the kind.
    """
    if text == _NONE:
        return ()
    choices = []
    for part in text.split(","):
        read = _PART.fullmatch(part.strip())
        if read is None or (read["rate"] and (kind != "audio" or read["codec"] == COPY)):
            rate = "@RATE" if kind == "audio" else ""
            raise OptionError(
                f"{kind} choice {part!r} is not understood; give all, none, or numbers and "
                f"languages with commas between them, each with a codec if it is to be converted: "
                f"1,eng or 2:CODEC{rate}"
            )
        choices.append(
            TrackChoice(
                track=read["track"].lower(),
                encoder=_encoder(read["codec"], kind),
                bit_rate=_bit_rate(read["rate"], read["unit"]),
            )
        )
    return tuple(choices)


def chosen_tracks(
    choices: Sequence[TrackChoice], tracks: Sequence[Stream], kind: str
) -> dict[int, TrackChoice]:
    """Which of the tracks of a kind are wanted: by their index. The first choice that fits counts.

    Raises:
        VideoError: A choice fits none.
    """
    languages = [track.metadata.get("language", "und").lower() for track in tracks]
    chosen: dict[int, TrackChoice] = {}
    for choice in choices:
        fitting = [
            track
            for number, (track, language) in enumerate(zip(tracks, languages, strict=True), 1)
            if choice.fits(number, language)
        ]
        if not fitting and choice.track != _ALL:
            listed = ", ".join(f"{n} ({language})" for n, language in enumerate(languages, 1))
            raise VideoError(
                f"there is no {kind} track {choice.track!r}; the source has {listed or 'none'}"
            )
        for track in fitting:
            chosen.setdefault(track.index, choice)
    return chosen


def _encoder(codec: str | None, kind: str) -> str | None:
    """FFmpeg's name of an encoder.

    Raises:
        OptionError: There is none of that name, or it is of another kind.
    """
    if codec is None or codec == COPY:
        return codec
    try:
        found = av.Codec(ENCODERS.get(codec, codec), "w")
    except UnknownCodecError as error:
        raise OptionError(
            f"unknown {kind} encoder {codec!r}; use {_KINDS[kind]}, for example"
        ) from error
    if found.type != kind:
        raise OptionError(
            f"{codec!r} encodes {found.type}, not {kind}; use {_KINDS[kind]}, for example"
        )
    return found.name


def _bit_rate(number: str | None, unit: str | None) -> int | None:
    """Bits a second.

    Raises:
        OptionError: Nobody means so few or so many.
    """
    if number is None:
        return None
    try:
        bits = round(float(number) * _UNITS[unit or ""])
    except ValueError:
        bits = 0
    if not _LEAST_BITS <= bits <= _MOST_BITS:
        raise OptionError(
            f"a bit rate of {number}{unit} is not possible; give bits a second, such as 192k"
        )
    return bits
