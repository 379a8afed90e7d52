"""Every frame keeps its time."""

from fractions import Fraction

import av
import pytest

from vsdeblur.stream import StreamOptions

MS = Fraction(1, 1000)
X264 = StreamOptions(encoder_options={"qp": "0"}, preset="ultrafast")


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_constant_frame_rate_keeps_every_pts(tmp_path, suffix, write_clip, read_clip, restored):
    source = write_clip(tmp_path / f"in{suffix}", count=9)
    target, result = restored(source, X264)
    assert (result.frames_in, result.frames_out) == (9, 9)
    assert [f.seconds for f in read_clip(target)] == [f.seconds for f in read_clip(source)]


def test_variable_frame_rate_keeps_every_pts(tmp_path, write_clip, read_clip, restored):
    pts = [0, 512, 1100, 3000, 3001, 9000, 9700]
    source = write_clip(tmp_path / "in.mp4", count=7, pts=pts, time_base=Fraction(1, 12800))
    options = StreamOptions(preset="medium")  # with B-frames
    target, _ = restored(source, options)
    assert [f.pts for f in read_clip(target)] == pts


def test_last_frame_keeps_its_duration(tmp_path, write_clip, noise_frame, restored):
    frames = [noise_frame(i, (64, 48), "yuv420p") for i in range(4)]
    source = write_clip(tmp_path / "in.mp4", frames=frames, pts=[0, 10, 20, 70])
    target, _ = restored(source, X264)
    with av.open(str(source)) as a, av.open(str(target)) as b:
        assert a.streams[0].duration * a.streams[0].time_base == (
            b.streams[0].duration * b.streams[0].time_base
        )


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_late_start_keeps_sound_in_step(
    tmp_path, suffix, write_clip, read_clip, read_packets, restored
):
    source = write_clip(tmp_path / "in.mp4", pts=range(20, 28), sound_at=Fraction(1, 2))
    target, _ = restored(source, X264, suffix=suffix)

    def gap(path):
        return read_clip(path)[0].seconds - read_packets(path, "audio")[0][0]

    assert read_clip(target)[0].seconds < Fraction(1, 2)  # the sound starts at 0
    half_a_sample = Fraction(1, 2 * 48000)  # the finest that both tracks can move by
    assert abs(gap(target) - gap(source)) <= (MS if suffix == ".mkv" else half_a_sample)


def test_frames_without_times_get_them_from_the_rate(tmp_path, write_clip, read_clip, restored):
    source = write_clip(tmp_path / "in.h264", count=6)
    target, result = restored(source, X264, suffix=".mkv")
    assert result.frames_out == 6
    assert [f.seconds for f in read_clip(target)] == [i * 40 * MS for i in range(6)]
