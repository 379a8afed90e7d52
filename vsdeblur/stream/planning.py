"""Opens a source, settles what becomes of it, and tries that in memory before the first frame."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import av

from ..restorers import Restorer
from .containers import container_of
from .encoder import announce_limits, check_alpha, encoder_named, working_format
from .encoder_options import check_encoder_options
from .ffmpeg_log import ffmpeg_reasons
from .moment_planes import check_moments, timing_of
from .outlet import check_streamable
from .packets import copy_of
from .paths import check_size, is_stream
from .plan import Action, Plan, make_plan
from .reader import Reader, SourceFacts
from .sequences.feed import FeedOptions
from .settings import StreamOptions
from .source import named
from .timing import Shown, Timing
from .track_choice import parse_track_choices
from .writer import Writer

__all__ = ["PlannedJob", "check_options", "planned_job"]

_CODECS = {"yuv4mpegpipe": "rawvideo", "rawvideo": "rawvideo"}
"""Containers of one codec."""
_TRIAL_FRAMES = 4
"""Enough for encoders that reorder frames to give them times."""

log = logging.getLogger("vsdeblur")


@dataclass(frozen=True, kw_only=True)
class PlannedJob:
    """A restoration of which all is settled but how it ends."""

    reader: Reader
    options: StreamOptions
    timing: Timing
    plan: Plan
    name: str
    """What the target is called in messages."""

    def writer(self, file: Path | IO[bytes]) -> Writer:
        """Open the target.

        Raises:
            VideoError: The encoder or the container refuses.
        """
        return Writer(file, self.reader, self.options, self.timing, self.plan, named=self.name)


def check_options(options: StreamOptions) -> av.Codec:
    """Check what can be checked without the source.

    Returns:
        The video encoder.

    Raises:
        VideoError: There is no such encoder, or it does not take the options.
        OptionError: Options exclude each other, or tracks are not chosen as they can be.
    """
    check_moments(options)
    parse_track_choices(options.audio, "audio")
    parse_track_choices(options.subtitles, "subtitle")
    codec = encoder_named(options.codec)
    check_encoder_options(options.codec, options.encoder_options)
    return codec


@contextmanager
def planned_job(
    source: Path | str, target: Path | str, restorer: Restorer, options: StreamOptions
) -> Iterator[PlannedJob]:
    """Open the source, settle what becomes of each track, and try that in memory.

    Raises:
        VideoError: It cannot be read, or the target not be written so.
    """
    container = container_of(target, options.container)
    if is_stream(target):
        check_streamable(target, container)
    if container in _CODECS:  # which hold nothing else
        options = replace(options, codec=_CODECS[container])
    codec = check_options(options)
    timing = timing_of(restorer, options)
    with Reader(
        source, *options.join, allow_playlist=options.allow_playlist,
        wanted=options.part, radius=restorer.radius, deinterlace=options.deinterlace,
        feed=FeedOptions(rate=options.input_rate, max_megapixels=options.max_megapixels),
    ) as reader:  # fmt: skip
        choice = timing.choice(reader.facts)
        if choice is not None and choice.told:
            log.info("%s", choice.told)
        check_size(source, reader.facts.width, reader.facts.height)
        reader.working_format = working_format(reader.facts, options, codec)
        check_alpha(reader.facts, reader.working_format, options, container)
        if reader.feed is not None:
            reader.feed.announce_gaps()
        announce_limits(reader.facts, reader.working_format, options)
        plan = make_plan(reader, container, options, timing)
        job = PlannedJob(
            reader=reader, options=options, timing=timing, plan=plan, name=named(target)
        )
        with ffmpeg_reasons():
            _dry_mux(job)
        yield job


def _dry_mux(job: PlannedJob) -> None:
    """Write the target's first frame and packets in memory, to its end: what fails, fails here.

    Raises:
        VideoError: The encoder or the container refuses.
    """
    reader = job.reader
    target = job.timing.target_facts(reader.facts)
    step = max(1, round(1 / (target.frame_rate * target.time_base)))
    with job.writer(io.BytesIO()) as writer:
        for index in range(_TRIAL_FRAMES):
            black = _black(reader.facts, reader.working_format)
            writer.write_frame(black, [], Shown(index * step, step))
        for index, samples in reader.samples.items():
            if job.plan.of(index).action is Action.COPY:
                for sample in samples:
                    writer.write_packet(copy_of(sample))
        writer.finish()


def _black(facts: SourceFacts, pixel_format: str) -> av.VideoFrame:
    frame = av.VideoFrame(facts.width, facts.height, pixel_format)
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    return frame
