"""A part of a source: its frames are those of a whole run, and what belongs to them is cut too."""

import os
import threading
from fractions import Fraction

import av
import numpy as np
import pytest

from vsdeblur.cli.main import main
from vsdeblur.errors import OptionError, VideoError
from vsdeblur.stream import StreamOptions, restore_file
from vsdeblur.stream.excerpt import ExcerptRequest
from vsdeblur.stream.positions import Position, later_timecode, parse_position

COUNT = 60
MS = Fraction(1, 1000)


def part(start=None, duration=None):
    return ExcerptRequest(
        None if start is None else parse_position(start),
        None if duration is None else parse_position(duration),
    )


def mean_of(window):
    """All five frames are in the result, each by its own share."""
    shares = window.new_tensor([0.1, 0.15, 0.3, 0.2, 0.25])
    return (window * shares[:, None, None, None]).sum(0, keepdim=True)


@pytest.fixture
def seen():
    """Of each run, which number the restorer was told that its first frame has."""
    return []


@pytest.fixture
def restored_part(tmp_path, make_restorer, seen):
    """Restores a part with a restorer that looks at five frames; returns target and result."""

    def restore(source, start=None, duration=None, *, suffix=".mkv", codec="ffv1", **options):
        target = tmp_path / f"part-{start}-{duration}{suffix}"
        asked = StreamOptions(codec=codec, part=part(start, duration), **options)
        restorer = make_restorer(mean_of)
        result = restore_file(source, target, restorer, asked)
        seen.append(restorer.numbers[0])
        return target, result

    return restore


OPEN_GROUPS = {"qp": "0", "g": "10", "x264-params": "open-gop=1:bframes=3"}
REFRESH = {"qp": "0", "g": "10", "x264-params": "intra-refresh=1"}
SOURCES = {
    "open groups": ("libx264", ".mkv", OPEN_GROUPS),
    "in a transport stream": ("libx264", ".ts", OPEN_GROUPS),
    "gradual refresh": ("libx264", ".mp4", REFRESH),
    "one key frame": ("libx264", ".mp4", {"qp": "0", "g": "999"}),
    "MPEG-2": ("mpeg2video", ".ts", {"g": "8", "bf": "2", "b": "4M"}),
    "key frames alone": ("ffv1", ".mkv", {}),
    "no times": ("mpeg4", ".avi", {"g": "10", "bf": "2"}),
}
PARTS = [
    ("0", "0.4"),
    ("0.04", "10f"),
    ("1.2", "0.6"),
    ("1.51", None),
    ("37f", "0.4"),
    ("2.36", None),
]


