"""Files damaged at random, the same at every run: nothing crashes, and nothing is lost unsaid."""

import faulthandler
import random
from fractions import Fraction

import av
import pytest

from vsdeblur.errors import VideoError
from vsdeblur.stream import StreamOptions, restore_file

FRAMES = 50
ENCODERS = {
    "libx264": {"preset": "ultrafast", "g": "12", "bf": "2"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:keyint=12:pools=1"},
    "mpeg4": {"g": "12", "qscale": "4"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "g": "12", "crf": "20", "b": "0"},
}
CONTAINERS = {
    "mp4": tuple(ENCODERS),
    "mov": ("libx264", "libx265", "mpeg4"),
    "mkv": tuple(ENCODERS),
    "ts": ("libx264", "libx265", "mpeg4"),
    "avi": ("libx264", "mpeg4"),
}
SOURCES = [(suffix, codec) for suffix, codecs in CONTAINERS.items() for codec in codecs]
DAMAGES = ("flip", "zero", "remove", "swap", "cut", "header")
SEEDS = 4
HANGS_AFTER_SECONDS = 120
TO = StreamOptions(preset="ultrafast", quality=40)


@pytest.fixture(scope="session")
def make_source():
    """Makes two seconds of moving noise with sound."""

    def make(folder, suffix, codec):
        chance = random.Random(0)
        texture = bytes(chance.randrange(16, 236) for _ in range(96 * 64 * 4))
        path = folder / f"{codec}.{suffix}"
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=25, options=ENCODERS[codec])
            stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
            sound = container.add_stream("aac" if suffix != "avi" else "mp3", rate=48000)
            for index in range(FRAMES):
                frame = av.VideoFrame(96, 64, "yuv420p")
                for number, plane in enumerate(frame.planes):
                    start = index * 40 * (2 - bool(number))
                    plane.update(texture[start : start + plane.buffer_size])
                frame.pts, frame.time_base = index, Fraction(1, 25)
                container.mux(stream.encode(frame))
                silence = av.AudioFrame(format="fltp", layout="stereo", samples=1920)
                for plane in silence.planes:
                    plane.update(bytes(plane.buffer_size))
                silence.sample_rate, silence.pts = 48000, index * 1920
                silence.time_base = Fraction(1, 48000)
                container.mux(sound.encode(silence))
            container.mux(stream.encode(None))
            container.mux(sound.encode(None))
        return path

    return make


@pytest.fixture(scope="session")
def sources(tmp_path_factory, make_source):
    folder = tmp_path_factory.mktemp("sources")
    return {each: make_source(folder, *each).read_bytes() for each in SOURCES}


def damaged(data, kind, chance):
    """A file with one kind of damage."""
    data = bytearray(data)
    size = len(data)
    place, length = chance.randrange(size), chance.randrange(200, 3000)
    match kind:
        case "flip":
            for _ in range(12):
                data[chance.randrange(size)] ^= 1 << chance.randrange(8)
        case "zero":
            data[place : place + length] = bytes(len(data[place : place + length]))
        case "remove":
            del data[place : place + length]
        case "swap":
            other = chance.randrange(size)
            one, two = data[place : place + 500], data[other : other + 500]
            data[place : place + len(two)], data[other : other + len(one)] = two, one
        case "cut":
            del data[max(200, place) :]
        case "header":
            for _ in range(6):
                data[chance.randrange(min(size, 800))] = chance.randrange(256)
    return bytes(data)


def decodable(path):
    """Frames that FFmpeg decodes, past all errors; and whether it opens the file."""
    frames = 0
    try:
        with av.open(str(path)) as container:
            stream = next(s for s in container.streams.video if s.codec_context)
            stalled = 0
            while stalled < 64:
                try:
                    for packet in container.demux(stream):
                        stalled = 0
                        frames += decoded(stream, packet)
                except av.FFmpegError:
                    stalled += 1
                else:
                    break
    except (av.FFmpegError, OSError, ValueError, StopIteration):
        return frames
    return frames


def decoded(stream, packet):
    try:
        return len(stream.decode(packet))
    except (av.FFmpegError, ValueError):
        return 0


def attempt(path, target, restorer):
    """What a restoration gives, or why it was refused."""
    try:
        return restore_file(path, target, restorer, TO), ""
    except VideoError as refused:
        return None, str(refused)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("source", SOURCES, ids="-".join)
def test_damage_is_survived_and_said(tmp_path, sources, make_restorer, source, kind):
    suffix, codec = source
    for seed in range(SEEDS):
        path, target = tmp_path / f"in{seed}.{suffix}", tmp_path / f"out{seed}.mkv"
        chance = random.Random(f"{suffix} {codec} {kind} {seed}")
        path.write_bytes(damaged(sources[source], kind, chance))
        faulthandler.dump_traceback_later(HANGS_AFTER_SECONDS, exit=True)
        result, refused = attempt(path, target, make_restorer())
        faulthandler.cancel_dump_traceback_later()
        if result is None:
            assert "\n" not in refused
            assert not decodable(path), f"{path.name}: {refused}"
            continue
        with av.open(str(target)) as container:
            written = sum(1 for _ in container.decode(video=0))
        assert written == result.frames_out == result.frames_in
        assert result.frames_in >= decodable(path)
        # A stream that is cut off has no header that would say how long it was.
        unknowable = suffix == "ts"
        if result.frames_in < FRAMES and not unknowable:
            assert not result.whole
            assert result.warnings
