"""A benchmark as JSON and as a Markdown table."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from .. import __version__
from .jobs import FRAMES, HEIGHT, WIDTH, Jobs
from .rows import Row, Shells

__all__ = ["as_json", "as_line", "as_markdown", "heading", "machine"]

HEADINGS = (
    "filter", "model", "size", "backend", "precision", "network, ms", "frames/s", "TFLOP/s",
    "share of matrix rate", "through vspipe, frames/s", "peak memory, GB", "load + first frame, s",
    "engine build, s", "note",
)  # fmt: skip


def machine() -> dict[str, str]:
    """The machine's processors and the versions that figures hang on; no name of its own."""
    threads = torch.get_num_threads()
    cpu = f"{_cpu_name()}, {torch.backends.cpu.get_cpu_capability()}, {threads} threads"
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    gpus = [torch.cuda.get_device_name(index) for index in range(count)]
    return {
        "cpu": cpu,
        "gpu": ", ".join(gpus) or "none",
        "system": f"{platform.system()}, Python {platform.python_version()}",
        "versions": ", ".join(
            f"{name} {_version(name)}" for name in ("vsdeblur", "torch", "vapoursynth")
        ),
    }


def _version(name: str) -> str:
    """Of a package; of ours too where it is not installed, but lies in the path."""
    try:
        return __version__ if name == "vsdeblur" else version(name)
    except PackageNotFoundError:
        return "none"


def as_json(rows: Sequence[Row], shells: Shells | None = None, jobs: Jobs | None = None) -> str:
    """All figures, and the commands that measure them again."""
    facts: dict[str, Any] = {"machine": machine(), "rows": [_facts(row) for row in rows]}
    for name, pair in (("shells", shells), ("jobs", jobs)):
        if pair is not None:
            facts[name] = asdict(pair) | {"ratio": pair.ratio}
    return json.dumps(facts, indent=2, default=str) + "\n"


def as_markdown(rows: Sequence[Row], shells: Shells | None = None, jobs: Jobs | None = None) -> str:
    """The table for the README, with the machine above it."""
    lines = [_machine_line()]
    if shells is not None:
        lines += ["", _shells_sentence(shells)]
    if jobs is not None:
        lines += ["", _jobs_sentence(jobs)]
    if rows:
        lines += ["", *_table_head(), *map(as_line, rows)]
    return "\n".join(lines) + "\n"


def heading() -> str:
    """What stands above the rows."""
    return "\n".join([_machine_line(), "", *_table_head()])


def as_line(row: Row) -> str:
    """A row of the table."""
    return _line(_cells(row))


def _shells_sentence(shells: Shells) -> str:
    """What the shells take."""
    return (
        f"Without a network, `dblrgan` passes {shells.identity:.0f} frames/s, the usual shell "
        f"of three RGBS planes {shells.rgb:.0f}: {shells.ratio:.1f} times as many."
    )


def _jobs_sentence(jobs: Jobs) -> str:
    """What jobs take side by side."""
    return (
        f"A `vsdeblur restore` of {FRAMES} frames of {WIDTH}x{HEIGHT} takes "
        f"{jobs.seconds_alone:.1f} s alone; {jobs.count} side by side take "
        f"{jobs.seconds_together:.1f} s, {jobs.ratio:.1f} times as long "
        f"(OMP_WAIT_POLICY={jobs.wait_policy})."
    )


def _machine_line() -> str:
    facts = machine()
    return f"CPU: {facts['cpu']}. GPU: {facts['gpu']}. {facts['system']}; {facts['versions']}."


def _table_head() -> list[str]:
    return [_line(HEADINGS), _line(["---"] * len(HEADINGS))]


def _facts(row: Row) -> dict[str, Any]:
    facts = asdict(row)
    if row.network is not None:
        facts["network"]["share"] = row.network.share
    return facts | {"command": row.case.command()}


def _cells(row: Row) -> list[str]:
    case, network = row.case, row.network
    figures = ["-"] * 4
    start = "-"
    if network is not None:
        figures = [
            f"{1000 * network.seconds:.4g}",
            f"{1 / network.seconds:.3g}",
            f"{network.flops / network.seconds / 1e12:.3g}",
            f"{network.share:.2f}",
        ]
        start = f"{network.load_seconds:.2f} + {network.first_seconds:.2f}"
    through = f"{row.frames_per_second:.3g}" if row.frames_per_second is not None else "-"
    peak = (network.peak_bytes if network is not None else None) or row.process_bytes
    memory = f"{peak / 1e9:.2g}" if peak else "-"
    note = [row.missing] * bool(row.missing) + ["random weights"] * (not row.packaged_weights)
    names = [case.filter, case.model, case.size, case.backend, case.precision]
    build = " + ".join(f"{seconds:.1f}" for seconds in row.build_seconds) or "-"
    return [*names, *figures, through, memory, start, build, "; ".join(note)]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
