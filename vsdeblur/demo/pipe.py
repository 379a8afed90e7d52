"""A clip through vspipe into a file, with its times, colours and sound."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO

import av
from av.container import InputContainer, OutputContainer

from ..benchmark.pipes import find_vspipe
from ..errors import VideoError
from ..stream.facts import frame_rate, picture_track, seconds_a_unit
from ..stream.paths import partial_file
from ..stream.source import one_line, open_source

__all__ = ["restore_through_vspipe"]

SCRIPT = Path(__file__).with_name("restore.vpy")


def restore_through_vspipe(source: Path, target: Path) -> int:
    """Run restore.vpy and encode what it gives; returns the number of frames.

    Raises:
        VideoError: vspipe is not there or fails, or a file cannot be read or written.
    """
    times, time_base = _frame_times(source)
    command = [find_vspipe(), "-c", "y4m", "-a", f"source={source.resolve()}", str(SCRIPT), "-"]
    with (
        partial_file(target) as partial,
        _configured() as environment,
        TemporaryFile() as said,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, env=environment) as process,
    ):
        assert process.stdout is not None
        try:
            with (
                _y4m(process.stdout) as frames,
                open_source(source) as original,
                av.open(str(partial.path), "w") as container,
            ):
                count = _encode(frames, original, container, times, time_base)
        except (av.FFmpegError, OSError) as error:
            process.kill()
            why = _last_line(said) or one_line(error)
            raise VideoError(f"cannot restore {source} through vspipe: {why}") from error
        if process.wait():
            raise VideoError(f"cannot restore {source} through vspipe: {_last_line(said)}")
        partial.keep(target)
    return count


def _y4m(file: IO[bytes]) -> InputContainer:
    return av.open(file, "r", format="yuv4mpegpipe")


@contextmanager
def _configured() -> Iterator[dict[str, str]]:
    """An environment in which vspipe finds this Python; the user's own set-up stays as it is.

    VapourSynth keeps it in a file that it looks for by itself on Windows: there it is written where
    `vapoursynth config` always writes it.
    """
    with TemporaryDirectory(prefix="vsdeblur-") as folder:
        environment = dict(os.environ)
        if os.name != "nt":
            environment["XDG_CONFIG_HOME"] = folder
        done = subprocess.run(
            [sys.executable, "-m", "vapoursynth", "config"],
            env=environment, capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise VideoError(f"vapoursynth config failed: {_last_line(BytesIO(done.stderr))}")
        yield environment


def _frame_times(source: Path) -> tuple[list[int], Fraction]:
    """When each frame is shown, in units of the returned seconds; y4m does not carry it."""
    with open_source(source) as container:
        stream = picture_track(source, container)
        times = sorted(p.pts for p in container.demux(stream) if p.pts is not None)
        return times, seconds_a_unit(stream)


def _encode(
    frames: InputContainer,
    original: InputContainer,
    container: OutputContainer,
    times: list[int],
    time_base: Fraction,
) -> int:
    """Encode restored frames, copy the original's sound; returns the number of frames."""
    source = frames.streams.video[0]
    film = original.streams.video[0]
    video = container.add_stream("libx264", rate=frame_rate(film), options={"crf": "16"})
    assert isinstance(video, av.VideoStream)
    video.width, video.height, video.pix_fmt = source.width, source.height, source.pix_fmt
    video.time_base = video.codec_context.time_base = time_base
    for name in ("color_range", "color_primaries", "color_trc", "colorspace"):  # not in y4m
        setattr(video.codec_context, name, getattr(film.codec_context, name))
    sounds = {s: container.add_stream_from_template(s) for s in original.streams.audio}
    count = 0
    for frame in frames.decode(source):
        if count < len(times):
            frame.pts, frame.time_base = times[count], time_base
        frame.pict_type = av.video.frame.PictureType.NONE
        container.mux(video.encode(frame))
        count += 1
    container.mux(video.encode(None))
    for packet in original.demux(*sounds) if sounds else ():
        if packet.dts is not None:
            packet.stream = sounds[packet.stream]  # type: ignore[index]
            container.mux(packet)
    return count


def _last_line(file: IO[bytes]) -> str:
    """The last line of what a program said that speaks of an error, or else its last line."""
    file.seek(0)
    text = file.read().decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "rror" in line]
    return (errors or lines or [""])[-1]
