"""Targets: what exists is never lost, and what is no file is written through or refused."""

import os
import stat
import threading
from pathlib import Path

import av
import pytest

from vsdeblur.errors import VideoError
from vsdeblur.stream import StreamOptions, restore_file
from vsdeblur.stream.paths import free_name, partial_file

X264 = StreamOptions(encoder_options={"qp": "0"}, preset="ultrafast")
MKV = StreamOptions(preset="ultrafast", container="mkv")

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")


@pytest.fixture
def clip(tmp_path, write_clip):
    return write_clip(tmp_path / "clip.mp4", count=20)


@pytest.fixture
def interrupted_after(make_restorer):
    """Makes a restorer that Ctrl-C, or another error, ends."""

    def make(frames, error=KeyboardInterrupt):
        def stop(window):
            if restorer.windows > frames:
                raise error
            return window[2:3]

        restorer = make_restorer(stop)
        return restorer

    return make


def frames_in(path):
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_a_link_stays_and_the_file_it_leads_to_is_replaced(tmp_path, clip, make_restorer):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "out.mp4").write_bytes(b"old")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "real" / "out.mp4")
    restore_file(clip, tmp_path / "link.mp4", make_restorer(), X264)
    assert (tmp_path / "link.mp4").is_symlink()
    assert frames_in(tmp_path / "real" / "out.mp4") == 20


def test_a_link_to_nothing_gets_its_file(tmp_path, clip, make_restorer):
    (tmp_path / "link.mp4").symlink_to(tmp_path / "out.mp4")
    restore_file(clip, tmp_path / "link.mp4", make_restorer(), X264)
    assert (tmp_path / "link.mp4").is_symlink()
    assert frames_in(tmp_path / "out.mp4") == 20


@pytest.mark.skipif(not Path("/dev/null").is_char_device(), reason="needs a device")
def test_a_device_is_written_through(clip, make_restorer):
    result = restore_file(clip, Path("/dev/null"), make_restorer(), MKV)
    assert result.frames_out == 20
    assert Path("/dev/null").is_char_device()


@needs_pipes
def test_a_named_pipe_is_written_through(tmp_path, clip, make_restorer):
    pipe, got = tmp_path / "out.mkv", tmp_path / "got.mkv"
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.write_bytes(pipe.read_bytes()))
    reader.start()
    restore_file(clip, pipe, make_restorer(), MKV)
    reader.join()
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert frames_in(got) == 20


@needs_pipes
def test_a_pipe_refuses_what_has_to_go_back(tmp_path, clip, make_restorer):
    os.mkfifo(tmp_path / "out.mp4")
    with pytest.raises(VideoError, match=r"mp4 cannot be written to .*, which cannot go back"):
        restore_file(clip, tmp_path / "out.mp4", make_restorer(), X264)


@needs_pipes
def test_a_pipe_that_nobody_reads_is_given_up(tmp_path, clip, make_restorer, monkeypatch):
    monkeypatch.setattr("vsdeblur.stream.outlet._WAIT_SECONDS", 0.2)
    os.mkfifo(tmp_path / "out.mkv")
    with pytest.raises(VideoError, match="nobody reads the pipe"):
        restore_file(clip, tmp_path / "out.mkv", make_restorer(), MKV)


def test_the_longest_name_that_a_file_may_have_is_written(tmp_path, clip, make_restorer):
    target = tmp_path / f"{'夏' * 83}.mp4"  # 253 bytes
    restore_file(clip, target, make_restorer(), X264)
    assert frames_in(target) == 20


def test_ctrl_c_keeps_the_old_file_and_puts_the_part_beside_it(tmp_path, clip, interrupted_after):
    target = tmp_path / "out.mp4"
    target.write_bytes(b"old")
    result = restore_file(clip, target, interrupted_after(12), X264)
    assert result.interrupted
    assert target.read_bytes() == b"old"
    assert result.target == tmp_path / "out.incomplete.mp4"
    assert frames_in(result.target) == 12


@pytest.mark.parametrize("error", [VideoError("the card is gone"), RuntimeError("out of memory")])
def test_what_an_error_leaves_is_kept_under_a_name_that_says_so(
    tmp_path, clip, interrupted_after, error
):
    with pytest.raises(type(error), match=str(error)):
        restore_file(clip, tmp_path / "out.mkv", interrupted_after(9, error), X264)
    assert not (tmp_path / "out.mkv").exists()
    assert 1 <= frames_in(tmp_path / "out.incomplete.mkv") <= 9


def test_a_name_that_is_free_is_found(tmp_path):
    (tmp_path / "out.incomplete.mp4").touch()
    assert free_name(tmp_path / "out.mp4", "incomplete").name == "out.incomplete-2.mp4"


def test_what_a_killed_run_left_is_named_and_what_runs_is_not(tmp_path, caplog):
    target = tmp_path / "out.mp4"
    with partial_file(target) as running:
        with partial_file(target):
            assert caplog.text == ""
        left = running.path.with_name(".out.0123abcd.partial.mp4")
        left.touch()
        with partial_file(target):
            assert f"{left} was left by a run that was killed; delete it" in caplog.text
            assert str(running.path) not in caplog.text
    left.unlink()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_a_full_disk_is_one_line(clip, make_restorer):
    with pytest.raises(VideoError) as refused:
        restore_file(clip, Path("/dev/full"), make_restorer(), MKV)
    assert "\n" not in str(refused.value)
    assert "cannot write /dev/full" in str(refused.value)
