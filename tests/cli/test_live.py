"""The command `live`: what it refuses, and what it says and writes while it runs."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import av
import numpy as np
import pytest
import torch
from live_stand_ins import Identity

from vsdeblur.cli.main import main
from vsdeblur.errors import OptionError
from vsdeblur.stream import live
from vsdeblur.stream.live.levels import PASSED, Level, LiveFilter, load_live_filter


@pytest.fixture
def identity(monkeypatch):
    """Lets the command restore nothing."""
    chosen = LiveFilter(2, 1, torch.device("cpu"), (Level("identity", Identity()), PASSED))
    monkeypatch.setattr(live, "load_live_filter", lambda name, options: chosen)


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "in.ts"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(25):
            frame = av.VideoFrame.from_ndarray(np.full((72, 64), 8 * index, np.uint8), "yuv420p")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def run(capfd, *arguments):
    status = main(["live", *map(str, arguments)])
    out, err = capfd.readouterr()
    return status, out, err


def refusal(capfd, *arguments):
    """The one line that a refused command says."""
    status, out, err = run(capfd, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("vsdeblur: error: ")
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["in"], "give IN and OUT"),
        (["a", "b", "c"], "give IN and OUT"),
        (["--test-source", "a", "b"], "give OUT alone with --test-source"),
        (["none.ts", "o.ts"], "none.ts does not exist; give an address, a file, or - for stdin"),
        (["srt://h:1", "o.ts"], "srt-live-transmit srt://... udp://127.0.0.1:5000"),
        (["udp://127.0.0.1:5", "srt://h:1"], "srt-live-transmit udp://127.0.0.1:5000 srt://..."),
        (["--listen", "http://h/a.m3u8", "o.ts"], "--listen is for rtmp, rtmps, rtsp, tcp and udp"),
        (["udp://127.0.0.1:5", "rtmp://h/a/$NOT_SET"], "$NOT_SET stands for nothing"),
        (["udp://127.0.0.1:5", "a.ts", "--also", "a.ts"], "two outputs have the same address"),
        (["udp://127.0.0.1:5", "a.xyz"], "suffix '.xyz' is unknown"),
        (["udp://127.0.0.1:5", "no/such/folder/a.ts"], "the folder no/such/folder does not exist"),
        (["udp://127.0.0.1:5", "-", "--container", "mp4"], "mp4 cannot be written to"),
        (["udp://127.0.0.1:5", "-", "--status", "-"], "--status - and an output to -"),
        (["a", "b", "--bitrate", "fast"], "--bitrate must be a number such as 4M or 2500k"),
        (["a", "b", "--bitrate", "4"], "--bitrate must be at least 1000"),
        (["a", "b", "--max-latency", "0"], "--max-latency must be more than 0"),
        (["a", "b", "--keyframes", "-1"], "--keyframes must be more than 0"),
        (["a", "b", "--reconnect", "-1"], "--reconnect must be 0 seconds or more"),
        (["a", "b", "--key-file", "no/key"], "cannot read the key file no/key"),
        (["a", "b", "--model", "huge"], "unknown model 'huge'"),
        (["udp://127.0.0.1:5", "a.ts", "--codec", "libx999"], "unknown video encoder 'libx999'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    capfd, monkeypatch, tmp_path, identity, arguments, said
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NOT_SET", raising=False)
    assert said in refusal(capfd, *arguments)


def test_filters_that_give_several_frames_are_refused():
    with pytest.raises(OptionError, match=r"gives 7 frames for each.*use brmr or dblrgan"):
        load_live_filter("sequence", {})


def test_levels_go_from_the_model_asked_for_down(weights_files):
    options = {"device": "cpu", "precision": "fp32"}
    quality = load_live_filter("dblrgan", options | {"model": "quality"})
    assert [level.name for level in quality.levels] == [
        "quality", "fast", "fast at half size", "passed through",
    ]  # fmt: skip
    given = load_live_filter(
        "dblrgan", options | {"model": "quality", "weights": weights_files["quality"]}
    )
    assert [level.name for level in given.levels] == [
        "quality", "quality at half size", "passed through",
    ]  # fmt: skip
    assert load_live_filter("brmr", options | {"output": "heatmap"}).levels[1] is PASSED


def test_an_existing_file_stays_unless_it_may_be_replaced(capfd, clip, tmp_path, identity):
    (tmp_path / "out.ts").write_bytes(b"old")
    assert "already exists" in refusal(capfd, clip, tmp_path / "out.ts")
    assert (tmp_path / "out.ts").read_bytes() == b"old"
    status, _, _ = run(capfd, clip, tmp_path / "out.ts", "--overwrite")
    assert status == 0
    assert (tmp_path / "out.ts").stat().st_size > 1000


def test_events_and_status(capfd, clip, tmp_path, identity):
    target, file = tmp_path / "out.mkv", tmp_path / "status.jsonl"
    status, out, err = run(capfd, clip, target, "--status", file)
    assert (status, out) == (0, "")
    lines = err.splitlines()
    assert "input: connected to" in lines[0]
    assert lines[-1].endswith("Mbit/s")
    last = json.loads(file.read_text().splitlines()[-1])
    assert last["frames_in"] == 25
    assert last["restored"] + last["passed"] == 25
    assert last["outputs"][0]["frames"] == 25
    for name in ("latency", "latency_p95", "latency_max", "av_offset", "bit_rate", "reconnects"):
        assert name in last
    with av.open(str(target)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 25


def test_a_status_on_stdout_is_lines_of_json(capfd, clip, tmp_path, identity):
    status, out, _ = run(capfd, clip, tmp_path / "out.mkv", "--status", "-")
    assert status == 0
    assert [json.loads(line)["level"] for line in out.splitlines()]


def test_keys_are_in_no_line(capfd, clip, tmp_path, monkeypatch, identity):
    monkeypatch.setenv("KEY", "sssh-0123456789")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    file = tmp_path / "status.jsonl"
    status, _, err = run(
        capfd, clip, f"rtmp://127.0.0.1:{port}/app/$KEY", "--reconnect", "0.5", "--status", file
    )
    assert status == 2
    assert "Connection refused" in err
    assert "sssh" not in err
    assert f"rtmp://127.0.0.1:{port}/app/***" in err
    assert "sssh" not in file.read_text()


def test_metrics_are_told_on_this_machine(tmp_path, identity):
    pytest.importorskip("prometheus_client", reason="prometheus-client is not installed")
    from vsdeblur.stream.live.watching.metrics import serve_metrics

    status = live.LiveStatus(
        time="", seconds=1, frames_in=9, restored=7, passed=1, dropped=1, held=0, skipped=0,
        input_reconnects=2, level=1, level_name="fast", level_changes=1, outputs=(),
    )  # fmt: skip
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with serve_metrics(port, lambda: status):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            text = answer.read().decode()
        with pytest.raises(OptionError, match="choose another port"), serve_metrics(port, None):
            pass
    assert 'vsdeblur_live_frames_total{what="restored"} 7.0' in text
    assert "vsdeblur_live_level 1.0" in text
    assert "vsdeblur_live_input_reconnects_total 2.0" in text


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_within_a_second_with_a_file_that_plays(tmp_path, sent):
    target = tmp_path / "out.mkv"
    command = [
        sys.executable, "-m", "vsdeblur", "live", "--test-source", target, "--device", "cpu",
    ]  # fmt: skip
    lines = []
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        reading = threading.Thread(target=lambda: lines.extend(process.stderr))
        reading.start()
        give_up = time.monotonic() + 120
        while not any("output" in line and "connected" in line for line in lines):
            assert time.monotonic() < give_up, lines
            time.sleep(0.1)
        time.sleep(3)
        process.send_signal(sent)
        begun = time.monotonic()
        process.wait(20)
        took = time.monotonic() - begun
        reading.join()
    assert process.returncode == 128 + sent
    assert any("stopping" in line for line in lines)
    assert took < 2  # one second for the ends, and the interpreter's own
    with av.open(str(target)) as container:
        assert sum(1 for _ in container.decode(video=0)) > 30
