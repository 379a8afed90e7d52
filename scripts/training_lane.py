"""Runs that go one after another, each a `vsdeblur train` that ends by the clock."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from time import monotonic

from training_results import Results
from training_runs import ROOT, RUNS, recipe_for

__all__ = ["Lane", "Settings"]

START_SECONDS = 8.0
"""What a run takes before it begins to count its minutes: Python and PyTorch start."""
GRACE_SECONDS = 20.0
"""How far a run may overrun its share before it is stopped, and how long it may take to stop."""
LOOK_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What all runs share."""

    data: Sequence[str]
    validation: Sequence[Path]
    device: str
    on_card: bool
    work: Path
    """Folder of the runs' own folders."""
    end: float
    """When all are to have ended, of time.monotonic()."""
    lanes: int
    """How many go beside each other."""


class Lane:
    """Runs one after another; what is left of the time is shared by those that are left.

    Args:
        names: Of the runs.
        settings: What all runs share.
        results: Is told what they say.
    """

    def __init__(self, names: Sequence[str], settings: Settings, results: Results) -> None:
        self._names = names
        self._settings = settings
        self._results = results

    def go(self, stop: Event) -> None:
        """Run them all, or until `stop` is set: then what runs is ended as by Ctrl-C."""
        for index, name in enumerate(self._names):
            if stop.is_set():
                return
            left = self._settings.end - monotonic()
            self._run(name, monotonic() + left / (len(self._names) - index), stop)

    def _run(self, name: str, end: float, stop: Event) -> None:
        folder = self._settings.work / name
        folder.mkdir(parents=True, exist_ok=True)
        minutes = max(0.01, (end - monotonic() - START_SECONDS) / 60)
        self._results.begin(name, folder)
        process = subprocess.Popen(
            self._command(name, folder, minutes), env=self._environment(), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            errors="replace", start_new_session=True,  # Ctrl-C in a terminal is ours to pass on
        )  # fmt: skip
        reader = Thread(target=self._read, args=[name, process])
        reader.start()
        while process.poll() is None and not stop.is_set() and monotonic() < end + GRACE_SECONDS:
            stop.wait(LOOK_SECONDS)
        is_cut = process.poll() is None
        if is_cut:
            _end(process)
        reader.join()
        assert process.stdout is not None
        process.stdout.close()
        self._results.end(name, process.returncode, is_cut=is_cut)

    def _read(self, name: str, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._results.hear(name, line.rstrip())

    def _command(self, name: str, folder: Path, minutes: float) -> list[str]:
        settings, run = self._settings, RUNS[name]
        command = [
            sys.executable, "-m", "vsdeblur", "train",
            recipe_for(run, folder, on_card=settings.on_card),
            "--data", *settings.data, "--out", str(folder / "run"),
            "--init", str(self._results.starts[name]), "--device", settings.device,
            "--minutes", f"{minutes:.3f}", "--anneal",
        ]  # fmt: skip
        if settings.validation:
            command += ["--validation", *map(str, settings.validation)]
        return command

    def _environment(self) -> Mapping[str, str]:
        environment = dict(os.environ)
        paths = [str(ROOT), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        environment |= {"PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
        if not self._settings.on_card and self._settings.lanes > 1:
            threads = max(1, (os.cpu_count() or 1) // self._settings.lanes)
            environment.setdefault("OMP_NUM_THREADS", str(threads))
        return environment


def _end(process: subprocess.Popen[str]) -> None:
    """End a run as Ctrl-C does: it keeps its checkpoint."""
    process.terminate()
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
