"""Ends of other kinds: pipes, playlists, what is refused, what waits."""

import functools
import http.server
import os
import threading
from fractions import Fraction

import pytest
from stream.rtsp_server import rtsp_server

from vsdeblur.errors import VideoError
from vsdeblur.stream.live import TrialSource
from vsdeblur.stream.live.clock import Clock
from vsdeblur.stream.live.ends.departures import Departures
from vsdeblur.stream.live.ends.pauses import next_pause


@pytest.fixture
def web(tmp_path):
    """A server of files, in `folder`."""
    folder = tmp_path / "web"
    folder.mkdir()
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    server.folder, server.url = folder, f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def test_a_playlist_is_read_as_fast_as_it_plays(live, web, make_stream, seen, tmp_path):
    make_stream("web/a.ts", seconds=3)
    (web.folder / "live.m3u8").write_text(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\na.ts\n#EXT-X-ENDLIST\n"
    )
    run = live(f"{web.url}/live.m3u8", tmp_path / "out.mkv", reconnect=0)
    status = run.wait()
    assert status.frames_in == 90
    assert status.restored > 80
    assert status.outputs[0].within_bound > 0.95
    assert len(seen(tmp_path / "out.mkv").times) == 90


def test_a_playlist_from_the_network_reads_no_local_file(live, web, make_stream, tmp_path):
    secret = make_stream("secret.ts", seconds=2)
    (web.folder / "live.m3u8").write_text(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n"
        f"#EXTINF:2,\nfile://{secret}\n#EXT-X-ENDLIST\n"
    )
    run = live(f"{web.url}/live.m3u8", tmp_path / "out.mkv", reconnect=0)
    with pytest.raises(VideoError, match="is no video"):
        run.wait()
    assert run.status.frames_in == 0


def test_a_local_playlist_opens_nothing(live, make_stream, tmp_path):
    make_stream("a.ts", seconds=1)
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(VideoError, match="is a playlist"):
        live(tmp_path / "list.m3u8", tmp_path / "out.mkv").wait()


def test_a_camera_that_speaks_rtsp(live, make_stream, tmp_path):
    clip = make_stream(seconds=2)
    with rtsp_server(clip) as address:
        run = live(f"{address}/{clip.name}", tmp_path / "out.mkv", reconnect=0)
        status = run.wait()
    assert status.frames_in >= 57  # the server keeps the last packets
    assert run.said(f"connected to {address}/{clip.name}: h264 64x48, aac")


def test_named_pipes_on_both_sides(live, make_stream, seen, tmp_path):
    source, pipe_in, pipe_out = make_stream(seconds=2), tmp_path / "in", tmp_path / "out"
    os.mkfifo(pipe_in)
    os.mkfifo(pipe_out)
    read = []

    def take():
        with pipe_out.open("rb") as file:
            read.append(file.read())

    reading = threading.Thread(target=take)
    reading.start()
    run = live(pipe_in, pipe_out)
    with pipe_in.open("wb") as file:
        file.write(source.read_bytes())
    run.wait()
    reading.join()
    (tmp_path / "read.ts").write_bytes(read[0])
    assert len(seen(tmp_path / "read.ts").times) == run.status.outputs[0].frames > 0


def test_a_pipe_that_nobody_reads_is_waited_for(live, make_stream, tmp_path):
    os.mkfifo(tmp_path / "out")
    run = live(make_stream(seconds=1), tmp_path / "out")
    status = run.wait()
    assert run.said("nobody reads it")
    assert status.outputs[0].dropped == 30


def test_an_end_that_is_not_there_is_given_up_when_that_is_asked_for(live, free_port, tmp_path):
    run = live(f"tcp://127.0.0.1:{free_port()}", tmp_path / "out.mkv", reconnect=0.6)
    with pytest.raises(VideoError, match="Connection refused"):
        run.wait()
    assert run.said("trying again")


def test_outputs_that_are_all_given_up_end_it(live, encoder, free_port):
    run = live(encoder(seconds=60).url, f"tcp://127.0.0.1:{free_port()}", reconnect=0.6)
    with pytest.raises(VideoError, match="no output is left; the last one: Connection refused"):
        run.wait()


def test_an_input_that_does_not_come_back_ends_it_well(live, encoder, seen, tmp_path):
    camera = encoder(seconds=60)
    run = live(camera.url, tmp_path / "out.mkv", reconnect=1.0)
    run.until(lambda status: status.restored > 30)
    camera.close()
    run.wait()
    assert len(seen(tmp_path / "out.mkv").times) > 30


def test_the_test_source_is_a_stream_with_sound(live, seen, tmp_path):
    clock = Clock()
    run = live(TrialSource(clock), tmp_path / "out.mkv", clock=clock)
    run.until(lambda status: status.restored > 45)
    run.stop()
    result = seen(tmp_path / "out.mkv")
    assert set(result.sizes) == {(640, 360)}
    assert len(result.sound) > 40
    assert run.status.outputs[0].av_offset_max < 0.02


def test_pauses_grow_with_the_time_it_is_away():
    pauses, away = [], 0.0
    while away < 3600:
        pauses.append(next_pause(away))
        away += pauses[-1]
    assert pauses == sorted(pauses)
    assert pauses[0] < 0.5
    assert pauses[-1] == 10
    assert len(pauses) < 500


def test_packets_leave_when_a_later_one_has_come():
    departures = Departures()
    departures.hold(Fraction(1), "a")
    assert departures.gone(Fraction(1), single=False) == []
    departures.hold(Fraction(2), "b")
    assert departures.gone(Fraction(2), single=False) == ["a"]
    assert departures.gone(Fraction(3), single=False) == ["b"]  # of sound
    departures.hold(Fraction(5, 2), "c")
    assert departures.gone(Fraction(5, 2), single=False) == ["c"]  # the sound is there already
    departures.hold(Fraction(4), "d")
    assert departures.rest() == ["d"]


def test_packets_of_one_track_leave_at_once():
    departures = Departures()
    departures.hold(Fraction(1), "a")
    assert departures.gone(Fraction(1), single=True) == ["a"]
