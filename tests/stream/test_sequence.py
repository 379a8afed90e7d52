"""Several frames for each: when they are shown, their chroma, and what becomes of the sound."""

from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from vsdeblur.cli.main import main
from vsdeblur.errors import VideoError
from vsdeblur.models import MODELS
from vsdeblur.restorers.sequence import SequenceOptions, SequenceRestorer
from vsdeblur.stream import StreamOptions, restore_file
from vsdeblur.stream.timing import Timing

FFV1 = {"codec": "ffv1"}
X264 = {"codec": "libx264", "quality": 0, "preset": "ultrafast"}
SIDES = (64, 48)


def darkening(frames):
    """Moments that are the frame times 1 to 0.4."""
    return torch.cat([frames * (1 - 0.1 * i) for i in range(7)], 1)


def moving(frames):
    """Moments that are the frame moved right by 2 pixels each."""
    return torch.cat([frames.roll(2 * (i - 3), -1) for i in range(7)], 1)


def restorer_of(network, **options):
    return SequenceRestorer(
        network, MODELS["sequence"]["fast"], torch.device("cpu"), None,
        SequenceOptions(**options), adds_middle_frame=False,
    )  # fmt: skip


@pytest.fixture
def opened(tmp_path):
    """Opens a file to the end; returns the target."""

    def opened(source, network=darkening, *, suffix=".mkv", stream=FFV1, **options):
        restorer = restorer_of(network, **{"chroma": "static"} | options)
        target = tmp_path / f"opened{suffix}"
        result = restore_file(source, target, restorer, StreamOptions(**stream))
        assert not result.interrupted
        assert result.frames_out == restorer.multiplier * result.frames_in
        return target

    return opened


def seconds_of(frames):
    return [frame.seconds for frame in frames]


# Times


def timing_of_moments(timing, facts, **frame):
    base = timing.target_facts(facts).time_base
    shown = [moment.shown for moment in timing.shown(facts, **frame)]
    return [(each.pts * base, each.duration * base) for each in shown]


@pytest.fixture
def facts(tmp_path, write_clip):
    from vsdeblur.stream.reader import Reader

    source = write_clip(tmp_path / "facts.mp4", count=2, time_base=Fraction(1, 12800), pts=[0, 512])
    with Reader(source) as reader:
        return reader.facts


def test_times_by_hand(facts):
    frame = {"pts": 512, "duration": 512, "next_pts": 1536}  # 0.04 s to 0.12 s
    even = [(Fraction(4, 100) + i * Fraction(8, 700), Fraction(8, 700)) for i in range(7)]
    assert timing_of_moments(Timing(multiplier=7), facts, **frame) == even
    slow = [(7 * start, 7 * duration) for start, duration in even]
    assert timing_of_moments(Timing(multiplier=7, slowdown=7), facts, **frame) == slow
    half = Timing(multiplier=7, exposure=Fraction(1, 2))
    step = Fraction(4, 700)
    expected = [(Fraction(4, 100) + i * step, step) for i in range(6)]
    last = (Fraction(4, 100) + 6 * step, step + Fraction(4, 100))
    assert timing_of_moments(half, facts, **frame) == [*expected, last]
    end = timing_of_moments(Timing(multiplier=7), facts, **frame | {"next_pts": None})
    assert sum(duration for _, duration in end) == Fraction(512, 12800)


def test_frame_rates_by_hand(facts):
    assert Timing(multiplier=7).target_facts(facts).frame_rate == 7 * facts.frame_rate
    slow = Timing(multiplier=42, slowdown=42).target_facts(facts)
    assert slow.frame_rate == facts.frame_rate
    assert Timing().target_facts(facts) is facts


def test_time_bases_that_are_too_fine_are_rounded(facts):
    timing = Timing(multiplier=287, exposure=Fraction(333, 1000))
    found = timing_of_moments(timing, facts, pts=512, duration=512, next_pts=None)
    assert timing.target_facts(facts).time_base == Fraction(1, 1_000_000)
    assert found[0][0] == Fraction(4, 100)
    assert sum(duration for _, duration in found) == Fraction(4, 100)


