"""What a file was restored with, written into the metadata of the restored one.

Its place is the comment: MP4, MOV, Matroska, WebM, AVI, PNG and JPEG all keep one. A TIFF names its
software. WebP and BMP have no place that leaves a camera's EXIF as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from PIL import ExifTags, Image, PngImagePlugin

from .. import __version__
from ..manifest import load_manifest
from ..restorers.loading import find_weights, model_for
from ..runtime.device import PRECISIONS, resolve_dtype
from ..runtime.weights import sha256_of

__all__ = [
    "RestoredWith",
    "picture_tags",
    "picture_texts",
    "read_settings",
    "settings_text",
    "with_comment",
]

NOTHING: Mapping[str, object] = MappingProxyType({})
_RUN_NOT_RESULT = frozenset({"device", "backend", "num_streams", "cache", "weights"})
"""Parameters that say where a filter runs and where its files lie, not what it gives."""
_JPEG_COMMENT_BYTES = 65533
_SETTINGS = re.compile(
    r"vsdeblur (?P<version>[\w.+-]+): (?P<options>--filter (?P<filter_name>\w+)[^;\n]*); "
    r"weights sha256 (?P<sha256>[0-9a-f]{64})"
)


@dataclass(frozen=True, kw_only=True)
class RestoredWith:
    """What a file was restored with, by what stands in its metadata."""

    version: str
    """Of vsdeblur."""
    filter_name: str
    options: str
    """The filter and its settings, as options of the command."""
    sha256: str
    """Of the weights."""

    @property
    def installed(self) -> str | None:
        """Filter and model that have these weights in this installation; None = none has."""
        for facts in load_manifest().filters.values():
            for model in facts.models.values():
                if model.sha256 == self.sha256:
                    return f"{facts.name} {model.name}"
        return None


def read_settings(text: str) -> list[RestoredWith]:
    """Find the lines of `settings_text` in a comment: one for each time the file was restored."""
    return [RestoredWith(**found.groupdict()) for found in _SETTINGS.finditer(text)]


def settings_text(
    filter_name: str,
    options: Mapping[str, object],
    device: torch.device,
    further: Mapping[str, object] = NOTHING,
) -> str:
    """Say in a line what restores a file, as options of the command.

    Args:
        filter_name: As in the manifest.
        options: Parameters that were given, in the manifest's types.
        device: Where the filter runs: it decides the precision "auto".
        further: Options of the command that are no parameters of the filter and say what of the
            source is restored, and how fast it runs; True = the name alone, None = not given.

    Raises:
        DeblurError: An option is not allowed, or no weights are shipped for the model.
    """
    facts = load_manifest().filter(filter_name)
    values = facts.check(options)
    model = model_for(facts, values["model"], values["weights"], device.type)
    weights, _ = find_weights(model, values["weights"])
    values["model"] = model.name
    dtype = resolve_dtype(values["precision"], device)
    values["precision"] = next(name for name, each in PRECISIONS.items() if each == dtype)
    shown = [
        f" --{name.replace('_', '-')} {_as_option(value)}"
        for name, value in values.items()
        if value is not None and name not in _RUN_NOT_RESULT
    ]
    shown += [
        f" --{name}" + ("" if value is True else f" {value}")
        for name, value in further.items()
        if value is not None
    ]
    return (
        f"vsdeblur {__version__}: --filter {filter_name}{''.join(shown)}; "
        f"weights sha256 {sha256_of(weights)}"
    )


def _as_option(value: object) -> str:
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def with_comment(metadata: Mapping[str, str], settings: str | None) -> dict[str, str]:
    r"""Add settings to a file's metadata, as the last line of its comment.

    >>> with_comment({"title": "Concert", "COMMENT": "Row 7"}, "vsdeblur 0.2.0")
    {'title': 'Concert', 'comment': 'Row 7\nvsdeblur 0.2.0'}
    """
    if settings is None:
        return dict(metadata)
    # Containers spell the key in capitals or not; FFmpeg takes both for the same.
    before = [value for key, value in metadata.items() if key.lower() == "comment"]
    others = {key: value for key, value in metadata.items() if key.lower() != "comment"}
    return others | {"comment": "\n".join([*before, settings])}


def picture_texts(image: Image.Image) -> dict[str, str]:
    """A picture's comment and what software it names; of a PNG, all its texts."""
    if isinstance(image, PngImagePlugin.PngImageFile):
        return dict(image.text)
    texts = {}
    if comment := image.info.get("comment"):
        texts["comment"] = _decoded(comment)
    if software := image.getexif().get(ExifTags.Base.Software):
        texts["Software"] = str(software)
    return texts


def _decoded(comment: bytes | str) -> str:
    if isinstance(comment, str):
        return comment
    try:
        return comment.decode()
    except UnicodeDecodeError:
        return comment.decode("latin-1")


def picture_tags(
    suffix: str, texts: Mapping[str, str], settings: str | None
) -> dict[str, PngImagePlugin.PngInfo | bytes | str]:
    """What Pillow's `save` is to be given so that a picture keeps its texts and tells its settings.

    Args:
        suffix: The picture's, in small letters.
        texts: The source's, from `picture_texts`.
        settings: The line to add; None = only what the source had.
    """
    tagged = with_comment(texts, settings)
    if suffix == ".png":
        png = PngImagePlugin.PngInfo()
        for key, text in tagged.items():
            png.add_text("Comment" if key == "comment" else key, text)
        return {"pnginfo": png}
    if suffix in (".jpg", ".jpeg") and "comment" in tagged:
        return {"comment": tagged["comment"].encode()[:_JPEG_COMMENT_BYTES]}
    if suffix in (".tif", ".tiff") and settings is not None:
        return {"software": "; ".join(filter(None, (texts.get("Software"), settings)))}
    return {}
