"""Shows what a card does in a few minutes, the rows that tell most first.

Each row goes to the screen and into a file as soon as it is measured, and the whole ends at its
time. `scripts/gpu_check` runs this; the rows are measured by `gpu_rows`, in a process of their own.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import TextIO

from gpu_rows import PHASES
from gpu_worker import CutError, DiedError, Worker

LEAST_SECONDS = 5.0
"""What a phase must have left to be begun: Python, PyTorch and the card start in that time."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ENDING_SECONDS = 2.0
"""Kept back at the end."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the return value is the exit status.

    0: done, or the time was over. 1: a GPU test failed. 2: there is no card. 128 + signal: stopped.
    """
    started = monotonic()
    options = _parser().parse_args(arguments)
    problem = _problem(options)
    if problem:
        print(f"gpu_check: {problem}", file=sys.stderr)
        return 2
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, _interrupt)
    end = started + options.seconds - ENDING_SECONDS
    with options.out.open("w", encoding="utf-8") as file:
        screen = Screen(file, started)
        try:
            run_phases(list(PHASES), end, screen, ["--device", options.device])
        except Stopped as stopped:
            screen.say("stopped")
            return 128 + stopped.number
        screen.say(f"done; {options.out}")
    return 1 if screen.has_failed_test else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gpu_check", description=__doc__)
    parser.add_argument(
        "seconds", nargs="?", type=float, default=200.0, metavar="SECONDS",
        help="when it ends (default: %(default)g)",
    )  # fmt: skip
    parser.add_argument("--device", default="cuda", help="cuda or cuda:N (default: %(default)s)")
    folder = Path(os.environ.get("OUT", "."))
    parser.add_argument(
        "--out", type=Path, metavar="FILE", default=folder / "gpu_check.txt",
        help="file for the rows, replaced (default: gpu_check.txt, in $OUT where that is set)",
    )  # fmt: skip
    return parser


def _problem(options: argparse.Namespace) -> str | None:
    """Why it cannot begin."""
    if not options.seconds >= 2 * LEAST_SECONDS:
        return f"{options.seconds:g} seconds are too few; give at least {2 * LEAST_SECONDS:g}"
    if not options.out.parent.is_dir():
        return f"--out: there is no folder {str(options.out.parent)!r}"
    from vsdeblur.errors import DeblurError  # here: PyTorch takes its time
    from vsdeblur.runtime.device import resolve_device

    if not options.device.startswith("cuda"):
        return f"unknown device {options.device!r}; choose one of: cuda, cuda:N"
    try:
        resolve_device(options.device)
    except DeblurError:
        return f"no card found for {options.device!r}; `vsdeblur doctor` says what is there"
    return None


class Stopped(BaseException):
    """A signal has come."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)


@dataclass
class Screen:
    """Where rows are printed: on stdout and in a file, at once.

    Args:
        file: Open for writing.
        started: Of time.monotonic(); rows tell how long after it they came.
    """

    file: TextIO
    started: float
    has_failed_test: bool = False

    def say(self, text: str) -> None:
        """Print a line."""
        line = f"{monotonic() - self.started:6.1f} s  {text}"
        for stream in (sys.stdout, self.file):
            print(line, file=stream, flush=True)
        self.has_failed_test |= text.startswith("tests") and " failed" in text


def run_phases(names: Sequence[str], end: float, screen: Screen, options: Sequence[str]) -> None:
    """Run phases one after another, each in its time.

    Args:
        names: Of phases, in their order.
        end: When all are to have ended, of time.monotonic().
        screen: Where their rows go.
        options: Of `gpu_rows`.
    """
    with Worker(options) as worker:
        for index, name in enumerate(names):
            shares = [PHASES[each].share for each in names[index:]]
            left = end - monotonic()
            if left < LEAST_SECONDS:
                screen.say(f"no time for: {', '.join(names[index:])}")
                return
            seconds = max(PHASES[name].least, left * shares[0] / sum(shares))
            _run_phase(name, min(end, monotonic() + seconds), screen, worker)


def _run_phase(name: str, end: float, screen: Screen, worker: Worker) -> None:
    """Run a phase until its end; a row that its process dies of is said to have been."""
    try:
        obstacles = [text for _, text in worker.ask(name, "", 0, end)]
    except (CutError, DiedError) as error:
        obstacles = [str(error) or "not reached in its time"]
    if obstacles:
        screen.say(f"{name}: {obstacles[0]}")
        return
    rows = PHASES[name].rows()
    for index, row in enumerate(rows):
        share = (end - monotonic()) / (len(rows) - index)
        try:
            for said, text in worker.ask(name, row, share, end):
                screen.say(f"{name} {said}: {text}")
        except CutError:
            screen.say(f"{name}: not reached in its time: {', '.join(rows[index:])}")
            return
        except DiedError as error:
            screen.say(f"{name} {row}: {error}")


if __name__ == "__main__":
    sys.exit(main())