@pytest.mark.parametrize("kind", SOURCES)
def test_frames_are_those_of_a_whole_run(
    tmp_path, write_clip, read_clip, restored_part, seen, kind
):
    codec, suffix, options = SOURCES[kind]
    source = write_clip(tmp_path / f"in{suffix}", count=COUNT, codec=codec, options=options)
    whole = read_clip(restored_part(source)[0])
    assert len(whole) == COUNT
    for start, duration in PARTS:
        target, result = restored_part(source, start, duration)
        frames = read_clip(target)
        first = int(start[:-1]) if start.endswith("f") else -int(-Fraction(start) * 25 // 1)
        count = COUNT - first
        if duration is not None:
            count = 10 if duration.endswith("f") else round(Fraction(duration) * 25)
        assert len(frames) == count, (start, duration)
        for frame, wanted in zip(frames, whole[first:], strict=False):
            assert all(np.array_equal(*p) for p in zip(frame.planes, wanted.planes, strict=True))
            assert frame.seconds == wanted.seconds - whole[first].seconds
        assert seen[-1] == first  # by which noise would be the same
        assert result.whole, (start, duration, result.warnings)


def test_what_lies_long_before_is_not_decoded(tmp_path, write_clip, restored_part):
    source = write_clip(tmp_path / "in.mkv", count=200, codec="ffv1")
    _, result = restored_part(source, "7", "0.2")
    assert result.frames_out == 5
    assert result.frames_in < 50


def test_frames_keep_their_own_times(tmp_path, write_clip, read_clip, restored_part):
    pts = [0, 40, 90, 100, 180, 200, 290, 300, 390, 410]
    source = write_clip(tmp_path / "in.mkv", count=10, pts=pts, time_base=MS)
    target, _ = restored_part(source, "0.095", "0.2")
    assert [frame.seconds for frame in read_clip(target)] == [0, 80 * MS, 100 * MS, 190 * MS]


def test_a_time_that_was_rounded_means_its_frame(tmp_path, write_clip, restored_part, seen):
    pts = [round(index * 1001 / 30) for index in range(30)]
    source = write_clip(tmp_path / "in.mkv", count=30, pts=pts, time_base=MS)
    for number in (1, 2, 10, 20):
        seconds = f"{number * 1001 / 30000:.3f}"
        restored_part(source, seconds, "1f")
        assert seen[-1] == number


# What belongs to the frames


def test_sound_is_cut_to_the_part_and_in_step(tmp_path, write_clip, read_packets, restored_part):
    source = write_clip(tmp_path / "in.mp4", sound_at=0)
    target, _ = restored_part(source, "0.08", "0.12", codec="libx264", suffix=".mp4")
    whole, cut = read_packets(source, "audio"), read_packets(target, "audio")
    inside = [
        (time - Fraction(2, 25), content)
        for time, content in whole
        if Fraction(2, 25) <= time < Fraction(5, 25)
    ]
    assert len(inside) >= 5
    assert [content for _, content in cut] == [content for _, content in inside]
    for (time, _), (wanted, _) in zip(cut, inside, strict=True):
        assert abs(time - wanted) < Fraction(1, 10_000)


def add_pcm(bare, path, seconds, block):
    """Put sound into a clip whose samples count up, in packets of so many."""
    with av.open(str(bare)) as plain, av.open(str(path), "w") as container:
        video = container.add_stream_from_template(plain.streams.video[0])
        sound = container.add_stream("pcm_s16le", rate=48000, layout="mono")
        for packet in plain.demux():
            if packet.size:
                packet.stream = video
                container.mux(packet)
        for start in range(0, seconds * 48000, block):
            samples = (np.arange(start, start + block) % 30000).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return path


def test_uncompressed_sound_is_cut_at_the_sample(tmp_path, write_clip, restored_part):
    bare = write_clip(tmp_path / "bare.mov", count=50)
    source = add_pcm(bare, tmp_path / "in.mov", 2, 4800)
    target, _ = restored_part(source, "0.28", "0.48", codec="libx264", suffix=".mov")
    with av.open(str(target)) as container:
        sound = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    first, last = round(0.28 * 48000), round(0.76 * 48000)
    assert np.array_equal(sound, (np.arange(first, last) % 30000).astype(np.int16))


def test_lines_are_shown_as_long_as_the_part(tmp_path, write_clip, restored_part):
    words = tmp_path / "words.srt"
    lines = [("0,000", "0,100", "gone"), ("0,200", "0,700", "from before"),
             ("0,800", "0,900", "inside"), ("1,000", "1,800", "to the end"),
             ("1,900", "2,000", "later")]  # fmt: skip
    words.write_text("".join(
        f"{n}\n00:00:0{a} --> 00:00:0{b}\n{text}\n\n" for n, (a, b, text) in enumerate(lines, 1)
    ))  # fmt: skip
    source = write_clip(tmp_path / "in.mkv", count=60, subtitles=words)
    target, _ = restored_part(source, "0.4", "0.8")
    with av.open(str(target)) as container:
        said = [
            (bytes(p).decode(), float(p.pts * p.time_base), float(p.duration * p.time_base))
            for p in container.demux()
            if p.size and p.stream.type == "subtitle"
        ]
    assert said == [("from before", 0, 0.3), ("inside", 0.4, 0.1), ("to the end", 0.6, 0.2)]


def test_chapters_and_timecode_are_those_of_the_part(tmp_path, write_clip, restored_part):
    titles = ["One", "Two", "Three"]
    chapters = [
        {"id": n, "start": 800 * n, "end": 800 * (n + 1), "time_base": MS, "metadata": {"title": t}}
        for n, t in enumerate(titles)
    ]

    def describe(container):
        container.set_chapters(chapters)
        container.streams[0].metadata["timecode"] = "10:00:00:00"

    source = write_clip(tmp_path / "in.mkv", count=60, container_setup=describe)
    target, _ = restored_part(source, "1.2", "0.8")
    with av.open(str(target)) as container:
        kept = [(c["metadata"]["title"], c["start"] * c["time_base"], c["end"] * c["time_base"])
                for c in container.chapters()]  # fmt: skip
        tags = {key.lower(): value for key, value in container.streams[0].metadata.items()}
    assert kept == [("Two", 0, Fraction(2, 5)), ("Three", Fraction(2, 5), Fraction(4, 5))]
    assert tags["timecode"] == "10:00:01:05"


def test_joined_recordings_are_one_source(
    tmp_path, write_clip, noise_frame, read_clip, restored_part
):
    size, form = (64, 48), "yuv420p"
    one = write_clip(tmp_path / "a.mkv", frames=[noise_frame(i, size, form) for i in range(12)])
    two = write_clip(tmp_path / "b.mkv", frames=[noise_frame(i, size, form) for i in range(12, 24)])
    whole = read_clip(restored_part(one, join=(two,))[0])
    frames = read_clip(restored_part(one, "0.44", "0.16", join=(two,))[0])
    assert len(frames) == 4
    for frame, wanted in zip(frames, whole[11:], strict=False):
        assert np.array_equal(frame.planes[0], wanted.planes[0])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_read_up_to_the_part(tmp_path, write_clip, restored_part):
    source = write_clip(tmp_path / "in.mkv", count=60)
    pipe = tmp_path / "pipe.mkv"
    os.mkfifo(pipe)

    def feed():
        try:
            pipe.write_bytes(source.read_bytes())
        except BrokenPipeError:
            return  # the rest is not wanted

    feeder = threading.Thread(target=feed)
    feeder.start()
    assert restored_part(pipe, "1", "0.2")[1].frames_out == 5
    feeder.join()


@pytest.mark.parametrize("slow_motion", [False, True])
def test_several_frames_for_each_begin_at_the_part(
    tmp_path, write_clip, read_clip, make_restorer, slow_motion
):
    source = write_clip(tmp_path / "in.mkv", count=20)

    def run(name, wanted):
        restorer = make_restorer(lambda w: mean_of(w).repeat(3, 1, 1, 1))
        restorer.multiplier = 3
        options = StreamOptions(codec="ffv1", part=wanted, slow_motion=slow_motion)
        restore_file(source, tmp_path / name, restorer, options)
        return read_clip(tmp_path / name)

    whole, frames = run("whole.mkv", part()), run("part.mkv", part("0.2", "5f"))
    assert len(frames) == 15
    for frame, wanted in zip(frames, whole[15:], strict=False):
        assert np.array_equal(frame.planes[0], wanted.planes[0])
        assert abs(frame.seconds - (wanted.seconds - whole[15].seconds)) <= MS


# What is said


def test_damage_before_the_part_is_not_reported(tmp_path, write_clip, restored_part):
    source = write_clip(tmp_path / "in.mkv", count=60, codec="ffv1")
    data = bytearray(source.read_bytes())
    spot = len(data) // 4
    data[spot : spot + 2000] = bytes(2000)
    source.write_bytes(data)
    assert not restored_part(source)[1].whole
    assert restored_part(source, "1.6", "0.4")[1].whole


def test_a_part_that_reaches_beyond_the_end_is_said(tmp_path, write_clip, restored_part):
    source = write_clip(tmp_path / "in.mkv", count=20)
    _, result = restored_part(source, "0.4", "9")
    assert result.frames_out == 10
    assert result.warnings == (f"{source} ends before the part that was asked for does",)
    assert restored_part(source, "0.4")[1].warnings == ()


@pytest.mark.parametrize(
    ("start", "said"), [("0:10", "its last frame is at 0:00:00.76"), ("20f", "is number 19")]
)
def test_nothing_is_written_where_nothing_is(tmp_path, write_clip, restored_part, start, said):
    source = write_clip(tmp_path / "in.mkv", count=20)
    with pytest.raises(VideoError, match=f"there is nothing of .*{said}; give an earlier --start"):
        restored_part(source, start)
    assert not list(tmp_path.glob("part*"))


# How it is given


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("0", Position(seconds=Fraction(0))),
        ("90.5", Position(seconds=Fraction(181, 2))),
        (".5", Position(seconds=Fraction(1, 2))),
        ("90:00", Position(seconds=Fraction(5400))),
        ("1:02:03.5", Position(seconds=Fraction(7447, 2))),
        ("250f", Position(frames=250)),
    ],
)
def test_times_and_frames_are_read(text, position):
    assert parse_position(text) == position
    assert parse_position(str(position)) == position


