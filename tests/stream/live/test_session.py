"""A stream from one end to the other, on this machine."""

from itertools import pairwise

import pytest


def test_a_file_comes_out_whole(live, make_stream, seen, tmp_path):
    source = make_stream(seconds=2)
    run = live(source, tmp_path / "out.mkv")
    status = run.wait()
    assert status.frames_in == 60
    assert status.restored + status.passed == 60
    assert status.dropped == 0
    result = seen(tmp_path / "out.mkv")
    assert result.numbers == list(range(60))
    assert result.times[0] == 0
    assert abs(result.sound[0]) < 0.03
    assert abs(result.sound[-1] - result.times[-1]) < 0.05
    assert status.outputs[0].av_offset_max < 0.002


def test_a_camera_is_received_and_sent_on(live, encoder, receiver, seen):
    camera, viewer = encoder(seconds=60), receiver()
    run = live(camera.url, viewer.url)
    run.until(lambda status: status.restored > 60)
    assert run.stop() < 1.5
    status = run.status
    assert status.frames_in == status.restored + status.passed + status.dropped
    assert status.outputs[0].latency_p95 < 0.5
    result = seen(viewer.files[0])
    assert len(result.times) >= 60
    assert result.numbers == list(range(result.numbers[0], result.numbers[0] + len(result.numbers)))


def test_a_camera_that_hangs_up_is_called_again(live, encoder, receiver, seen):
    """Its clock begins at another time with each call; the pictures stay in step with the sound."""
    camera, viewer = encoder(seconds=60, start=lambda call: 1000 * (call % 3)), receiver()
    run = live(camera.url, viewer.url)
    for calls in range(1, 4):
        run.until(lambda status, calls=calls: status.restored > 45 * calls)
        camera.hang_up()
    run.until(lambda status: status.restored > 200)
    run.stop()
    assert run.status.input_reconnects == 3
    assert run.status.outputs[0].reconnects == 0
    assert run.status.outputs[0].av_offset_max < 0.02
    assert len(viewer.files) == 1
    result = seen(viewer.files[0])
    assert all(a < b for a, b in pairwise(result.times))
    assert max(b - a for a, b in pairwise(result.times)) < 1.5
    assert all(a < b for a, b in pairwise(result.sound))
    assert abs(result.times[-1] - result.sound[-1]) < 0.3
    assert len(run.said("input: connected after")) == 3


def test_a_camera_that_is_silent_has_its_last_picture_held(live, encoder, receiver, seen):
    camera, viewer = encoder(seconds=60), receiver()
    run = live(camera.url, viewer.url)
    run.until(lambda status: status.restored > 30)
    camera.paused.set()
    run.until(lambda status: status.held > 20)
    camera.paused.clear()
    held = run.status.restored
    run.until(lambda status: status.restored > held + 60)
    run.stop()
    assert run.said("the last one is held")
    assert run.said("pictures again")
    result = seen(viewer.files[0])
    assert max(b - a for a, b in pairwise(result.times)) < 1.5
    assert run.status.outputs[0].av_offset_max < 0.02


def test_an_output_that_refuses_is_called_again(live, encoder, receiver, seen):
    camera, viewer = encoder(seconds=60), receiver()
    run = live(camera.url, viewer.url)
    run.until(lambda status: status.outputs[0].frames > 30)
    viewer.refuse()
    run.until(lambda status: not status.outputs[0].connected)
    viewer.listen()
    run.until(lambda status: status.outputs[0].connected, seconds=3)
    before = run.status.outputs[0].frames
    run.until(lambda status: status.outputs[0].frames > before + 60)
    run.stop()
    assert run.status.outputs[0].reconnects == 1
    assert run.said("lost")
    assert run.said("connected after")
    again = seen(viewer.files[1])
    assert len(again.times) > 50  # from a key frame on
    assert run.status.outputs[0].av_offset_max < 0.02


def test_an_output_that_takes_nothing_holds_nothing_up(live, encoder, receiver, seen):
    """The other output does not feel it, and neither does memory."""
    camera, viewer, other = encoder(seconds=60), receiver(), receiver()
    run = live(camera.url, viewer.url, other.url, bit_rate=8_000_000)
    run.until(lambda status: status.restored > 30)
    viewer.idle.set()
    start = run.status.outputs[1].frames
    run.until(lambda status: status.outputs[1].frames > start + 120)
    assert run.status.outputs[1].dropped == 0
    assert run.status.outputs[1].within_bound > 0.99
    viewer.idle.clear()
    run.until(lambda status: status.outputs[0].connected)


