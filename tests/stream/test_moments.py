"""Fewer moments than there are, and frames at a wanted rate: which, and when."""

from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from vsdeblur.cli.main import main
from vsdeblur.errors import OptionError
from vsdeblur.frames.moment_choice import RateChoice, evenly_spaced
from vsdeblur.stream import StreamOptions, plan_file, restore_file
from vsdeblur.stream.excerpt import ExcerptRequest
from vsdeblur.stream.positions import Position

BRIGHT, STEP = 200, 10
FFV1 = {"codec": "ffv1"}


def numbered(count):
    """Frames with their number in chroma, as bright as leaves room for seven moments."""
    for number in range(count):
        frame = av.VideoFrame(64, 48, "yuv420p")
        for plane, value in zip(frame.planes, (BRIGHT, number, 128), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        yield frame


def darkening(window):
    """Moment i is darker by i steps of the code values."""
    middle = window[len(window) // 2 : len(window) // 2 + 1]
    return torch.cat([middle - STEP * i / 219 for i in range(7)])


@pytest.fixture
def opened(tmp_path, make_restorer):
    """Opens each frame of a clip into seven; returns the target and the result."""

    def opened(source, *, suffix=".mkv", exposure=1.0, **options):
        restorer = make_restorer(darkening)
        restorer.multiplier, restorer.radius, restorer.exposure = 7, 1, exposure
        target = tmp_path / f"opened{suffix}"
        return target, restore_file(source, target, restorer, StreamOptions(**FFV1 | options))

    return opened


@pytest.fixture
def clip(tmp_path, write_clip):
    def clip(count=10, **options):
        frames = list(numbered(count))
        return write_clip(tmp_path / "in.mkv", codec="ffv1", frames=frames, **options)

    return clip


def places(frames):
    """Of which frame each is, and which moment of it."""
    return [
        (int(frame.planes[1][0, 0]), round((BRIGHT - int(frame.planes[0][0, 0])) / STEP))
        for frame in frames
    ]


@pytest.mark.parametrize("moments", [2, 3, 5, 7])
def test_so_many_moments_of_each_frame_are_shown_evenly(clip, opened, read_clip, moments):
    target, result = opened(clip(4), moments=moments)
    frames = read_clip(target)
    assert result.frames_out == 4 * moments
    chosen = evenly_spaced(moments, 7)
    assert places(frames) == [(number, index) for number in range(4) for index in chosen]
    times = [float(frame.seconds) for frame in frames]
    assert times == pytest.approx([n / 25 / moments for n in range(4 * moments)], abs=0.0006)


@pytest.mark.parametrize(
    ("fps", "rate"), [(60, Fraction(60)), (59.94, Fraction(60000, 1001)), (175, Fraction(175))]
)
@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov", ".avi"])
def test_frames_come_at_the_rate_that_is_wanted(clip, opened, read_clip, suffix, fps, rate):
    codec = {} if suffix in (".mkv", ".avi") else {
        "codec": "libx264", "encoder_options": {"qp": "0"}, "preset": "ultrafast"
    }  # fmt: skip
    target, result = opened(clip(10), suffix=suffix, fps=fps, **codec)
    choice = RateChoice(source=Fraction(25), wanted=rate, moments=7)
    with av.open(str(target)) as container:
        assert container.streams.video[0].average_rate == pytest.approx(rate, rel=0.002)
    frames = read_clip(target)
    assert result.frames_out == len(frames) == choice.length(10)
    assert places(frames) == [choice.place(n) for n in range(len(frames))]
    times = [float(frame.seconds) for frame in frames]
    assert times == pytest.approx([float(n / rate) for n in range(len(frames))], abs=0.0006)


def test_in_mp4_times_are_exact(clip, opened, read_clip):
    x264 = {"codec": "libx264", "encoder_options": {"qp": "0"}, "preset": "ultrafast"}
    target, _ = opened(clip(10), suffix=".mp4", fps=60, **x264)
    assert [frame.seconds for frame in read_clip(target)] == [Fraction(n, 60) for n in range(24)]


def test_a_pause_is_filled_with_its_last_moment(clip, opened, read_clip):
    pts = [0, 1, 2, 12, 13]  # at 25 a second: the third frame is shown for ten
    target, _ = opened(clip(5, pts=pts), fps=60)
    frames = read_clip(target)
    times = [float(frame.seconds) for frame in frames]
    assert times == pytest.approx([n / 60 for n in range(len(frames))], abs=0.0006)
    counts = [sum(number == each for each, _ in places(frames)) for number in range(5)]
    assert sum(counts) == len(frames)
    assert counts[2] == 24
    of_third = [moment for number, moment in places(frames) if number == 2]
    assert of_third == sorted(of_third)


def test_frames_that_are_closer_than_the_rate_are_passed_over(clip, opened, read_clip):
    # On average 25 a second, but four of them within 1/60 s.
    pts = [0, 200, 202, 204, 206, 400]
    source = clip(6, pts=pts, time_base=Fraction(1, 1000))
    target, _ = opened(source, fps=50)
    frames = read_clip(target)
    times = [float(frame.seconds) for frame in frames]
    assert times == pytest.approx([n / 50 for n in range(len(frames))], abs=0.0011)
    numbers = [number for number, _ in places(frames)]
    assert numbers == sorted(numbers)
    assert {0, 4}.issubset(numbers)
    assert len(set(numbers)) < 6


def test_a_part_begins_at_the_rate_with_its_first_frame(clip, opened, read_clip):
    part = ExcerptRequest(start=Position(frames=3), duration=Position(frames=5))
    target, _ = opened(clip(10), fps=60, part=part)
    frames = read_clip(target)
    choice = RateChoice(source=Fraction(25), wanted=Fraction(60), moments=7)
    assert [(number - 3, moment) for number, moment in places(frames)] == [
        choice.place(n) for n in range(choice.length(5))
    ]
    assert frames[0].seconds == 0


def test_at_a_rate_a_short_exposure_is_where_it_is(clip, opened, read_clip):
    target, _ = opened(clip(2), fps=150, exposure=0.5)
    assert places(read_clip(target))[:6] == [(0, 1), (0, 3), (0, 5), (0, 6), (0, 6), (0, 6)]


def test_slow_motion_of_so_many_moments_is_as_many_times_longer(clip, opened, read_clip):
    target, _ = opened(clip(4), moments=3, slow_motion=True)
    frames = read_clip(target)
    times = [float(frame.seconds) for frame in frames]
    assert times == pytest.approx([n / 25 for n in range(12)], abs=0.0006)


def test_what_is_not_exact_is_told_and_planned(tmp_path, clip, make_restorer, caplog):
    caplog.set_level("INFO")
    restorer = make_restorer(darkening)
    restorer.multiplier = 7
    source = clip()
    plan = plan_file(source, tmp_path / "out.mkv", restorer, StreamOptions(fps=60))
    assert plan.lines() == ["video track 0 (ffv1): restored, 60 frames a second"]
    assert "each is the nearest of 175 moments a second, up to 2.9 ms off" in caplog.text
    caplog.clear()
    plan_file(source, tmp_path / "out.mkv", restorer, StreamOptions(fps=75))
    assert "nearest" not in caplog.text
    plan = plan_file(source, tmp_path / "out.mkv", restorer, StreamOptions(moments=2))
    assert plan.lines() == ["video track 0 (ffv1): restored, 2 moments of each frame"]


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ({"fps": 25}, "fps must be above the 25 that there are and at most 175 (7 moments of each "
         "frame), got 25"),
        ({"fps": 200}, "at most 175 (7 moments of each frame), got 200"),
        ({"fps": 50, "moments": 2}, "give --moments or --fps, not both"),
        ({"fps": 50, "slow_motion": True}, "--fps keeps the duration; for --slow-motion give"),
        ({"moments": 8}, "moments must be from 2 to 7, got 8"),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_refused(tmp_path, clip, opened, options, refusal):
    with pytest.raises(OptionError) as refused:
        opened(clip(), **options)
    assert refusal in str(refused.value)
    assert not (tmp_path / "opened.mkv").exists()


def test_a_filter_of_one_frame_for_each_has_no_moments(tmp_path, clip, make_restorer):
    for options in ({"fps": 60}, {"moments": 2}):
        with pytest.raises(OptionError, match="for a filter that gives several frames for each"):
            restore_file(clip(), tmp_path / "out.mkv", make_restorer(), StreamOptions(**options))


def test_the_command_gives_the_rate(tmp_path, clip, small_weights, capsys):
    target = tmp_path / "out.mkv"
    command = ["restore", str(clip(5)), str(target), "--device", "cpu", "--codec", "ffv1"]
    sequence = ["--filter", "sequence", "--weights", str(small_weights("sequence", "fast"))]
    assert main([*command, *sequence, "--fps", "60"]) == 0
    with av.open(str(target)) as container:
        assert container.streams.video[0].average_rate == 60
        assert sum(1 for _ in container.decode(video=0)) == 12
        tags = {key.lower(): value for key, value in container.metadata.items()}
    assert " --fps 60" in tags["comment"]
    assert main([*command, "--fps", "60", "--overwrite"]) == 2
    assert "filter 'dblrgan' has no option --fps" in capsys.readouterr().err


def test_a_settings_line_gives_the_same_again(tmp_path, clip, small_weights):
    weights = ["--weights", str(small_weights("sequence", "fast"))]
    source, first, second = clip(3), tmp_path / "first.mkv", tmp_path / "second.mkv"
    where = ["--device", "cpu", "--codec", "ffv1", *weights]
    assert main(["restore", str(source), str(first), "--filter", "sequence", "--moments", "2",
                 *where]) == 0  # fmt: skip
    with av.open(str(first)) as container:
        tags = {key.lower(): value for key, value in container.metadata.items()}
    options = tags["comment"].partition(": ")[2].partition(";")[0].split()
    assert main(["restore", str(source), str(second), *where, *options]) == 0
    with av.open(str(first)) as one, av.open(str(second)) as other:
        for a, b in zip(one.decode(video=0), other.decode(video=0), strict=True):
            np.testing.assert_array_equal(a.to_ndarray(), b.to_ndarray())
