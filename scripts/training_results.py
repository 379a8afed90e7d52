"""What runs of training say and leave: gathered in one folder while they go on."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from threading import RLock
from time import monotonic

import numpy as np
from PIL import Image
from safetensors import safe_open

__all__ = ["MOST_BYTES", "MOST_FILES", "NAMES", "Outcome", "Results"]

NAMES = LOG, TABLE, PICTURE = "logs.txt", "table.txt", "validation.png"
"""Files beside the runs' weights."""
MOST_FILES, MOST_BYTES = 8, 16 << 20
"""What comes back from a lent machine's $OUT: so many files, each of so many bytes at most."""
HEADINGS = ("run", "start gain", "end gain", "crops/s", "seconds", "what became of it")
GAIN = re.compile(r"\bgain (?:of )?(?:\S+: )?([+-]\d+\.\d+)")
RATE = re.compile(r"([\d.]+) samples/s")
HELD_OUT = "HELD_OUT_PHOTOS"
"""Stands in commands for a folder that has not been given."""


@dataclass
class Outcome:
    """How a run stands."""

    folder: Path
    begun: float = field(default_factory=monotonic)
    ended: float | None = None
    gains: list[float] = field(default_factory=list)
    """dB, of blurred windows, from before the first step to the last evaluation."""
    rates: list[float] = field(default_factory=list)
    """Crops a second, report by report."""
    last_line: str = ""
    state: str = "under way"

    def hear(self, line: str) -> None:
        """Take note of what the run says."""
        if gain := GAIN.search(line):
            self.gains.append(float(gain[1]))
        if rate := RATE.search(line):
            self.rates.append(float(rate[1]))
        if line.strip():
            self.last_line = line.strip()

    def cells(self, name: str) -> list[str]:
        """Its row of the table."""
        gains = [f"{gain:+.2f}" for gain in (self.gains[:1] + self.gains[1:][-1:])]
        rate = f"{median(self.rates):.1f}" if self.rates else "-"
        seconds = (self.ended or monotonic()) - self.begun
        return [name, *[*gains, "-", "-"][:2], rate, f"{seconds:.0f}", self.state]


