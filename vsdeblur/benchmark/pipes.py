"""Times clips end to end: vspipe asks for the frames and throws them away."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ..errors import VideoError

__all__ = ["PipeRun", "find_vspipe", "pipe_command", "run_pipe"]

SCRIPT = Path(__file__).with_name("clip.vpy")
_RESULT = re.compile(r"Output \d+ frames in [\d.]+ seconds \(([\d.]+) fps\)")


class PipeRun(NamedTuple):
    """A run of vspipe."""

    frames_per_second: float
    """After the first frame, which is not timed."""
    peak_bytes: int | None
    """Memory that the process had at most; None = the system does not say (Windows)."""


def pipe_command(arguments: Mapping[str, object]) -> list[str]:
    """The vspipe command for a clip.

    Args:
        arguments: Those of `clip.vpy`.

    Raises:
        VideoError: There is no vspipe.
    """
    vspipe = find_vspipe()
    given = [part for name, value in arguments.items() for part in ("-a", f"{name}={value}")]
    return [vspipe, "-p", *given, str(SCRIPT), "--"]


def find_vspipe() -> str:
    """The vspipe on the PATH, or the one beside this Python.

    Raises:
        VideoError: There is none.
    """
    found = shutil.which("vspipe") or shutil.which("vspipe", path=str(Path(sys.executable).parent))
    if found is None:
        raise VideoError("there is no vspipe; run: pip install vapoursynth")
    return found


def run_pipe(command: list[str]) -> PipeRun:
    """Run vspipe and read what it says.

    Raises:
        VideoError: It failed; the text is its last line.
    """
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
    ) as process:
        assert process.stderr is not None
        try:
            said = process.stderr.read()
        except BaseException:  # stopped: or leaving would wait for it
            process.kill()
            raise
        peak_bytes = _waited(process)
    result = _RESULT.search(said)
    if process.returncode or result is None or not float(result[1]):
        lines = [line for line in re.split(r"[\r\n]+", said) if line.strip()]
        why = next((line for line in reversed(lines) if "rror" in line), "it said nothing")
        raise VideoError(f"vspipe failed: {why.strip()}; the command was: {shlex.join(command)}")
    return PipeRun(float(result[1]), peak_bytes)


def _waited(process: subprocess.Popen[str]) -> int | None:
    """Wait for a process; what memory it had at most, where the system counts that."""
    if not hasattr(os, "wait4"):
        process.wait()
        return None
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return int(usage.ru_maxrss) * (1 if sys.platform == "darwin" else 1024)
