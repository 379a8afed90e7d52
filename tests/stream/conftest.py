"""Makes and reads the clips of the stream tests; a stub restorer in the place of a network."""

import threading
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from vsdeblur.stream import restore_file

LOSSLESS = {"libx264": {"qp": "0", "preset": "ultrafast"}, "ffv1": {}}


class Stub:
    """A restorer that does what it is told with each window."""

    multiplier = 1
    device = torch.device("cpu")
    exposure, moves_chroma = 1.0, False

    def __init__(self, change, radius=2, channels=1):
        self.change = change
        self.radius = radius
        self.channels = channels
        self.windows = 0
        self.numbers = []

    def restore(self, window, number=0):
        self.windows += 1
        self.numbers.append(number)
        return self.change(window)


@dataclass
class ReadFrame:
    pts: int
    seconds: Fraction
    planes: list
    frame: av.VideoFrame


def _plane_values(frame):
    """Each plane as (rows, samples), without the padding of its lines."""
    dtype = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    semi_planar = frame.format.name[:2] in ("nv", "p0", "p2", "p4")
    values = []
    for index, plane in enumerate(frame.planes):
        rows = np.frombuffer(plane, dtype).reshape(plane.height, -1)
        width = plane.width * 2 if semi_planar and index else plane.width
        values.append(rows[:, :width].copy())
    return values


def _noise_frame(index, size, pix_fmt):
    """Noise within the limited range, the same for the same index."""
    frame = av.VideoFrame(*size, pix_fmt)
    random = np.random.default_rng(index)
    bits = frame.format.components[0].bits
    shift = 16 - bits if pix_fmt.startswith("p0") else 0
    for plane in frame.planes:
        values = np.frombuffer(plane, np.uint8 if bits == 8 else np.uint16)
        low, high = 16 << (bits - 8), 235 << (bits - 8)
        values[:] = random.integers(low, high, values.size) << shift
    return frame


def _write_clip(
    path,
    *,
    count=8,
    size=(64, 48),
    pix_fmt="yuv420p",
    codec="libx264",
    pts=None,
    time_base=Fraction(1, 25),
    frames=None,
    setup=None,
    options=None,
    sound_at=None,
    subtitles=None,
    container_setup=None,
    container_options=None,
):
    """Write a lossless clip of noise; `setup` may change the stream before it is opened."""
    frames = frames or [_noise_frame(i, size, pix_fmt) for i in range(count)]
    options = LOSSLESS.get(codec, {}) if options is None else options
    with av.open(str(path), "w", container_options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height = frames[0].width, frames[0].height
        stream.pix_fmt = pix_fmt
        stream.time_base = stream.codec_context.time_base = time_base
        if setup:
            setup(stream)
        sound = container.add_stream("aac", rate=48000) if sound_at is not None else None
        text, text_stream = None, None
        if subtitles:
            text = av.open(str(subtitles))
            text_stream = container.add_stream_from_template(text.streams[0])
            text_stream.metadata["language"] = "fra"
        if container_setup:
            container_setup(container)
        for index, frame in enumerate(frames):
            frame.pts = index if pts is None else pts[index]
            frame.time_base = time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound:
            _write_sound(container, sound, sound_at)
        if text:
            for packet in text.demux():
                if packet.size:
                    packet.stream = text_stream
                    container.mux(packet)
            text.close()
    return path


def _write_sound(container, stream, start_seconds):
    tone = np.sin(np.arange(1024) / 10).astype(np.float32)[None]
    for index in range(12):
        frame = av.AudioFrame.from_ndarray(np.vstack([tone, tone]), "fltp", "stereo")
        frame.sample_rate = 48000
        frame.pts = int(start_seconds * 48000) + 1024 * index
        frame.time_base = Fraction(1, 48000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _read_clip(path):
    """Decode the first video stream."""
    with av.open(str(path)) as container:
        return [
            ReadFrame(
                frame.pts,
                frame.pts * Fraction(frame.time_base.numerator, frame.time_base.denominator),
                _plane_values(frame),
                frame,
            )
            for frame in container.decode(video=0)
        ]


def _read_packets(path, kind):
    """(seconds, bytes) of each packet of the streams of a kind."""
    with av.open(str(path)) as container:
        return [
            (
                packet.pts * Fraction(packet.time_base.numerator, packet.time_base.denominator),
                bytes(packet),
            )
            for packet in container.demux()
            if packet.size and packet.stream.type == kind
        ]


@pytest.fixture
def make_restorer():
    """Makes a stub; without a function it restores nothing."""
    return lambda change=None: Stub(change or (lambda window: window[2:3]))


@pytest.fixture
def make_rgb_restorer():
    """Makes a stub for RGB frames; without a function it restores nothing."""
    return lambda change=None: Stub(change or (lambda window: window), radius=0, channels=3)


@pytest.fixture
def plane_values():
    return _plane_values


@pytest.fixture
def noise_frame():
    return _noise_frame


@pytest.fixture
def write_clip():
    return _write_clip


@pytest.fixture
def read_clip():
    return _read_clip


@pytest.fixture
def read_packets():
    return _read_packets


@pytest.fixture(autouse=True)
def _leaves_no_thread_and_no_partial_file(tmp_path):
    threads = threading.active_count()
    yield
    assert threading.active_count() <= threads
    assert not list(tmp_path.glob(".*"))


@pytest.fixture
def restored(tmp_path, make_restorer):
    """Restores a clip to the end; returns the file and the result."""

    def restore(source, options, *, suffix=None, change=None):
        target = tmp_path / f"restored{suffix or source.suffix}"
        result = restore_file(source, target, make_restorer(change), options)
        assert not result.interrupted
        assert result.target == target
        return target, result

    return restore


@pytest.fixture
def restored_rgb(tmp_path, make_rgb_restorer):
    """Restores a clip to the end with a stub for RGB; returns the file and the stub."""

    def restore(source, options, *, suffix=None, change=None):
        target = tmp_path / f"restored{suffix or source.suffix}"
        stub = make_rgb_restorer(change)
        assert not restore_file(source, target, stub, options).interrupted
        return target, stub

    return restore
