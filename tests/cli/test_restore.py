"""The command `restore`: what it does to what exists, how it ends, and what it sets up."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import av
import numpy as np
import pytest
import torch

from vsdeblur import restorers
from vsdeblur.cli import main as main_module
from vsdeblur.cli.main import main
from vsdeblur.cli.outside import stop_signals, unbroken_stderr

FRAMES = 12


class Identity:
    """A restorer that restores nothing; what it is told to do comes before each frame."""

    radius, multiplier, channels = 0, 1, 1
    device = torch.device("cpu")
    exposure, moves_chroma = 1.0, False

    def __init__(self, before=lambda number: None):
        self.before = before

    def restore(self, window, number=0):
        self.before(number)
        return window


@pytest.fixture
def restorer(monkeypatch):
    stub = Identity()
    monkeypatch.setattr(restorers, "load_restorer", lambda name, **options: stub)
    return stub


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "in [x].mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(np.full((72, 64), 20 * index, np.uint8), "yuv420p")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def run(capfd, *arguments):
    status = main(["restore", *(str(argument) for argument in arguments)])
    out, err = capfd.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return status, err


def frames_in(path):
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_an_existing_file_is_replaced_only_if_that_is_said(capfd, tmp_path, clip, restorer):
    target = tmp_path / "out.mkv"
    target.write_bytes(b"old")
    status, err = run(capfd, clip, target)
    assert status == 2
    assert "already exists; give another name, or allow replacing it (--overwrite)" in err
    assert target.read_bytes() == b"old"
    status, err = run(capfd, clip, target, "--overwrite")
    assert status == 0
    assert frames_in(target) == FRAMES


def test_names_are_printed_as_they_are(capfd, tmp_path, clip, restorer):
    target = tmp_path / "out [bold] [x].mkv"
    assert f"{target}: {FRAMES} frames" in run(capfd, clip, target)[1]


def test_a_dry_run_says_what_becomes_of_each_track_and_writes_nothing(
    capfd, tmp_path, clip, restorer
):
    status, err = run(capfd, clip, tmp_path / "out.mp4", "--dry-run")
    assert status == 0
    assert "video track 0 (ffv1): restored" in err
    assert not (tmp_path / "out.mp4").exists()


def test_damage_is_a_warning_and_with_strict_a_status(capfd, tmp_path, clip, restorer):
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])
    status, err = run(capfd, cut, tmp_path / "a.mkv")
    assert status == 0
    assert "damaged: " in err
    assert run(capfd, cut, tmp_path / "b.mkv", "--strict")[0] == 1
    assert run(capfd, clip, tmp_path / "c.mkv", "--strict")[0] == 0


def test_y4m_on_stdout_is_what_a_pipe_gets(tmp_path, clip, restorer):
    command = "import sys; sys.path[:0] = sys.argv.pop(1).split(':'); " \
        "import vsdeblur.restorers as r; from test_restore import Identity; " \
        "r.load_restorer = lambda name, **o: Identity(); " \
        "from vsdeblur.cli.main import main; sys.exit(main())"  # fmt: skip
    paths = f"{os.path.dirname(__file__)}:{os.getcwd()}"  # noqa: PTH109, PTH120
    job = [sys.executable, "-c", command, paths, "restore", "-", "-", "--container", "y4m"]
    done = subprocess.run(job, input=clip.read_bytes(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.startswith(b"YUV4MPEG2 W64 H48 F25:1")
    assert done.stdout.count(b"FRAME") == FRAMES


# How it ends


@pytest.mark.skipif(os.name == "nt", reason="signals of other systems")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_the_job_with_a_playable_file(capfd, tmp_path, clip, restorer, name):
    number = getattr(signal, name)

    def stop(frame):
        if frame == 6:
            os.kill(os.getpid(), number)
            time.sleep(0.2)

    restorer.before = stop
    status, err = run(capfd, clip, tmp_path / "out.mkv")
    assert status == 128 + number
    assert "stopped; " in err
    assert "and plays" in err
    assert 1 <= frames_in(tmp_path / "out.incomplete.mkv") <= 7
    assert not (tmp_path / "out.mkv").exists()
    assert not list(tmp_path.glob(".*"))


def test_a_job_stopped_before_its_first_frame_claims_nothing(capfd, tmp_path, clip, restorer):
    def stop(frame):
        raise KeyboardInterrupt

    restorer.before = stop
    status, err = run(capfd, clip, tmp_path / "out.mkv")
    assert status == 130
    assert err.strip().endswith("vsdeblur: error: stopped; nothing was written")
    assert not (tmp_path / "out.mkv").exists()


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs SIGHUP")
def test_a_signal_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_signals():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_signals_are_left_alone_in_other_threads():
    seen = []

    def look():
        with stop_signals():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]


def test_a_job_goes_on_when_nobody_reads_what_it_says(monkeypatch, tmp_path, clip, restorer):
    read, write = os.pipe()
    os.close(read)
    closed = os.fdopen(write, "w")
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", closed)
        assert main(["restore", str(clip), str(tmp_path / "out.mkv")]) == 0
        with unbroken_stderr():
            sys.stderr.write("nobody hears this\n")
            sys.stderr.flush()
    with suppress(BrokenPipeError):
        closed.flush()
    with suppress(BrokenPipeError):
        closed.close()
    closed.buffer.raw.close()
    assert frames_in(tmp_path / "out.mkv") == FRAMES


# What it sets up


def test_idle_threads_leave_the_cores_to_other_jobs(monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    seen = []
    monkeypatch.setattr(
        main_module.app, "main", lambda **options: seen.append(os.environ["OMP_WAIT_POLICY"])
    )
    main([])
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    main([])
    assert seen == ["PASSIVE", "ACTIVE"]


def test_torch_is_not_loaded_before_that():
    code = "import sys, vsdeblur.cli.main; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
