"""Times jobs side by side: `vsdeblur restore` alone, and several at once on the same cores."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from ..errors import VideoError

__all__ = ["FRAMES", "HEIGHT", "WIDTH", "Jobs", "measure_jobs", "write_clip"]

WIDTH, HEIGHT, FRAMES = 96, 64, 50
"""So small that starting a job and waiting for threads are most of it."""


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """What jobs take side by side, and one of them alone; medians of runs in turn."""

    count: int
    seconds_alone: float
    seconds_together: float
    """Until the last of them has ended."""
    wait_policy: str
    """OMP_WAIT_POLICY of the jobs."""
    command: str
    """What one job runs."""

    @property
    def ratio(self) -> float:
        """How many times as long they take together; as many as there are is no loss."""
        return self.seconds_together / self.seconds_alone


def measure_jobs(
    count: int,
    *,
    device: str,
    repeats: int,
    folder: Path,
    tell: Callable[[int, float], None] = lambda jobs, seconds: None,
) -> Jobs:
    """Time one `vsdeblur restore` and several at once, in turn.

    Args:
        count: How many run side by side.
        device: "auto", "cpu", "cuda" or "cuda:N".
        repeats: Runs of each, of which the median counts.
        folder: Where the clip and the results are written.
        tell: Called after every run with the number of jobs and the seconds it took.

    Raises:
        VideoError: A job failed; the text is its last line.
    """
    clip = folder / "jobs.y4m"
    write_clip(clip)
    commands = [_command(clip, folder / f"restored{n}.mkv", device) for n in range(count)]
    seconds: dict[int, list[float]] = {1: [], count: []}
    for _ in range(repeats):
        for jobs, taken in seconds.items():
            taken.append(_run(commands[:jobs]))
            tell(jobs, taken[-1])
    return Jobs(
        count=count,
        seconds_alone=median(seconds[1]),
        seconds_together=median(seconds[count]),
        wait_policy=os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),  # as the command sets it
        command=shlex.join(commands[0]),
    )


def write_clip(path: Path) -> None:
    """Write a clip of moving stripes as YUV4MPEG2, which needs no encoder."""
    column, row = torch.arange(WIDTH), torch.arange(HEIGHT)[:, None]
    chroma = bytes([128]) * (WIDTH * HEIGHT // 2)
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F25:1 Ip A1:1 C420mpeg2\n".encode())
        for number in range(FRAMES):
            luma = 128 + 80 * torch.sin((column + 2 * number) / 5 + row / 9)
            file.write(b"FRAME\n" + luma.byte().numpy().tobytes() + chroma)


def _command(clip: Path, target: Path, device: str) -> list[str]:
    job = [sys.executable, "-m", "vsdeblur", "restore", str(clip), str(target)]
    return [*job, "--device", device, "--overwrite"]


def _run(commands: list[list[str]]) -> float:
    """Seconds until all of them, begun together, have ended."""
    started = time.perf_counter()
    with ExitStack() as stack:
        jobs = [stack.enter_context(_begun(command)) for command in commands]
        try:
            said = [job.communicate()[1] for job in jobs]
        except BaseException:  # stopped: so are they
            for job in jobs:
                job.terminate()
            raise
        taken = time.perf_counter() - started
    for job, text in zip(jobs, said, strict=True):
        if job.returncode:
            lines = text.strip().splitlines() or ["it said nothing"]
            raise VideoError(f"a job failed: {lines[-1].strip()}")
    return taken


def _begun(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, errors="replace",
    )  # fmt: skip