@pytest.mark.parametrize(("slow_motion", "factor"), [(False, 1), (True, 7)])
def test_variable_times_are_divided_exactly(
    tmp_path, write_clip, read_clip, opened, slow_motion, factor
):
    source = write_clip(tmp_path / "in.mp4", pts=[0, 1, 4, 5], count=4)
    target = opened(source, suffix=".mp4", stream=X264 | {"slow_motion": slow_motion})
    expected = []
    for pts, following in ((0, 1), (1, 4), (4, 5), (5, 6)):
        length = Fraction(following - pts, 25) / 7
        expected += [factor * (Fraction(pts, 25) + i * length) for i in range(7)]
    assert seconds_of(read_clip(target)) == expected


def test_exposure_leaves_a_gap_before_the_next_frame(tmp_path, write_clip, read_clip, opened):
    source = write_clip(tmp_path / "in.mp4", count=2)
    target = opened(source, suffix=".mp4", stream=X264, exposure=0.25)
    step = Fraction(1, 25) / 4 / 7
    expected = [Fraction(k, 25) + i * step for k in range(2) for i in range(7)]
    assert seconds_of(read_clip(target)) == expected


# Pictures


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le", "gray"])
def test_luma_is_that_of_the_moments(tmp_path, write_clip, read_clip, opened, pix_fmt):
    source = write_clip(tmp_path / "in.mkv", codec="ffv1", count=3, pix_fmt=pix_fmt)
    frames, moments = read_clip(source), read_clip(opened(source, order=False))
    black = 64 if "10" in pix_fmt else 16
    for n, moment in enumerate(moments):
        before = frames[n // 7].planes[0].astype(float) - black
        expected = before * (1 - 0.1 * (n % 7)) + black
        assert np.abs(moment.planes[0] - expected).max() <= 0.51


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le", "nv12"])
def test_static_chroma_is_the_frames_own(tmp_path, write_clip, read_clip, opened, pix_fmt):
    codec = "libx264" if pix_fmt == "nv12" else "ffv1"
    source = write_clip(tmp_path / "in.mkv", codec=codec, count=2, pix_fmt=pix_fmt)
    frames, moments = read_clip(source), read_clip(opened(source))
    for n, moment in enumerate(moments):
        for before, after in zip(frames[n // 7].planes[1:], moment.planes[1:], strict=True):
            assert np.array_equal(before, after)


@pytest.mark.parametrize("size", [SIDES, (101, 75)])
def test_chroma_moves_with_the_luma(tmp_path, write_clip, read_clip, noise_frame, opened, size):
    frame = noise_frame(0, size, "yuv420p")
    for plane in frame.planes:
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, -1)
        height, width = rows.shape
        y, x = np.mgrid[:height, :width] * (1 if height == size[1] else 2)
        rows[:] = 120 + 50 * np.sin(x / 5) * np.cos(y / 7)
    source = write_clip(tmp_path / "in.mkv", codec="ffv1", frames=[frame])
    (before,), moments = read_clip(source), read_clip(opened(source, moving, chroma="flow"))
    assert np.array_equal(moments[3].planes[1], before.planes[1])
    expected = np.roll(before.planes[1], 3, 1).astype(float)[5:-5, 6:-6]
    found = moments[6].planes[1][5:-5, 6:-6]
    still = before.planes[1][5:-5, 6:-6]
    assert np.abs(found - expected).mean() < 0.3 * np.abs(still - expected).mean()


def test_the_command_and_the_vapoursynth_filter_give_the_same_pixels(
    tmp_path, monkeypatch, write_clip, read_clip, make_clip, planes_of, opened
):
    import vapoursynth as vs

    from vsdeblur.filters import sequence as module

    source = write_clip(tmp_path / "in.mkv", codec="ffv1", count=2)
    clip = make_clip([frame.planes for frame in read_clip(source)], vs.YUV420P8)
    monkeypatch.setattr(module, "load_restorer", lambda name, **o: restorer_of(moving))
    frames = [planes_of(frame) for frame in module.sequence(clip).frames()]
    moments = read_clip(opened(source, moving, chroma="flow"))
    for frame, moment in zip(frames, moments, strict=True):
        for one, other in zip(frame, moment.planes, strict=True):
            assert np.array_equal(one, other)


# Other tracks


def test_high_rate_keeps_the_sound_as_it_is(tmp_path, write_clip, read_packets, opened):
    source = write_clip(tmp_path / "in.mkv", sound_at=0.1)
    assert read_packets(opened(source), "audio") == read_packets(source, "audio")


def test_slow_motion_drops_the_sound(tmp_path, write_clip, read_packets, opened):
    source = write_clip(tmp_path / "in.mkv", sound_at=0.1)
    assert not read_packets(opened(source, stream=FFV1 | {"slow_motion": True}), "audio")


def sound_of(path):
    """Samples of the first channel, their rate, and the first one's time."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    samples = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    return samples, frames[0].sample_rate, float(frames[0].time)


def pitch(samples, rate):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return spectrum.argmax() * rate / len(samples)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_stretched_sound_lasts_longer_at_the_same_pitch(tmp_path, write_clip, opened, suffix):
    source = write_clip(tmp_path / f"in{suffix}", sound_at=0.1)
    stream = X264 | {"slow_motion": True, "stretch_audio": True}
    before, rate, start = sound_of(source)
    after, new_rate, new_start = sound_of(opened(source, suffix=suffix, stream=stream))
    assert new_rate == rate
    # The last window of each tempo filter is lost: a sixth of a second here, however long it is.
    assert len(after) == pytest.approx(7 * len(before), abs=rate / 6)
    assert new_start == pytest.approx(7 * start, abs=0.1)
    assert pitch(after, rate) == pytest.approx(pitch(before, rate), rel=0.02)


def test_subtitles_and_chapters_slow_down_too(tmp_path, write_clip, read_packets, opened):
    subtitles = tmp_path / "words.srt"
    subtitles.write_text("1\n00:00:00,100 --> 00:00:00,200\nOne\n\n")
    chapter = {"id": 1, "start": 40, "end": 160, "time_base": Fraction(1, 1000), "metadata": {}}
    source = write_clip(
        tmp_path / "in.mkv",
        subtitles=subtitles,
        container_setup=lambda c: c.set_chapters([chapter]),
    )
    target = opened(source, stream=FFV1 | {"slow_motion": True})
    ((seconds, _),) = read_packets(target, "subtitle")
    assert seconds == pytest.approx(0.7)
    with av.open(str(target)) as container:
        (found,) = container.chapters()
    assert found["start"] * found["time_base"] == pytest.approx(0.28)
    assert found["end"] * found["time_base"] == pytest.approx(1.12)


# Refusals


def test_a_picture_is_refused(tmp_path, opened):
    from PIL import Image

    source = tmp_path / "in.png"
    Image.new("RGB", SIDES).save(source)
    with pytest.raises(VideoError, match="this filter gives 7 frames for each; give a video"):
        opened(source, suffix=".png")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--slow-motion"], "filter 'dblrgan' has no option --slow-motion"),
        (["--high-rate", "--filter", "brmr"], "filter 'brmr' has no option --high-rate"),
        (["--filter", "sequence", "--high-rate", "--slow-motion"],
         "give --high-rate or --slow-motion, not both"),
        (["--filter", "sequence", "--stretch-audio"],
         "--stretch-audio is for --slow-motion; otherwise the sound stays as it is"),
        (["--filter", "sequence", "--depth", "5"], "depth must be a whole number from 1 to 3"),
    ],
)  # fmt: skip
def test_options_that_do_not_go_together_are_refused(tmp_path, capfd, arguments, text):
    assert main(["restore", "in.mp4", str(tmp_path / "out.mp4"), *arguments]) == 2
    assert text in capfd.readouterr().err