def test_pictures_of_another_size_open_the_output_anew(live, encoder, receiver, seen):
    sizes = {1: (64, 48), 2: (96, 64)}
    camera, viewer = encoder(seconds=60, size=lambda call: sizes[min(call, 2)]), receiver()
    run = live(camera.url, viewer.url)
    run.until(lambda status: status.restored > 30)
    camera.hang_up()
    run.until(lambda status: status.restored > 90)
    run.stop()
    assert set(seen(viewer.files[0]).sizes) == {(64, 48)}
    assert set(seen(viewer.files[1]).sizes) == {(96, 64)}
    assert run.said("pictures are now 96x64")


def test_a_file_goes_on_in_another_one_when_the_size_changes(live, encoder, seen, tmp_path):
    sizes = {1: (64, 48), 2: (96, 64)}
    camera = encoder(seconds=60, size=lambda call: sizes[min(call, 2)])
    run = live(camera.url, tmp_path / "out.mkv")
    run.until(lambda status: status.restored > 30)
    camera.hang_up()
    run.until(lambda status: status.restored > 60)
    run.stop()
    assert set(seen(tmp_path / "out.mkv").sizes) == {(64, 48)}
    assert set(seen(tmp_path / "out.2.mkv").sizes) == {(96, 64)}


@pytest.mark.parametrize("name", ["out.mkv", "out.mp4", "out.ts", "out.flv", "out.m3u8"])
def test_stopped_files_play(live, encoder, seen, tmp_path, name):
    camera = encoder(seconds=60)
    run = live(camera.url, tmp_path / name, key_frame_seconds=0.5)
    run.until(lambda status: status.restored > 45)
    assert run.stop() < 1.5
    result = seen(tmp_path / name)
    assert len(result.times) >= 45
    assert len(result.sound) >= 45


def test_one_encoder_serves_several_outputs(live, make_stream, receiver, seen, tmp_path):
    source, viewer = make_stream(seconds=2), receiver()
    run = live(source, tmp_path / "a.mkv", tmp_path / "b.flv", viewer.url)
    status = run.wait()
    assert [output.frames for output in status.outputs] == [60, 60, 60]
    for path in (tmp_path / "a.mkv", tmp_path / "b.flv", viewer.files[0]):
        assert seen(path).numbers == list(range(60))


def test_sound_that_the_output_does_not_hold_is_converted(live, make_stream, seen, tmp_path):
    source = make_stream(seconds=3, sound_codec="mp2")
    run = live(source, tmp_path / "out.flv")
    status = run.wait()
    assert run.said("mp2")
    result = seen(tmp_path / "out.flv")
    assert abs(result.sound[0]) < 0.03
    assert abs(result.sound[-1] - result.times[-1]) < 0.1
    assert status.outputs[0].av_offset_max is None or status.outputs[0].av_offset_max < 0.02


@pytest.mark.parametrize(
    "kind",
    [
        {"sound": False},
        {"tune": None, "gop": 12},  # with frames that are shown in another order
        {"codec": "libx265", "tune": "zerolatency"},
        {"codec": "mpeg2video", "tune": None},
        {"pix_fmt": "yuv422p10le"},
        {"container": "matroska"},
        {"container": "flv"},
        {"rate": 10},
        {"size": (66, 50)},
    ],
    ids=lambda kind: ",".join(f"{name}={value}" for name, value in kind.items()),
)
def test_streams_of_other_kinds(live, encoder, receiver, seen, kind):
    camera, viewer = encoder(seconds=60, **kind), receiver()
    run = live(camera.url, viewer.url)
    run.until(lambda status: status.restored > 30)
    run.stop()
    status = run.status
    assert status.frames_in == status.restored + status.passed + status.dropped
    assert status.outputs[0].within_bound > 0.9
    assert status.outputs[0].av_offset_max is None or status.outputs[0].av_offset_max < 0.02
    result = seen(viewer.files[0])
    assert all(before < after for before, after in pairwise(result.times))
    numbers = result.numbers[:150]
    assert numbers == sorted(numbers)  # in the order in which they are shown
    assert numbers[-1] - numbers[0] > 25


def test_pictures_are_such_as_players_take_where_players_are(live, make_stream, seen, tmp_path):
    source = make_stream(seconds=1, pix_fmt="yuv422p10le")
    live(source, tmp_path / "out.ts").wait()
    live(source, tmp_path / "out.flv").wait()
    live(source, tmp_path / "asked.flv", pixel_format="yuv422p10le").wait()
    assert set(seen(tmp_path / "out.ts").formats) == {"yuv422p10le"}
    assert set(seen(tmp_path / "out.flv").formats) == {"yuv420p"}
    assert set(seen(tmp_path / "asked.flv").formats) == {"yuv422p10le"}