class Results:
    """Weights, logs and pictures of runs in one folder, as few files; and what is told of them.

    The folder is up to date at any time: who takes a machine away takes nothing that was done.

    Args:
        folder: It holds NAME.safetensors of each run, `logs.txt`, `validation.png` and `table.txt`.
        starts: Name of each run -> the weights that it goes on from.
    """

    def __init__(self, folder: Path, starts: Mapping[str, Path]) -> None:
        self.starts = starts
        self._folder = folder
        self._started = monotonic()
        self._outcomes: dict[str, Outcome] = {}
        self._seen: dict[Path, int] = {}
        self._lock = RLock()  # lanes are threads

    @property
    def failed(self) -> bool:
        """Whether a run has ended in an error."""
        return any(each.state.startswith("failed") for each in self._outcomes.values())

    def begin(self, name: str, folder: Path) -> None:
        """A run starts; its files will be in a folder of its own."""
        with self._lock:
            self._outcomes[name] = Outcome(folder)

    def hear(self, name: str, line: str) -> None:
        """A run says something: on the screen, and in the log."""
        with self._lock:
            self._outcomes[name].hear(line)
            text = f"{monotonic() - self._started:7.1f} s  {name}: {line}"
            print(text, flush=True)
            with (self._folder / LOG).open("a", encoding="utf-8") as log:
                log.write(text + "\n")

    def end(self, name: str, status: int, *, is_cut: bool) -> None:
        """A run has ended, by itself or because it was ended."""
        with self._lock:
            outcome = self._outcomes[name]
            outcome.ended = monotonic()
            self.collect()
            if status and not is_cut:
                outcome.state = f"failed: {outcome.last_line or f'status {status}'}"
            else:
                outcome.state = ("stopped; " if is_cut else "") + self._kept(name)
            self._write_table()

    def collect(self) -> None:
        """Copy what is new: the best weights of each run, its newest picture."""
        with self._lock:
            is_new = False
            for name, outcome in self._outcomes.items():
                weights = _newest(outcome.folder, "*.safetensors")
                if weights is not None and self._is_new(weights):
                    _copy(weights, self._folder / f"{name}.safetensors")
                    is_new = True
            pictures = [_newest(o.folder, "validation-*.png") for o in self._outcomes.values()]
            self._collect_pictures([picture for picture in pictures if picture is not None])
            if is_new:
                self._write_table()

    def _collect_pictures(self, pictures: Sequence[Path]) -> None:
        """Write the sheet anew if a picture is new."""
        new = [picture for picture in pictures if self._is_new(picture)]
        try:
            if new:
                _write_sheet(pictures, self._folder / PICTURE)
        except OSError:  # one is being written: the next look will find it whole
            for picture in new:
                del self._seen[picture]

    def say_at_last(self, validation: Sequence[Path]) -> None:
        """Print the table, and the commands that score what came out."""
        with self._lock:
            self._write_table()
            print(f"\n{self._table()}\nresults: {self._folder}")
            for file in sorted(self._folder.glob("*.*")):
                if file.stat().st_size > MOST_BYTES:
                    print(f"{file.name} has more than 16 MiB: a lent machine keeps it")
            for line in self._scoring(validation):
                print(line)
            sys.stdout.flush()

    def _kept(self, name: str) -> str:
        """What lies there as a run's weights."""
        file = self._folder / f"{name}.safetensors"
        if not file.is_file():
            return "no weights yet: " + (self._outcomes[name].last_line or "it said nothing")
        if _are_same(file, self.starts[name]):
            return "never better than its start, which is what it left"
        return f"left weights of {_note_of(file)}"

    def _scoring(self, validation: Sequence[Path]) -> list[str]:
        names = [n for n in self._outcomes if (self._folder / f"{n}.safetensors").is_file()]
        if not names:
            return []
        held_out = " ".join(map(str, validation)) or HELD_OUT
        lines = ["to score them beside their start, and beside the mean of both:"]
        for name in names:
            new, start = self._folder / f"{name}.safetensors", self.starts[name]
            mean = self._folder / f"{name}-mean.safetensors"
            lines.append(f"  python scripts/average_weights.py {start} {new} --out {mean}")
            lines.append(f"  scripts/benchmark_quality {held_out} --weights {start} {new} {mean}")
        return lines

    def _table(self) -> str:
        rows = [HEADINGS, *(each.cells(name) for name, each in self._outcomes.items())]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )

    def _write_table(self) -> None:
        _replace(self._folder / TABLE, (self._table() + "\n").encode())

    def _is_new(self, file: Path) -> bool:
        changed = file.stat().st_mtime_ns
        is_new = self._seen.get(file) != changed
        self._seen[file] = changed
        return is_new


def _newest(folder: Path, pattern: str) -> Path | None:
    """The file below a folder that was written last: stages have folders of their own."""
    return max(folder.rglob(pattern), key=lambda file: file.stat().st_mtime_ns, default=None)


def _note_of(file: Path) -> str:
    """Where in its run a weights file is from."""
    with safe_open(file, framework="numpy") as opened:
        notes = opened.metadata() or {}
    return f"step {notes.get('step', '?')}, gain {notes.get('gain', '?')}"


def _are_same(one: Path, other: Path) -> bool:
    """Whether two weights files hold the same numbers, whatever they say of themselves."""
    with safe_open(one, framework="numpy") as a, safe_open(other, framework="numpy") as b:
        names = list(a.keys())
        return sorted(names) == sorted(b.keys()) and all(
            np.array_equal(a.get_tensor(name), b.get_tensor(name)) for name in names
        )


def _copy(source: Path, target: Path) -> None:
    beside = target.with_name(f".{target.name}.partial")
    shutil.copyfile(source, beside)
    os.replace(beside, target)


def _replace(target: Path, content: bytes) -> None:
    beside = target.with_name(f".{target.name}.partial")
    beside.write_bytes(content)
    os.replace(beside, target)


def _write_sheet(pictures: Sequence[Path], target: Path) -> None:
    """Pictures of the runs, one below the other."""
    opened = []
    for file in pictures:
        with Image.open(file) as picture:
            opened.append(picture.convert("RGB"))
    sheet = Image.new("RGB", (max(p.width for p in opened), sum(p.height for p in opened)))
    top = 0
    for picture in opened:
        sheet.paste(picture, (0, top))
        top += picture.height
    beside = target.with_name(f".{target.name}.partial")
    sheet.save(beside, format="png")
    os.replace(beside, target)
