"""Three threads: bounded, and ended together."""

import threading
import time

import pytest

from vsdeblur.errors import VideoError
from vsdeblur.stream import StreamOptions, planning, restore_file
from vsdeblur.stream.channel import Channel, ChannelAborted

X264 = StreamOptions(encoder_options={"qp": "0"}, preset="ultrafast")


class Recorded(planning.Reader):
    latest = None

    def __init__(self, *paths, **options):
        super().__init__(*paths, **options)
        Recorded.latest = self


def test_few_frames_are_held_however_slow_the_restorer(tmp_path, monkeypatch, write_clip, restored):
    monkeypatch.setattr(planning, "Reader", Recorded)
    ahead = []

    def slow(window):
        time.sleep(0.005)
        ahead.append(Recorded.latest.frames - len(ahead))
        return window[2:3]

    source = write_clip(tmp_path / "in.mkv", count=60, options={"g": "1", "preset": "ultrafast"})
    options = StreamOptions(queue_size=3, preset="ultrafast")
    restored(source, options, change=slow)
    assert max(ahead) <= 3 + 3 + 1  # in the queue, in the window, on its way


def test_channel_holds_no_more_than_its_size():
    channel = Channel(2)
    passed = []
    thread = threading.Thread(target=lambda: [passed.append(channel.put(i)) for i in range(5)])
    thread.start()
    time.sleep(0.05)
    assert len(passed) == 2
    items = iter(channel)
    assert [next(items) for _ in range(5)] == [0, 1, 2, 3, 4]
    thread.join()


def test_aborted_channel_stops_both_sides():
    channel = Channel(1)
    channel.put(1)
    channel.abort()
    with pytest.raises(ChannelAborted):
        channel.put(2)
    with pytest.raises(ChannelAborted):
        next(iter(channel))


def test_progress_counts_frames(tmp_path, write_clip, make_restorer):
    source = write_clip(tmp_path / "in.mp4", count=5)
    seen = []
    restore_file(source, tmp_path / "out.mp4", make_restorer(), X264, seen.append)
    assert [p.frames_done for p in seen] == [1, 2, 3, 4, 5]
    assert {p.frames_expected for p in seen} == {5}
    assert all(p.seconds_elapsed >= 0 for p in seen)


@pytest.fixture
def make_failing(make_restorer):
    """Makes a restorer that raises an error after some frames."""

    def make(error, *, after):
        def fail(window):
            if restorer.windows > after:
                raise error
            return window[2:3]

        restorer = make_restorer(fail)
        return restorer

    return make


def test_ctrl_c_leaves_a_playable_file(tmp_path, write_clip, read_clip, make_failing):
    source = write_clip(tmp_path / "in.mp4", count=40, sound_at=0)
    target = tmp_path / "out.mp4"
    restorer = make_failing(KeyboardInterrupt(), after=12)
    result = restore_file(source, target, restorer, X264)
    assert result.interrupted
    assert result.frames_out == 12
    assert not target.exists()
    assert result.target == tmp_path / "out.incomplete.mp4"
    assert [f.pts for f in read_clip(result.target)] == [f.pts for f in read_clip(source)][:12]


def test_ctrl_c_before_the_first_frame_leaves_the_old_file(tmp_path, write_clip, make_failing):
    source = write_clip(tmp_path / "in.mp4")
    target = tmp_path / "out.mp4"
    target.write_bytes(b"old")
    result = restore_file(source, target, make_failing(KeyboardInterrupt(), after=0), X264)
    assert result.interrupted
    assert result.frames_out == 0
    assert target.read_bytes() == b"old"


def test_second_ctrl_c_ends_at_once_and_leaves_the_old_file(
    tmp_path, monkeypatch, write_clip, make_failing
):
    source = write_clip(tmp_path / "in.mp4", count=20)
    target = tmp_path / "out.mp4"
    target.write_bytes(b"old")

    def again(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Channel, "finish", again)
    with pytest.raises(KeyboardInterrupt):
        restore_file(source, target, make_failing(KeyboardInterrupt(), after=2), X264)
    assert target.read_bytes() == b"old"


def test_ctrl_c_while_the_file_is_being_closed_does_not_spoil_it(
    tmp_path, monkeypatch, write_clip, read_clip, make_restorer
):
    source = write_clip(tmp_path / "in.mp4", count=5)
    join = threading.Thread.join
    interrupts = [KeyboardInterrupt()]

    def join_interrupted(self, timeout=None):
        if interrupts:
            raise interrupts.pop()
        join(self, timeout)

    monkeypatch.setattr(threading.Thread, "join", join_interrupted)
    result = restore_file(source, tmp_path / "out.mp4", make_restorer(), X264)
    assert not result.interrupted
    assert len(read_clip(tmp_path / "out.mp4")) == 5


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), VideoError("no")])
def test_a_failing_restorer_leaves_the_old_file(tmp_path, error, write_clip, make_failing):
    source = write_clip(tmp_path / "in.mp4", count=20)
    target = tmp_path / "out.mp4"
    target.write_bytes(b"old")
    with pytest.raises(type(error), match=str(error)):
        restore_file(source, target, make_failing(error, after=3), X264)
    assert target.read_bytes() == b"old"


def test_a_failing_encoder_stops_everyone_with_one_line(
    tmp_path, monkeypatch, write_clip, make_restorer
):
    source = write_clip(tmp_path / "in.mp4", count=20)

    def refuse(self, packet):
        raise VideoError("disk full")

    monkeypatch.setattr(planning.Writer, "_mux", refuse)
    with pytest.raises(VideoError, match="disk full"):
        restore_file(source, tmp_path / "out.mp4", make_restorer(), X264)
    assert not (tmp_path / "out.mp4").exists()


def test_a_frame_the_encoder_swallows_is_an_error(tmp_path, monkeypatch, write_clip, make_restorer):
    source = write_clip(tmp_path / "in.mp4", count=6)
    write_frame = planning.Writer.write_frame

    def swallow(self, frame, planes, shown):
        if shown.pts:
            write_frame(self, frame, planes, shown)

    monkeypatch.setattr(planning.Writer, "write_frame", swallow)
    with pytest.raises(VideoError, match="6 frames were decoded but the encoder gave back 5"):
        restore_file(source, tmp_path / "out.mp4", make_restorer(), X264)
    assert not (tmp_path / "out.mp4").exists()