@pytest.mark.parametrize("text", ["", "x", "-1", "1:60", "1:60:00", "1e3", "25 f", "1::2", "nan"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(OptionError, match="is no time"):
        parse_position(text)


def test_nothing_is_no_part():
    with pytest.raises(OptionError, match="--duration 0 is nothing"):
        part(None, "0")


def numbered(rate, drops):
    """All timecodes of eleven minutes, one after the other, as the standard counts them."""
    for seconds in range(11 * 60):
        for frame in range(rate):
            minute, second = divmod(seconds, 60)
            if drops and minute % 10 and not second and frame < rate // 15:
                continue
            yield f"00:{minute:02}:{second:02}{';' if drops else ':'}{frame:02}"


@pytest.mark.parametrize(("rate", "drops"), [(30, True), (60, True), (25, False)])
def test_timecodes_go_on_as_the_standard_counts(rate, drops):
    codes = list(numbered(rate, drops))
    exact = Fraction(rate * 1000, 1001) if drops else Fraction(rate)
    for first in (0, 1799, 1800, 9000):
        for steps in (0, 1, 29, 1798, 3600):
            assert later_timecode(codes[first], steps, exact) == codes[first + steps]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--start", "soon"], "'soon' is no time"),
        (["--duration", "0f"], "--duration 0 is nothing"),
        (["--start", "9"], "there is nothing of"),
    ],
)
def test_misuse_is_refused_in_one_line(capfd, tmp_path, write_clip, options, said):
    source = write_clip(tmp_path / "in.mkv")
    assert main(["restore", str(source), str(tmp_path / "o.mkv"), "--device", "cpu", *options]) == 2
    err = capfd.readouterr().err
    assert said in err
    assert err.strip().splitlines()[-1].startswith("vsdeblur: error: ")
    assert not (tmp_path / "o.mkv").exists()


def test_a_picture_has_no_part(tmp_path, make_restorer):
    from PIL import Image

    Image.new("RGB", (64, 48)).save(tmp_path / "in.png")
    with pytest.raises(VideoError, match="is a picture, which has no --start"):
        restore_file(
            tmp_path / "in.png", tmp_path / "o.png", make_restorer(), StreamOptions(part=part("1"))
        )


def test_the_result_says_which_part_it_is(tmp_path, write_clip):
    source, target = write_clip(tmp_path / "in.mkv", count=20), tmp_path / "o.mkv"
    assert main(["restore", str(source), str(target), "--device", "cpu", "--start", "0:00.2",
                 "--duration", "5f"]) == 0  # fmt: skip
    with av.open(str(target)) as container:
        tags = {key.lower(): value for key, value in container.metadata.items()}
    assert " --start 0.2 --duration 5f; weights sha256 " in tags["comment"]
