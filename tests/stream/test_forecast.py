"""What a dry run foresees: measured on a few frames from the middle, and nothing is written."""

import time

import pytest
from PIL import Image

from vsdeblur.errors import VideoError
from vsdeblur.stream import StreamOptions, restore_file
from vsdeblur.stream.excerpt import ExcerptRequest
from vsdeblur.stream.jobs.forecast import expected_of_all, forecast_file
from vsdeblur.stream.jobs.measuring import FRAMES, _Sizes
from vsdeblur.stream.positions import Position

FFV1 = StreamOptions(codec="ffv1")
X264 = StreamOptions(encoder_options={"qp": "20"}, preset="ultrafast")
SLEEP = 0.003


@pytest.fixture
def slow_restorer(make_restorer):
    def restore(window):
        time.sleep(SLEEP)
        return window[2:3]

    return make_restorer(restore)


@pytest.mark.parametrize(("options", "suffix"), [(FFV1, ".mkv"), (X264, ".mp4"), (X264, ".ts")])
def test_size_is_foreseen_to_a_tenth(tmp_path, write_clip, make_restorer, options, suffix):
    source = write_clip(tmp_path / "in.mkv", count=120, size=(160, 128), sound_at=0)
    target = tmp_path / f"out{suffix}"
    forecast = forecast_file(source, target, make_restorer(), options)
    assert not target.exists()
    restore_file(source, target, make_restorer(), options)
    assert forecast.bytes == pytest.approx(target.stat().st_size, rel=0.1)


def test_time_is_that_of_the_frames_that_were_measured(tmp_path, write_clip, slow_restorer):
    source = write_clip(tmp_path / "in.mkv", count=100)
    forecast = forecast_file(source, tmp_path / "out.mkv", slow_restorer, FFV1)
    assert slow_restorer.windows == FRAMES + 4
    assert forecast.measured.frames == FRAMES
    assert forecast.measured.seconds_a_frame >= SLEEP
    assert forecast.seconds == 100 * forecast.measured.seconds_a_frame
    assert any(f"measured on {FRAMES} frames" in line for line in forecast.lines())
    assert forecast.lines()[-1].startswith("to expect: 100 frames in about ")


def test_the_frames_are_from_the_middle(tmp_path, write_clip, read_clip, make_restorer):
    source = write_clip(tmp_path / "in.mkv", count=200, codec="ffv1")
    seen = []
    restorer = make_restorer(lambda window: seen.append(window[2, 0].clone()) or window[2:3])
    forecast_file(source, tmp_path / "out.mkv", restorer, FFV1)
    whole = []
    watcher = make_restorer(lambda window: whole.append(window[2, 0].clone()) or window[2:3])
    restore_file(source, tmp_path / "whole.mkv", watcher, FFV1)
    first = next(n for n, frame in enumerate(whole) if bool((frame == seen[0]).all()))
    assert 60 < first < 120


@pytest.mark.parametrize("count", [1, 2, 5])
def test_short_sources_are_measured_as_far_as_they_go(tmp_path, write_clip, make_restorer, count):
    source = write_clip(tmp_path / "in.mkv", count=count)
    forecast = forecast_file(source, tmp_path / "out.mkv", make_restorer(), FFV1)
    assert forecast.frames == count
    assert (forecast.measured is None) == (count == 1)
    assert forecast.lines()[0] == "video track 0 (h264): restored"


def test_a_part_takes_its_share(tmp_path, write_clip, make_restorer):
    source = write_clip(tmp_path / "in.mkv", count=100)
    part = ExcerptRequest(Position(frames=20), Position(frames=30))
    options = StreamOptions(codec="ffv1", part=part)
    assert forecast_file(source, tmp_path / "out.mkv", make_restorer(), options).frames == 30


def test_files_of_one_shape_are_measured_once(tmp_path, write_clip, make_restorer):
    one = write_clip(tmp_path / "a.mkv", count=40)
    two = write_clip(tmp_path / "b.mkv", count=60)
    other = write_clip(tmp_path / "c.mkv", count=40, size=(96, 64))
    restorer, known = make_restorer(), []
    for source in (one, two, other):
        known.append(forecast_file(source, tmp_path / "o.mkv", restorer, FFV1, known=known))
    assert restorer.windows == 2 * (FRAMES + 4)
    assert expected_of_all(known).startswith("all: to expect: 140 frames in about ")
    assert expected_of_all(known[:1]) == ""


def test_a_picture_is_not_measured(tmp_path, make_restorer):
    Image.new("RGB", (64, 48)).save(tmp_path / "in.png")
    forecast = forecast_file(tmp_path / "in.png", tmp_path / "o.png", make_restorer(), FFV1)
    assert forecast.lines() == ["picture: restored"]


def test_what_would_be_refused_is_refused(tmp_path, write_clip, make_restorer):
    source = write_clip(tmp_path / "in.mkv")
    with pytest.raises(VideoError, match=r"the folder .* does not exist"):
        forecast_file(source, tmp_path / "no" / "o.mkv", make_restorer(), FFV1)
    forecast_file(source, tmp_path / "no" / "o.mkv", make_restorer(), FFV1, makes_folder=True)
    assert not (tmp_path / "no").exists()
    with pytest.raises(VideoError, match="unknown video encoder"):
        forecast_file(source, tmp_path / "o.mkv", make_restorer(), StreamOptions(codec="x"))


def test_ctrl_c_ends_it(tmp_path, write_clip, make_restorer):
    def stop(window):
        raise KeyboardInterrupt

    source = write_clip(tmp_path / "in.mkv", count=40)
    with pytest.raises(KeyboardInterrupt):
        forecast_file(source, tmp_path / "o.mkv", make_restorer(stop), FFV1)


class FakePacket:
    def __init__(self, size, is_keyframe):
        self.size, self.is_keyframe = size, is_keyframe


def test_key_frames_are_as_rare_as_in_a_long_run():
    sizes = _Sizes()
    for index in range(20):
        sizes.note(FakePacket(5100 if index == 0 else 100, index == 0))
    assert sizes.bytes_a_frame() == 100 + 5000 / 250
    every = _Sizes()
    for _ in range(20):
        every.note(FakePacket(500, True))
    assert every.bytes_a_frame() == 500
