"""Restores a clip through vspipe and shows what came of it; `scripts/demo` runs this."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from demo_clip import Frame, to_rgb, to_yuv, write_clip
from PIL import Image, ImageDraw

from vsdeblur import load_restorer

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "demo_out"
CROP = (320, 180)  # width, height


def main() -> None:
    """Make or take a clip, restore it, write the results and print figures."""
    OUT.mkdir(exist_ok=True)
    if len(sys.argv) > 2:
        sys.exit("demo: give at most one clip: scripts/demo [CLIP]")
    sharp: list[Frame] = []
    if len(sys.argv) == 2:
        source = Path(sys.argv[1])
        if not source.is_file():
            sys.exit(f"demo: no file {str(source)!r}; give a video, or nothing for the demo's own")
    else:
        source = OUT / "blurred.mp4"
        print("making a blurred clip ...", file=sys.stderr)
        sharp = write_clip(source)
    restored = OUT / "restored.mkv"
    print("restoring it through vspipe ...", file=sys.stderr)
    started = time.monotonic()
    count = restore(source, restored)
    rate = count / (time.monotonic() - started)
    compare(source, restored, sharp, count, OUT / "before_after.png")
    device = load_restorer("dblrgan").device
    print(f"device: {device}, {count} frames, {rate:.1f} frames/s with start-up")
    if sharp:
        before, after = mean_psnr(source, sharp), mean_psnr(restored, sharp)
        print(f"luma PSNR: {before:.2f} dB before, {after:.2f} dB after ({after - before:+.2f} dB)")
    results = [os.path.relpath(path) for path in (restored, OUT / "before_after.png")]
    print(f"results: {' and '.join(results)}")


def restore(source: Path, target: Path) -> int:
    """Run restore.vpy through vspipe and encode what it gives; returns the number of frames."""
    vspipe = shutil.which("vspipe")
    if not vspipe:
        sys.exit("demo: vspipe is not on the PATH; start this through scripts/demo")
    script = ROOT / "scripts" / "restore.vpy"
    command = [vspipe, "-c", "y4m", "-a", f"source={source.resolve()}", str(script), "-"]
    times, time_base = frame_times(source)
    partial = target.with_name("partial.mkv")
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            with (
                av.open(process.stdout, format="yuv4mpegpipe") as frames,
                av.open(str(source)) as original,
                av.open(str(partial), "w") as container,
            ):
                count = encode(frames, original, container, times, time_base)
        except av.FFmpegError as error:
            process.kill()
            sys.exit(f"demo: cannot restore {source}: {error}; vspipe's own message is above")
    if process.returncode:
        sys.exit(f"demo: vspipe ended with status {process.returncode}; its message is above")
    partial.replace(target)
    return count


def frame_times(source: Path) -> tuple[list[int], Fraction]:
    """When each frame is shown, in units of the returned seconds; y4m does not carry it."""
    with av.open(str(source)) as container:
        stream = container.streams.video[0]
        times = sorted(p.pts for p in container.demux(stream) if p.pts is not None)
        base = stream.time_base
        return times, Fraction(base.numerator, base.denominator)


def encode(
    frames: av.container.InputContainer,
    original: av.container.InputContainer,
    container: av.container.OutputContainer,
    times: list[int],
    time_base: Fraction,
) -> int:
    """Encode restored frames, copy the original's audio; returns the number of frames."""
    source = frames.streams.video[0]
    video = container.add_stream("libx264", rate=source.average_rate, options={"crf": "16"})
    assert isinstance(video, av.VideoStream)
    video.width, video.height, video.pix_fmt = source.width, source.height, source.pix_fmt
    copy_colour(original.streams.video[0].codec_context, video.codec_context)
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
            packet.stream = sounds[packet.stream]
            container.mux(packet)
    return count


def copy_colour(source: av.VideoCodecContext, target: av.VideoCodecContext) -> None:
    """Carry over how colours are coded: y4m does not say it."""
    for name in ("color_range", "color_primaries", "color_trc", "colorspace"):
        setattr(target, name, getattr(source, name))


def mean_psnr(path: Path, sharp: list[Frame]) -> float:
    """Mean luma PSNR of a file against the sharp frames, dB."""
    values = []
    with av.open(str(path)) as container:
        for frame, reference in zip(container.decode(video=0), sharp, strict=True):
            error = np.mean((luma(frame) - luma(to_yuv(reference))) ** 2)
            values.append(-10 * np.log10(max(float(error), 1e-10)))
    return float(np.mean(values))


def luma(frame: av.VideoFrame) -> np.ndarray:
    """Luma of an 8-bit limited-range frame, in [0, 1], (H, W)."""
    plane = frame.planes[0]
    codes = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return (codes[:, : plane.width].astype(np.float32) - 16) / 219


def compare(source: Path, restored: Path, sharp: list[Frame], count: int, target: Path) -> None:
    """Write crops of three frames side by side: blurred, restored and, if known, sharp."""
    numbers = [count // 6, count // 2, count * 5 // 6]
    columns = {"blurred": pictures(source, numbers), "restored": pictures(restored, numbers)}
    if sharp:
        columns["sharp"] = [sharp[number] for number in numbers]
    width, height = CROP
    sheet = Image.new("RGB", (width * len(columns), height * len(numbers)))
    draw = ImageDraw.Draw(sheet)
    for x, (name, frames) in enumerate(columns.items()):
        for y, frame in enumerate(frames):
            sheet.paste(middle(frame), (x * width, y * height))
            at = (x * width + 6, y * height + 4)
            draw.text(at, name, fill="white", stroke_width=2, stroke_fill="black")
    sheet.save(target)


def pictures(path: Path, numbers: list[int]) -> list[Frame]:
    """The frames with these numbers, as RGB."""
    with av.open(str(path)) as container:
        chosen = [f for n, f in enumerate(container.decode(video=0)) if n in numbers]
    by_number = dict(zip(sorted(set(numbers)), map(to_rgb, chosen), strict=False))
    return [by_number[number] for number in numbers if number in by_number]


def middle(frame: Frame) -> Image.Image:
    """The middle of a frame, CROP in size."""
    picture = Image.fromarray(frame)
    left, top = ((n - c) // 2 for n, c in zip(picture.size, CROP, strict=True))
    return picture.crop((left, top, left + CROP[0], top + CROP[1]))


if __name__ == "__main__":
    main()
