"""Sources: pipes, addresses, playlists and files that continue one another."""

import contextlib
import http.server
import os
import shutil
import socket
import subprocess
import threading
import time
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest
from stream.rtsp_server import rtsp_server

from vsdeblur.errors import VideoError
from vsdeblur.stream import StreamOptions, restore_file
from vsdeblur.stream.source import open_source

X264 = StreamOptions(encoder_options={"qp": "0"}, preset="ultrafast")

RTMP_MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")
"""Where Debian's package of nginx's RTMP server puts it."""

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")


@pytest.fixture
def clip(tmp_path, write_clip):
    return write_clip(tmp_path / "clip.ts", count=10, sound_at=0)


def spoiled_clock(source, path, shift):
    """A transport stream whose clock is moved packet by packet."""
    with (
        av.open(str(source)) as clip,
        av.open(str(path), "w", container_options={"muxdelay": "0"}) as container,
    ):
        streams = [container.add_stream_from_template(s, opaque=True) for s in clip.streams]
        for packet in clip.demux():
            if packet.size:
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = streams[packet.stream.index]
                container.mux(packet)
    return path


def seconds_of(frames):
    return [frame.seconds for frame in frames]


@needs_pipes
def test_a_named_pipe_is_read_once(tmp_path, clip, read_clip, make_restorer):
    pipe = tmp_path / "in.ts"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(clip.read_bytes()))
    writer.start()
    result = restore_file(pipe, tmp_path / "out.mp4", make_restorer(), X264)
    writer.join()
    assert result.frames_out == 10
    assert len(read_clip(tmp_path / "out.mp4")) == 10


@needs_pipes
def test_a_pipe_that_holds_no_video_is_refused_in_one_line(tmp_path, make_restorer):
    pipe = tmp_path / "in.ts"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(b"a letter" * 100))
    writer.start()
    with pytest.raises(VideoError, match=r"cannot read .*in\.ts as a stream"):
        restore_file(pipe, tmp_path / "out.mp4", make_restorer(), X264)
    writer.join()


def test_joined_recordings_are_one_without_a_break(
    tmp_path, clip, read_clip, read_packets, restored
):
    later = spoiled_clock(clip, tmp_path / "later.ts", 90000 * 1000)
    options = StreamOptions(preset="ultrafast", join=(later, clip))
    target, result = restored(clip, options, suffix=".mkv")
    assert result.frames_out == 30
    assert result.warnings == ()
    times = seconds_of(read_clip(target))
    assert times[0] < Fraction(1, 10)
    steps = {round(float(b - a), 3) for a, b in pairwise(times)}
    assert max(steps) < 0.1
    assert len(read_packets(target, "audio")) == 3 * len(read_packets(clip, "audio"))


def test_recordings_with_other_tracks_are_not_joined(tmp_path, clip, write_clip, make_restorer):
    other = write_clip(tmp_path / "other.mkv", codec="ffv1", count=2)
    options = StreamOptions(join=(other,))
    with pytest.raises(
        VideoError, match=r"cannot continue .*: its tracks are video ffv1, not video h264"
    ):
        restore_file(clip, tmp_path / "out.mkv", make_restorer(), options)


def test_a_stream_that_starts_late_starts_at_0(tmp_path, clip, read_clip, restored):
    late = spoiled_clock(clip, tmp_path / "late.ts", 90000 * 5000)
    target, result = restored(late, X264, suffix=".mp4")
    assert result.frames_out == 10
    assert seconds_of(read_clip(target))[0] < Fraction(1, 10)


def test_joined_with_cat_the_times_go_on(tmp_path, clip, read_clip, restored, caplog):
    source = tmp_path / "in.ts"
    later = spoiled_clock(clip, tmp_path / "later.ts", 90000 * 9000)
    source.write_bytes(clip.read_bytes() + later.read_bytes() + clip.read_bytes())
    target, result = restored(source, X264, suffix=".mp4")
    times = seconds_of(read_clip(target))
    assert len(times) == result.frames_out == 30
    assert times == [times[0] + Fraction(i, 25) for i in range(30)]
    assert "the clock jumps by 8999" in caplog.text or "the clock jumps by 9000" in caplog.text


# What may be opened


