"""What a caller may ask of a live run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...errors import OptionError

__all__ = ["LiveOptions"]


@dataclass(frozen=True, kw_only=True)
class LiveOptions:
    """How a live stream is restored, encoded and sent."""

    max_latency: float = 0.5
    """Seconds that a frame may be on its way, from when the last packet that its window needs has
    arrived to when its own has left."""
    reconnect: float | None = None
    """Seconds for which an end that is lost is tried again; None = for ever, 0 = not at all."""
    listen: bool = False
    """Whether the source is waited for, in place of being called."""
    codec: str = "libx264"
    """FFmpeg's name of the video encoder."""
    preset: str | None = None
    """The encoder's speed setting; None = a fast one."""
    bit_rate: int | None = None
    """Bits a second of the video; None = by the size and rate of the pictures."""
    key_frame_seconds: float = 2.0
    """Between key frames: how long a new viewer waits at most."""
    pixel_format: str | None = None
    """FFmpeg's name of the pixel format; None = the source's, or where viewers' players take the
    output, the one that those play."""
    encoder_options: Mapping[str, str] = field(default_factory=dict)
    """Further options of the encoder; they win over the fields above."""
    container: str | None = None
    """FFmpeg's name of the target's format; None = by its address or suffix."""
    scene_threshold: float | None = None
    """See `StreamOptions`."""
    overwrite: bool = False
    """Whether files that exist are replaced."""
    allow_playlist: bool = False
    """Whether a local playlist may open the files and addresses it lists."""

    def __post_init__(self) -> None:
        if self.max_latency <= 0:
            raise OptionError(f"--max-latency must be more than 0 seconds, got {self.max_latency}")
        if self.key_frame_seconds <= 0:
            raise OptionError(
                f"--keyframes must be more than 0 seconds, got {self.key_frame_seconds}"
            )
        if self.bit_rate is not None and self.bit_rate < 1000:
            raise OptionError(
                f"--bitrate must be at least 1000 bits a second, got {self.bit_rate}; give 4M, for "
                "example"
            )
        if self.reconnect is not None and self.reconnect < 0:
            raise OptionError(f"--reconnect must be 0 seconds or more, got {self.reconnect}")
