"""What a command says: little, much, or to a program; and FFmpeg's reasons."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import av
import plain_clips
import pytest
from rich.console import Console

from vsdeblur import restorers
from vsdeblur.cli import progress as progress_module
from vsdeblur.cli import reporting
from vsdeblur.cli.main import main
from vsdeblur.cli.progress import PlainLines, StreamBar, progress_view
from vsdeblur.stream.ffmpeg_log import FFmpegLines, ffmpeg_reasons, listen_to_ffmpeg

FRAMES = 12


@pytest.fixture(autouse=True)
def restorer(monkeypatch):
    stub = plain_clips.Identity()
    monkeypatch.setattr(restorers, "load_restorer", lambda name, **options: stub)
    yield stub
    listen_to_ffmpeg(FFmpegLines.NONE)


@pytest.fixture
def clip(tmp_path):
    return plain_clips.write_clip(tmp_path / "in.mkv", count=FRAMES)


def run(capfd, *arguments):
    """Status, what was said on stdout, and on stderr."""
    status = main(["restore", *map(str, arguments)])
    out, err = capfd.readouterr()
    assert "Traceback" not in err
    return status, out, err


def events(text):
    return [json.loads(line) for line in text.splitlines()]


# To a program


def test_json_is_an_object_a_line_from_start_to_done(monkeypatch, capfd, clip, tmp_path):
    monkeypatch.setattr(reporting, "JSON_SECONDS", 0)
    target = tmp_path / "out.mkv"
    status, out, err = run(capfd, clip, target, "--json")
    assert (status, err) == (0, "")
    first, *middle, last = events(out)
    names = {"source": str(clip), "target": str(target)}
    assert first == {"event": "start", **names}
    assert last == {"event": "done", **names, "frames_in": FRAMES, "frames_out": FRAMES,
                    "interrupted": False, "whole": True}  # fmt: skip
    assert [each["frames_done"] for each in middle] == list(range(1, FRAMES + 1))
    for each in middle:
        assert each["event"] == "progress"
        assert each["frames_expected"] == FRAMES
        assert each["frames_per_second"] > 0
    assert middle[-1]["seconds_left"] == 0


def test_progress_is_told_now_and_then_and_at_the_end(capfd, clip, tmp_path):
    _, out, _ = run(capfd, clip, tmp_path / "out.mkv", "--json")
    done = [each["frames_done"] for each in events(out) if each["event"] == "progress"]
    assert done[0] == 1
    assert done[-1] == FRAMES
    assert len(done) < FRAMES


def test_warnings_and_errors_are_objects_too(capfd, clip, tmp_path):
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])
    _, out, _ = run(capfd, cut, tmp_path / "a.mkv", "--json")
    warnings = [e["text"] for e in events(out) if e.get("level") == "warning"]
    assert any("damaged: " in text for text in warnings)
    status, out, err = run(capfd, tmp_path / "none.mkv", tmp_path / "b.mkv", "--json")
    assert status == 2
    (error,) = events(out)
    assert (error["event"], error["status"]) == ("error", 2)
    assert err == f"vsdeblur: error: {error['text']}\n"


def test_where_frames_go_to_stdout_a_program_is_told_on_stderr(clip):
    code = (
        "import sys; sys.path[:0] = sys.argv.pop(1).split(';'); "
        "import plain_clips, vsdeblur.restorers as r; "
        "r.load_restorer = lambda name, **o: plain_clips.Identity(); "
        "from vsdeblur.cli.main import main; sys.exit(main())"
    )
    paths = f"{os.path.dirname(plain_clips.__file__)};{os.getcwd()}"  # noqa: PTH109, PTH120
    job = [sys.executable, "-c", code, paths, "restore", str(clip), "-", "--container", "y4m"]
    done = subprocess.run([*job, "--json"], capture_output=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith(b"YUV4MPEG2 W64 H48")
    told = events(done.stderr.decode())
    assert (told[0]["event"], told[-1]["event"], told[-1]["target"]) == ("start", "done", "-")


def test_a_refusal_is_an_object_there_too(capfd, tmp_path):
    arguments = [tmp_path / "none.mkv", "-", "--container", "y4m", "--json"]
    status, out, err = run(capfd, *arguments)
    assert (status, out) == (2, "")
    assert [each["event"] for each in events(err)] == ["error"]


def test_a_job_goes_on_when_the_program_is_gone(monkeypatch, clip, tmp_path):
    def gone(text):
        raise BrokenPipeError

    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", SimpleNamespace(write=gone, flush=lambda: None))
        assert main(["restore", str(clip), str(tmp_path / "out.mkv"), "--json"]) == 0
    assert (tmp_path / "out.mkv").exists()


@pytest.mark.parametrize("other", ["--verbose", "--json"])
def test_quiet_goes_with_nothing_else(capfd, clip, tmp_path, other):
    status, out, err = run(capfd, clip, tmp_path / "out.mkv", "--quiet", other)
    assert (status, out) == (2, "")
    assert err == f"vsdeblur: error: give --quiet or {other}, not both\n"


# To people


def test_quiet_says_errors_alone(capfd, clip, tmp_path):
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])
    assert run(capfd, cut, tmp_path / "out.mkv", "--quiet") == (0, "", "")
    status, _, err = run(capfd, tmp_path / "none.mkv", tmp_path / "b.mkv", "--quiet")
    assert status == 2
    assert err.count("\n") == 1


def test_what_is_quiet_once_is_not_quiet_for_ever(capfd, clip, tmp_path):
    run(capfd, clip, tmp_path / "a.mkv", "--quiet")
    _, _, err = run(capfd, clip, tmp_path / "b.mkv")
    assert f"{tmp_path / 'b.mkv'}: {FRAMES} frames" in err


def test_without_a_terminal_progress_comes_in_lines(monkeypatch, capfd, clip, tmp_path):
    monkeypatch.setattr(progress_module, "LINE_SECONDS", 0)
    _, _, err = run(capfd, clip, tmp_path / "out.mkv")
    lines = [line for line in err.splitlines() if line.startswith("restoring: ")]
    assert len(lines) == FRAMES
    assert lines[5].startswith(f"restoring: 6 of {FRAMES} frames, ")
    assert lines[-1].endswith(" frames/s, 0:00:00 left")


def test_lines_keep_their_distance(monkeypatch):
    clock = iter([0.0, 10.0, 29.9, 30.0, 30.0, 59.9, 61.0, 61.0])
    monkeypatch.setattr(progress_module, "monotonic", lambda: next(clock))
    said = []
    lines = PlainLines(said.append)
    for frames in range(1, 6):
        lines.update(SimpleNamespace(frames_done=frames, frames_expected=None, seconds_elapsed=2))
    assert said == ["restoring: 3 frames, 1.50 frames/s", "restoring: 5 frames, 2.50 frames/s"]


def test_a_terminal_gets_a_bar():
    assert isinstance(progress_view(Console(force_terminal=True)), StreamBar)
    assert isinstance(progress_view(Console(force_terminal=False)), PlainLines)


# FFmpeg's reasons


def test_why_an_encoder_refuses_is_in_the_line(capfd, clip, tmp_path):
    status, _, err = run(capfd, clip, tmp_path / "out.mkv", "--codec", "libsvtav1", "--preset", 99)
    assert status == 2
    assert err.strip().endswith(
        "(FFmpeg: libsvtav1: Value 99.000000 for parameter 'preset' out of range [-2 - 13])"
    )


def test_why_a_file_cannot_be_opened_is_in_the_line(capfd, tmp_path):
    (tmp_path / "in.mkv").write_bytes(b"no video at all")
    _, _, err = run(capfd, tmp_path / "in.mkv", tmp_path / "out.mkv")
    assert "(FFmpeg: matroska,webm: EBML header parsing failed)" in err


def test_verbose_shows_ffmpegs_own_lines(capfd, clip, tmp_path):
    status, _, err = run(capfd, clip, tmp_path / "out.mkv", "--verbose")
    assert status == 0
    assert "[libx264 @ 0x" in err
    assert f"out.mkv: {FRAMES} frames" in err
    assert "[libx264 @ 0x" not in run(capfd, clip, tmp_path / "b.mkv")[2]


def test_who_does_not_ask_gets_no_lines_and_keeps_what_was_set():
    listen_to_ffmpeg(FFmpegLines.NONE)
    av.logging.set_level(av.logging.ERROR)
    with ffmpeg_reasons():
        assert av.logging.get_level() == av.logging.ERROR
    assert av.logging.get_level() == av.logging.ERROR
    av.logging.set_level(None)
