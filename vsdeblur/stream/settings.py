"""What a caller may ask of a restoration, and what it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from .deinterlacing import Deinterlacing
from .excerpt import ALL, ExcerptRequest

__all__ = ["ResumeRequest", "StreamOptions", "StreamProgress", "StreamResult"]


@dataclass(frozen=True, kw_only=True)
class ResumeRequest:
    """That a job is noted, so that it can be gone on with."""

    settings: str
    """What restores the frames, from `settings_text`: another makes another job."""
    goes_on: bool = False
    """Whether a job that was begun is gone on with; otherwise it is refused to begin again, unless
    the target may be replaced."""
    keeps_all: bool = False
    """Whether less than a minute's work is kept too when a job is stopped."""


@dataclass(frozen=True, kw_only=True)
class StreamOptions:
    """How the restored video is encoded and stored."""

    codec: str = "libx264"
    """FFmpeg's name of the video encoder."""
    quality: float = 16
    """Constant quality, lower is better: CRF, or CQ for NVENC. Other encoders have their own."""
    preset: str | None = None
    """The encoder's speed setting; None = the encoder's default."""
    container: str | None = None
    """FFmpeg's name of the container; None = by the target's suffix."""
    pixel_format: str | None = None
    """FFmpeg's name of the pixel format; None = the source's."""
    encoder_options: Mapping[str, str] = field(default_factory=dict)
    """Further options of the encoder; they win over the fields above."""
    scene_threshold: float | None = None
    """Mean absolute luma difference, as a share of the format's peak code value, from which two
    neighbouring frames belong to separate scenes; None = the file is one scene."""
    slow_motion: bool = False
    """Of a filter that gives several frames for each: whether the frame rate is kept, and the
    target gets so many times longer, in place of the duration."""
    stretch_audio: bool = False
    """Whether slow motion has the sound, stretched at its own pitch; otherwise it has none."""
    moments: int | None = None
    """Of a filter that gives several frames for each: how many of them are shown; None = all."""
    fps: float | None = None
    """Of such a filter, the frame rate of the target: each of its frames is the nearest of those
    that the filter gives; None = as many for each frame."""
    settings: str | None = None
    """What the target is restored with, for its metadata: see `settings_text`; None = not said."""
    overwrite: bool = True
    """Whether an existing target is replaced."""
    audio: str = "all"
    """Which sound is wanted, and in what codec: see `parse_track_choices`."""
    subtitles: str = "all"
    """Which subtitles are wanted, likewise."""
    drop: bool = False
    """Whether tracks are given up that the container cannot hold and another one could."""
    max_megapixels: float = 300
    """Of a still picture, pixels in millions from which it is refused: it has to fit in memory."""
    deinterlace: Deinterlacing | None = None
    """How pictures are made of fields; None = interlaced frames are restored as they are."""
    part: ExcerptRequest = ALL
    """Which part of the source is restored: the target begins with its first frame."""
    resume: ResumeRequest | None = None
    """How the job is noted, so that it can be gone on with if it is stopped; None = not at all."""
    input_rate: Fraction | None = None
    """Of an image sequence, frames a second; None = 25. Videos say it themselves."""
    join: tuple[Path | str, ...] = ()
    """Further files that continue the source."""
    allow_playlist: bool = False
    """Whether a local playlist may open the files and addresses it lists."""
    queue_size: int = 4
    """Frames and packets that may wait to be restored; half as many restored frames may wait to be
    encoded. It bounds the memory, on the restorer's device too."""

    def __post_init__(self) -> None:
        if self.queue_size < 1:
            raise ValueError(f"queue_size must be at least 1, got {self.queue_size}")


@dataclass(frozen=True, kw_only=True)
class StreamProgress:
    """How far a restoration is."""

    frames_done: int
    """Frames restored so far."""
    frames_expected: int | None
    """Frames in the file as its header says or implies, which may be wrong; None = unknown."""
    seconds_elapsed: float
    """Wall time since the first frame was asked for that an earlier run had not restored."""
    frames_kept: int = 0
    """Of those that are done, frames that an earlier run had restored."""


@dataclass(frozen=True, kw_only=True)
class StreamResult:
    """What a restoration did."""

    frames_in: int
    """Frames decoded."""
    frames_out: int
    """Frames written; fewer than frames_in times the restorer's multiplier only if interrupted."""
    interrupted: bool
    """Whether Ctrl-C ended it early; what was written is then playable up to that point; if
    frames_out is 0, nothing was."""
    target: Path | str
    """What was written: of a job that ended early, a file beside the target that says so."""
    whole: bool = True
    """Whether all that the source promised came undamaged."""
    can_go_on: bool = False
    """Of a job that ended early: whether it can be gone on with."""
    warnings: tuple[str, ...] = ()
    """What was not as it should be, a line each; logged as well."""
