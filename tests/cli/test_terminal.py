"""What the command asks on a terminal."""

import os
import select
import subprocess
import sys

import av
import numpy as np
import pytest

pty = pytest.importorskip("pty", reason="needs pseudo-terminals")

COMMAND = [sys.executable, "-m", "vsdeblur", "restore", "--device", "cpu", "--preset", "ultrafast"]

SECONDS = 120
"""That the command may take to ask."""
AT_TERMINAL = 'terminal=$1; shift; exec "$@" <"$terminal" 2>"$terminal"'
"""A session's first terminal is the one that sends it Ctrl-C."""


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "in.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        grey = av.VideoFrame.from_ndarray(np.full((72, 64), 90, np.uint8), "yuv420p")
        container.mux([*stream.encode(grey), *stream.encode(None)])
    return path


def answered(command, answer):
    """Run a command at a terminal, and answer its one question; (status, what it showed)."""
    ours, theirs = pty.openpty()
    at_terminal = ["sh", "-c", AT_TERMINAL, "sh", os.ttyname(theirs), *command]
    with subprocess.Popen(at_terminal, stdout=subprocess.DEVNULL, start_new_session=True) as run:
        shown = b""
        while b"replace it?" not in shown:
            if not select.select([ours], [], [], SECONDS)[0]:
                run.kill()
                pytest.fail(f"it does not ask; it shows {shown!r}")
            shown += _read(ours)
        os.close(theirs)
        os.write(ours, answer)
        while part := _read(ours):
            shown += part
        status = run.wait()
    os.close(ours)
    return status, " ".join(shown.decode().split())


def _read(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # how Linux says that the other side has gone
        return b""


@pytest.mark.slow
@pytest.mark.parametrize("answer", [b"y\n", b"n\n", b"\x03"])
def test_an_existing_file_is_replaced_after_a_yes(tmp_path, clip, answer):
    target = tmp_path / "out.mkv"
    target.write_bytes(b"old")
    status, shown = answered([*COMMAND, str(clip), str(target)], answer)
    assert "exists; replace it? [y/N]" in shown
    assert "Traceback" not in shown
    if answer == b"y\n":
        assert status == 0
        with av.open(str(target)) as container:
            assert sum(1 for _ in container.decode(video=0)) == 1
    else:
        assert target.read_bytes() == b"old"
        assert "stopped" in shown if answer == b"\x03" else "already exists" in shown
        assert status == 2 if answer == b"n\n" else 130
    assert {path.name for path in tmp_path.iterdir()} == {"in.mkv", "out.mkv"}