def playlists(clip):
    return {
        "m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{clip}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile {clip}\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    }


@pytest.mark.parametrize("kind", ["m3u8", "concat", "sdp"])
@pytest.mark.parametrize("suffix", [".mp4", ".m3u8"])
def test_a_playlist_opens_nothing_whatever_its_name(tmp_path, clip, make_restorer, kind, suffix):
    source = tmp_path / f"list{suffix}"
    source.write_text(playlists(clip)[kind], encoding="utf-8")
    with pytest.raises(
        VideoError, match=r"is a playlist, which names other files .*--allow-playlist"
    ):
        restore_file(source, tmp_path / "out.mp4", make_restorer(), X264)


@pytest.mark.parametrize("kind", ["m3u8", "concat"])
def test_a_playlist_is_read_where_it_is_allowed(tmp_path, clip, make_restorer, kind):
    source = tmp_path / "list.m3u8"
    source.write_text(playlists(clip)[kind], encoding="utf-8")
    options = StreamOptions(preset="ultrafast", allow_playlist=True)
    assert restore_file(source, tmp_path / "out.mp4", make_restorer(), options).frames_out == 10


@pytest.fixture
def served(tmp_path):
    """Serves the folder; gives its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(tmp_path))

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    server.daemon_threads = False
    server.block_on_close = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_address_is_read(tmp_path, clip, served, make_restorer):
    result = restore_file(f"{served}/{clip.name}", tmp_path / "out.mp4", make_restorer(), X264)
    assert result.frames_out == 10


def test_an_hls_playlist_from_the_network_is_read(tmp_path, write_clip, served, make_restorer):
    options = {"qp": "0", "preset": "ultrafast", "g": "5"}  # a segment starts at a key frame
    clip = write_clip(tmp_path / "clip.ts", count=10, options=options, sound_at=0)
    with (
        av.open(str(clip)) as source,
        av.open(
            str(tmp_path / "list.m3u8"), "w", options={"hls_time": "0.1", "hls_list_size": "0"}
        ) as hls,
    ):
        tracks = [hls.add_stream_from_template(s, opaque=True) for s in source.streams]
        for packet in source.demux():
            if packet.size:
                packet.stream = tracks[packet.stream.index]
                hls.mux(packet)
    assert len(list(tmp_path.glob("list*.ts"))) > 1
    result = restore_file(f"{served}/list.m3u8", tmp_path / "out.mp4", make_restorer(), X264)
    assert result.frames_out == 10


def test_what_is_no_video_is_refused_at_its_address(tmp_path, served):
    (tmp_path / "letter.mp4").write_bytes(b"a letter" * 100)
    with pytest.raises(VideoError, match=r"what comes from .* is no video: .*HLS playlist"):
        open_source(f"{served}/letter.mp4")
    with pytest.raises(VideoError, match=r"cannot open .*404 Not Found; check the address"):
        open_source(f"{served}/nothing.mp4")


@contextlib.contextmanager
def rtmp_server(folder):
    """Serve recordings by RTMP, with nginx; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    state = folder / "nginx"
    state.mkdir()
    config = state / "nginx.conf"
    config.write_text(
        f"load_module {RTMP_MODULE}; daemon off; master_process off;\n"
        f"pid {state}/pid; error_log {state}/errors.log;\n"
        "events {}\n"
        f"rtmp {{ server {{ listen 127.0.0.1:{port}; "
        f"application vod {{ play {folder}; }} }} }}\n",
        encoding="utf-8",
    )
    command = [shutil.which("nginx"), "-c", str(config), "-p", str(state)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        for _ in range(50):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.1)
        yield f"rtmp://127.0.0.1:{port}/vod"
    finally:
        server.terminate()
        server.wait()


def test_rtsp_is_read(tmp_path, write_clip, make_restorer):
    clip = write_clip(tmp_path / "clip.ts", count=50, sound_at=0)
    with rtsp_server(clip) as address:
        result = restore_file(f"{address}/clip.ts", tmp_path / "out.mp4", make_restorer(), X264)
        with pytest.raises(VideoError, match=r"404 Not Found; check the address"):
            open_source(f"{address}/other.ts")
    assert result.frames_out >= 49  # the server's muxer keeps the last packet


@pytest.mark.skipif(not RTMP_MODULE.exists(), reason="needs nginx with libnginx-mod-rtmp")
def test_rtmp_is_read(tmp_path, write_clip, make_restorer):
    write_clip(tmp_path / "clip.flv", count=10, sound_at=0)
    with rtmp_server(tmp_path) as address:
        result = restore_file(f"{address}/clip.flv", tmp_path / "out.mp4", make_restorer(), X264)
        with pytest.raises(VideoError, match=r"cannot open rtmp://.*; check the address"):
            open_source(f"{address}/other.flv")
    assert result.frames_out == 10


def test_an_address_that_is_silent_is_given_up(tmp_path, monkeypatch):
    opened = av.open
    monkeypatch.setattr(av, "open", lambda *a, **b: opened(*a, **b | {"timeout": (1.0, 1.0)}))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(VideoError, match="nothing came for too long; check the address"):
            open_source(f"http://127.0.0.1:{port}/film.ts")


def test_a_playlist_from_the_network_opens_no_local_file(tmp_path, clip, served, make_restorer):
    text = playlists(f"file://{clip}")["m3u8"]
    (tmp_path / "list.m3u8").write_text(text, encoding="utf-8")
    with pytest.raises(VideoError) as refused:
        restore_file(f"{served}/list.m3u8", tmp_path / "out.mp4", make_restorer(), X264)
    assert "\n" not in str(refused.value)


def test_an_address_of_another_kind_is_refused():
    with pytest.raises(VideoError, match="addresses of gopher:// are not read; use http"):
        open_source("gopher://host/film")


def test_a_password_in_an_address_is_not_shown():
    with pytest.raises(VideoError) as refused:
        open_source("http://user:secret@127.0.0.1:9/film.ts")
    assert "secret" not in str(refused.value)
