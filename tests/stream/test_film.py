"""Single moments of a video are found anywhere in it, and restored as all of it would be."""

from fractions import Fraction

import av
import numpy as np
import plain_clips
import pytest

from vsdeblur.errors import VideoError
from vsdeblur.stream import StreamOptions, restore_file
from vsdeblur.stream import film as film_module
from vsdeblur.stream.film import Film

SMALL_STEPS = 3
"""Levels of 255 by which two decodings of one lossless frame may be shown otherwise."""
FFV1 = StreamOptions(codec="ffv1")


class Mean(plain_clips.Identity):
    """A restorer that gives the mean of its window, a little darker."""

    def __init__(self, radius=2, channels=1, darker=0.9):
        super().__init__()
        self.radius, self.channels, self.darker = radius, channels, darker

    def restore(self, window, number=0):
        return self.darker * window.mean(dim=0, keepdim=True)


@pytest.fixture
def long_clip(tmp_path, write_clip):
    """Two seconds with one key frame in front and frames in another order than they are shown."""
    options = {"qp": "0", "g": "250", "bf": "3", "preset": "medium"}
    return write_clip(tmp_path / "long.mkv", count=50, options=options)


def at(path, seconds, radius=2):
    with Film(path) as film:
        moment = film.moment(Fraction(seconds), radius)
        return moment, film.pixels(moment.frame)


def frames_of(path):
    with Film(path) as film, av.open(str(path)) as container:
        return [film.pixels(frame) for frame in container.decode(video=0)]


@pytest.mark.parametrize("number", [0, 1, 2, 24, 48, 49])
def test_the_frame_shown_at_a_time_is_found_with_its_neighbours(long_clip, number):
    frames = frames_of(long_clip)
    moment, pixels = at(long_clip, Fraction(number, 25) + Fraction(1, 100))
    assert moment.number == number
    np.testing.assert_array_equal(pixels, frames[number])
    assert len(moment.before) == min(2, number)
    assert len(moment.after) == min(2, 49 - number)
    with Film(long_clip) as film:
        around = [film.pixels(each) for each in (*moment.before, *moment.after)]
    wanted = [frames[n] for n in range(max(0, number - 2), min(49, number + 2) + 1) if n != number]
    np.testing.assert_array_equal(around, wanted)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".ts", ".h264"])
def test_every_container_gives_the_same_moment(tmp_path, write_clip, suffix):
    path = write_clip(tmp_path / f"in{suffix}", count=30)
    same = write_clip(tmp_path / "same.mkv", count=30)
    moment, pixels = at(path, "0.81")
    assert moment.number == 20
    np.testing.assert_array_equal(pixels, at(same, "0.81")[1])


def test_a_late_start_counts_from_the_first_frame(tmp_path, write_clip):
    path = write_clip(tmp_path / "in.mkv", count=30, pts=range(100, 130))
    assert at(path, "0.81")[0].number == 20


def test_frames_of_uneven_length_are_found_by_their_times(tmp_path, write_clip):
    times = [0, 10, 20, 70, 71, 72]
    path = write_clip(tmp_path / "in.mkv", frames=None, count=6, pts=times)
    frames = frames_of(path)
    np.testing.assert_array_equal(at(path, Fraction(60, 25))[1], frames[2])
    np.testing.assert_array_equal(at(path, Fraction(71, 25) + Fraction(1, 100))[1], frames[4])


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p10le", "gray", "bgr0", "nv12", "yuvj420p"])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_shown_is_what_the_whole_file_becomes(tmp_path, write_clip, pix_fmt, channels):
    codec = {"nv12": "libx264", "yuvj420p": "mjpeg"}.get(pix_fmt, "ffv1")
    options = {"mjpeg": {"q": "2"}}.get(codec)
    path = write_clip(tmp_path / "in.mkv", pix_fmt=pix_fmt, codec=codec, options=options, count=9)
    restorer = Mean(channels=channels)
    restore_file(path, tmp_path / "out.mkv", restorer, FFV1)
    with Film(path) as film, Film(tmp_path / "out.mkv") as whole:
        for seconds in (Fraction(0), Fraction(4, 25), Fraction(8, 25)):
            moment = film.moment(seconds, 2)
            (shown,) = film.restored(moment, restorer)
            wanted = whole.pixels(whole.moment(seconds, 0).frame)
            assert np.abs(shown.astype(int) - wanted).max() <= SMALL_STEPS
            assert np.abs(shown.astype(int) - film.pixels(moment.frame)).max() > 20


def test_a_restorer_may_look_at_fewer_neighbours_than_there_are(long_clip):
    with Film(long_clip) as film:
        moment = film.moment(Fraction(1), 2)
        (alone,) = film.restored(moment, Mean(radius=0, darker=1))
        np.testing.assert_array_equal(alone, film.pixels(moment.frame))


def test_a_window_ends_at_a_cut(tmp_path, write_clip):
    frames = []
    for value in (40, 40, 40, 200, 200, 200):
        frame = av.VideoFrame(64, 48, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes([value if plane.width == 64 else 128]) * plane.buffer_size)
        frames.append(frame)
    path = write_clip(tmp_path / "in.mkv", frames=frames, codec="ffv1")
    with Film(path) as film:
        moment = film.moment(Fraction(2, 25), 2)
        restorer = Mean(darker=1)
        (blended,) = film.restored(moment, restorer)
        (kept,) = film.restored(moment, restorer, scene_threshold=0.1)
        own = film.pixels(moment.frame)
    assert np.abs(blended.astype(int) - own).max() > 50
    np.testing.assert_array_equal(kept, own)


def test_where_an_index_leads_behind_the_moment_it_is_looked_for_further_back(
    monkeypatch, long_clip
):
    asked = []
    from_ = Film._from

    def late(self, start):
        asked.append(start)
        frames = from_(self, start)
        return (each for each in frames if len(asked) > 1 or each[0] > 1)

    monkeypatch.setattr(film_module, "_FURTHER_BACK", (Fraction(0), Fraction(1, 5)))
    monkeypatch.setattr(Film, "_from", late)
    moment, pixels = at(long_clip, 1)
    assert len(asked) == 2
    np.testing.assert_array_equal(pixels, frames_of(long_clip)[25])
    assert len(moment.before) == 2


def test_a_moment_behind_the_end_is_refused_at_once(monkeypatch, long_clip):
    monkeypatch.setattr(Film, "_from_start", lambda self: pytest.fail("the whole file is read"))
    with (
        Film(long_clip) as film,
        pytest.raises(VideoError, match=r"no frame at 0:01:00\.00: it is"),
    ):
        film.moment(Fraction(60), 2)


def test_what_cannot_be_gone_back_in_is_refused(tmp_path):
    with pytest.raises(VideoError, match="only once"):
        Film("-")
    with pytest.raises(VideoError, match="does not exist"):
        Film(tmp_path / "none.mkv")
    with pytest.raises(VideoError, match="is a folder"):
        Film(tmp_path)


def test_what_is_too_small_is_refused(tmp_path, write_clip):
    path = write_clip(tmp_path / "in.mkv", count=2, size=(8, 8), codec="ffv1")
    with pytest.raises(VideoError, match="at least"):
        Film(path)
