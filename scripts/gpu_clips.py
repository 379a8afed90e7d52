"""Rows of `gpu_check`: clips end to end, through vspipe and from file to file."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from gpu_rows import Options
from training_runs import ROOT

from vsdeblur.benchmark.pipes import pipe_command, run_pipe
from vsdeblur.benchmark.rows import pixels
from vsdeblur.errors import VideoError

PIPE_FRAMES = {"identity": 600, "dblrgan/paper": 60, "dblrgan/quality": 120, "brmr/fast": 120}
"""Frames of a run: some seconds of work; others 240."""
FILE_FRAMES = 150


def obstacle(phase: str, options: Options) -> str | None:
    """Why there are no files to restore."""
    return "PyAV is not installed" if phase == "files" and find_spec("av") is None else None


def measure(phase: str, row: str, seconds: float, options: Options) -> Iterator[tuple[str, str]]:
    """A clip through vspipe, or a file decoded or restored."""
    if phase == "vspipe":
        try:
            yield row, _through_vspipe(row, options)
        except VideoError as error:
            yield row, str(error).partition("; the command was")[0]
        return
    clip = options.folder / "clip.mp4"
    yield row, {"nvdec": _decoded}.get(row, _restored)(row, clip, options)


def _through_vspipe(row: str, options: Options) -> str:
    width, height = pixels(options.size)
    given: dict[str, object] = {"shell": "identity"}
    if row != "identity":
        filter_name, model = row.split("/")
        given = {"filter": filter_name, "model": model}
    frames = PIPE_FRAMES.get(row, 240) if options.device != "cpu" else 4
    facts = {"device": options.device, "width": width, "height": height, "length": frames}
    started = time.monotonic()
    run = run_pipe(pipe_command(given | facts))
    return (
        f"{options.size} {run.frames_per_second:.4g} frames/s over {frames} frames, "
        f"{time.monotonic() - started:.1f} s with the start, "
        f"{(run.peak_bytes or 0) / 2**30:.1f} GiB of the process"
    )


def _decoded(row: str, clip: Path, options: Options) -> str:
    """How fast the card decodes, into frames in its own memory."""
    import av
    from av.codec.hwaccel import HWAccel

    _write_clip(clip, options)
    count, started = 0, time.monotonic()
    with av.open(str(clip), hwaccel=HWAccel("cuda", allow_software_fallback=False)) as container:
        for _ in container.decode(video=0):
            count += 1
    rate = count / (time.monotonic() - started)
    return f"H.264 {options.size} {rate:.4g} frames/s decoded, {count} frames"


def _restored(row: str, clip: Path, options: Options) -> str:
    """A file restored into another, decoded by FFmpeg on the CPU, encoded by what the row says."""
    _write_clip(clip, options)
    codec = {"nvenc": "h264_nvenc"}.get(row, row)
    command = [
        sys.executable, "-m", "vsdeblur", "restore", str(clip),
        str(options.folder / f"{row}.mkv"), "--codec", codec, "--device", options.device,
    ]  # fmt: skip
    started = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    seconds = time.monotonic() - started
    frames = _frames(options)
    return (
        f"dblrgan {options.size} {frames / seconds:.4g} frames/s with the start, {frames} frames "
        f"in {seconds:.1f} s"
    )


def _frames(options: Options) -> int:
    return FILE_FRAMES if options.device != "cpu" else 8


def _write_clip(path: Path, options: Options) -> None:
    """Write a clip of moving stripes, unless it is there."""
    if path.exists():
        return
    import av
    import numpy as np

    width, height = pixels(options.size)
    x, y = np.arange(width), np.arange(height)[:, None]
    chroma = np.full((height // 2, width), 128, np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(_frames(options)):
            luma = (128 + 80 * np.sin((x + 3 * number) / 9 + y / 20)).astype(np.uint8)
            planes = np.concatenate([luma, chroma])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode(None))
