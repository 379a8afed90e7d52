"""Options that a caller gives an encoder: held against those it really has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from fractions import Fraction

import av
import av.logging
from av.codec.context import CodecOption, OptionFlags, OptionType

from ..errors import OptionError, VideoError

__all__ = ["check_encoder_options", "parse_encoder_options"]

_REFUSED = re.compile(
    r"(?:Error parsing option|Unknown option:?|bad option|bad value for) '?([^'.\n]+)"
)
"""How FFmpeg's encoders say that a library does not know or take a parameter."""
_BOOLEANS = frozenset({
    "true", "false", "yes", "no", "y", "n", "on", "off", "enable", "disable", "enabled",
    "disabled", "auto", "1", "0", "-1",
})  # fmt: skip
_NUMBER = re.compile(r"([+-]?\d+(?:\.\d+)?)([kKMG]?)(?:i?B)?")
_PREFIXES = {"": 1, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
_WORD = re.compile(r"[A-Za-z][\w-]*")
_WHOLE = frozenset({OptionType.INT, OptionType.INT64, OptionType.UINT64, OptionType.UINT})
_NUMBERS = _WHOLE | {OptionType.FLOAT, OptionType.DOUBLE}


def parse_encoder_options(texts: tuple[str, ...]) -> dict[str, str]:
    """Options from texts of the form NAME=VALUE; of equal names the last one counts.

    >>> parse_encoder_options(("crf=20", "x264-params=keyint=50:bframes=2"))
    {'crf': '20', 'x264-params': 'keyint=50:bframes=2'}

    Raises:
        OptionError: A text is of another form.
    """
    options = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise OptionError(
                f"encoder option {text!r} is not understood; give NAME=VALUE, such as crf=20"
            )
        options[name] = value
    return options


def check_encoder_options(codec: str, options: Mapping[str, str]) -> None:
    """Refuse options that an encoder does not have, and values that it does not take.

    Args:
        codec: FFmpeg's name of the encoder.
        options: Name -> value.

    Raises:
        VideoError: One is wrong; the text is one line.
    """
    if not options:
        return
    of_encoder = av.CodecContext.create(codec, "w").supported_options
    wanted = OptionFlags.ENCODING_PARAM | OptionFlags.VIDEO_PARAM
    known = {each.name: each for each in of_encoder.generic if each.flags & wanted == wanted}
    known |= {each.name: each for each in of_encoder.private}
    for name, value in options.items():
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise VideoError(
                f"the encoder {codec} has no option {name!r}; {hint}ffmpeg -h encoder={codec} "
                "lists them"
            )
        allowed = _refused_for(known[name], value)
        if allowed:
            raise VideoError(f"option {name} of {codec} takes {allowed}, got {value!r}")
    _check_parameters(codec, options)


def _check_parameters(codec: str, options: Mapping[str, str]) -> None:
    """Refuse parameters of the encoder's own library, which would be passed over with a warning.

    Raises:
        VideoError: The library does not know one.
    """
    own = {name: value for name, value in options.items() if name.endswith(("-params", "opts"))}
    if not own:
        return
    quiet = {"x265-params": "log-level=error:"}
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = 128, 128, "yuv420p"
    context.time_base = Fraction(1, 25)
    context.options = {name: quiet.get(name, "") + value for name, value in own.items()}
    before = av.logging.get_level()
    with av.logging.Capture() as lines:
        av.logging.set_level(av.logging.WARNING)
        try:
            context.open()
        except (av.FFmpegError, ValueError):
            pass  # the trial of the whole target says more
        finally:
            av.logging.set_level(before)
    for _, _, line in lines:
        if refused := _REFUSED.search(line):
            raise VideoError(f"{codec} does not take {refused[1].strip()!r} in {', '.join(own)}")


def _refused_for(option: CodecOption, value: str) -> str:
    """What an option takes, if a value is none of that; FFmpeg judges what is neither."""
    choices = [choice.name for choice in option.choices]
    if option.name == "flags" and value[:1] not in "+-":  # it would take away what is set
        return "flags to add (+) or to take away (-), such as +cgop"
    if option.is_array or value in choices:
        return ""
    if option.type == OptionType.BOOL:
        return "" if value.lower() in _BOOLEANS else "true, false or auto"
    if option.type == OptionType.FLAGS:
        wrong = [each for each in re.split(r"[+-]", value) if each and not _is_flag(each, choices)]
        return f"some of {', '.join(choices)}" if wrong and choices else ""
    if option.type not in _NUMBERS:
        return ""
    number = _NUMBER.fullmatch(value)
    if number is None:
        return _described(option, choices) if _WORD.fullmatch(value) else ""
    amount = float(number[1]) * _PREFIXES[number[2]]
    return "" if option.min <= amount <= option.max else _described(option, choices)


def _is_flag(text: str, choices: list[str]) -> bool:
    return text in choices or bool(re.fullmatch(r"\d+|0x[0-9a-fA-F]+", text))


def _described(option: CodecOption, choices: list[str]) -> str:
    if choices:
        return f"one of {', '.join(choices)}"
    kind = "a whole number" if option.type in _WHOLE else "a number"
    if option.max >= 2**31 - 1:  # FFmpeg's way to say: no limit
        return kind if option.min <= -(2**31) else f"{kind} from {option.min:g} on"
    return f"{kind} from {option.min:g} to {option.max:g}"
