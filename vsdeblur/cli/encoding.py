"""Options of `vsdeblur restore` that say how a result is encoded and stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import click

from ..errors import OptionError
from ..manifest import FilterFacts, load_manifest

if TYPE_CHECKING:
    from ..stream import StreamOptions
    from ..stream.deinterlacing import Deinterlacing

__all__ = ["EncodingRequest", "encoding_options"]

SEVERAL = ", ".join(f.name for f in load_manifest().filters.values() if f.multiplier > 1)
"""Filters that give several frames for each."""
OPTIONS = (
    click.option(
        "--codec", default="libx264", show_default=True, help="Encoder; NVENC: h264_nvenc."
    ),
    click.option(
        "--quality", default=16.0, show_default=True,
        help="Constant quality (CRF, CQ): less is better.",
    ),
    click.option("--preset", help="The encoder's preset."),
    click.option(
        "--encoder-option", "encoder_options", multiple=True, metavar="NAME=VALUE",
        help="Further option of the encoder, such as crf=20 or x264-params=keyint=50; may be "
        "repeated, and wins over the options above.",
    ),
    click.option("--container", help="Container format [default: from OUT's suffix]."),
    click.option("--pixel-format", help="Pixel format of the output [default: the source's]."),
    click.option(
        "--deinterlace", type=click.Choice(["field", "frame"]),
        help="Make whole pictures of interlaced video: one for each field (twice the frame rate, "
        "all of the motion), or one for each frame.",
    ),
    click.option(
        "--field-order", type=click.Choice(["auto", "top", "bottom"]), default="auto",
        show_default=True,
        help="Which field is first; auto deinterlaces the frames that are marked as interlaced, "
        "top and bottom all.",
    ),
    click.option(
        "--high-rate", is_flag=True,
        help=f"({SEVERAL}) Keep the duration, multiply the frame rate [default].",
    ),
    click.option(
        "--slow-motion", is_flag=True,
        help=f"({SEVERAL}) Keep the frame rate, multiply the duration; without sound.",
    ),
    click.option(
        "--stretch-audio", is_flag=True,
        help=f"({SEVERAL}) Give --slow-motion the sound, stretched at its own pitch.",
    ),
    click.option(
        "--join", multiple=True, metavar="FILE", help="A file that continues IN; may be repeated."
    ),
    click.option(
        "--audio", default="all", show_default=True, metavar="TRACKS",
        help="Sound to keep: all, none, or numbers and languages, each with the codec it is to "
        "have if that is another: 1,eng or 1:aac@192k,2:copy.",
    ),
    click.option(
        "--subtitles", default="all", show_default=True, metavar="TRACKS",
        help="Subtitles to keep, likewise: eng:srt.",
    ),
    click.option(
        "--drop", is_flag=True,
        help="Give up tracks that OUT's container cannot hold, and another can.",
    ),
    click.option(
        "--max-megapixels", type=click.FloatRange(min=0), default=300.0, show_default=True,
        help="Still pictures with more are refused.",
    ),
    click.option(
        "--allow-playlist", is_flag=True, help="Let a local playlist open the files that it names."
    ),
)  # fmt: skip
FIELDS = (
    "codec", "quality", "preset", "container", "pixel_format", "slow_motion", "stretch_audio",
    "join", "audio", "subtitles", "drop", "max_megapixels", "allow_playlist",
)  # fmt: skip
"""Options that are fields of `StreamOptions`."""


def encoding_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True)
class EncodingRequest:
    """How results are to be encoded, as the command line says."""

    fields: dict[str, Any]
    """Of `StreamOptions`."""

    @classmethod
    def taken_from(cls, given: dict[str, Any], facts: FilterFacts) -> Self:
        """Take the options of `encoding_options` out of those that were given.

        Raises:
            OptionError: They do not go together, or not with the filter.
        """
        from ..stream.encoder_options import parse_encoder_options

        high_rate = given.pop("high_rate")
        fields = {name: given.pop(name) for name in FIELDS}
        fields["encoder_options"] = parse_encoder_options(given.pop("encoder_options"))
        _check_speed(
            facts,
            high_rate=high_rate,
            slow_motion=fields["slow_motion"],
            stretch_audio=fields["stretch_audio"],
        )
        fields["deinterlace"] = _deinterlacing(given.pop("deinterlace"), given.pop("field_order"))
        return cls(fields)

    def described(self) -> dict[str, object]:
        """What decides the result beside the filter, as options of the command."""
        wanted: Deinterlacing | None = self.fields["deinterlace"]
        order = None if wanted is None or wanted.order == "auto" else wanted.order
        return {
            "slow-motion": self.fields["slow_motion"] or None,
            "deinterlace": None if wanted is None else wanted.rate,
            "field-order": order,
        }

    def options(self, **more: Any) -> StreamOptions:  # noqa: ANN401
        """As a restoration takes them, with further fields."""
        from ..stream import StreamOptions

        return StreamOptions(**self.fields, **more)


def _deinterlacing(rate: str | None, order: str) -> Deinterlacing | None:
    """How fields are to become pictures.

    Raises:
        OptionError: Their order is given, and they are to stay.
    """
    from ..stream.deinterlacing import Deinterlacing

    if rate is not None:
        return Deinterlacing(rate=rate, order=order)
    if order != "auto":
        raise OptionError(f"--field-order {order} is for --deinterlace; give both")
    return None


def _check_speed(
    facts: FilterFacts, *, high_rate: bool, slow_motion: bool, stretch_audio: bool
) -> None:
    """Refuse what does not go together of the options that say what several frames are for.

    Raises:
        OptionError: Two exclude each other, or the filter gives one frame for each.
    """
    given = {
        "--high-rate": high_rate,
        "--slow-motion": slow_motion,
        "--stretch-audio": stretch_audio,
    }
    named = [name for name, is_given in given.items() if is_given]
    if facts.multiplier == 1 and named:
        raise OptionError(f"filter {facts.name!r} has no option {named[0]}")
    if high_rate and slow_motion:
        raise OptionError("give --high-rate or --slow-motion, not both")
    if stretch_audio and not slow_motion:
        raise OptionError(
            "--stretch-audio is for --slow-motion; otherwise the sound stays as it is"
        )
