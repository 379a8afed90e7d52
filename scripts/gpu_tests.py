"""Rows of `gpu_check`: the tests that need a GPU, a process for each file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib.util import find_spec
from pathlib import Path

from gpu_rows import Options
from training_runs import ROOT

MARK = "needs_gpu"
MARKED = f"mark.{MARK}"
COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped)")


def obstacle(phase: str, options: Options) -> str | None:
    """Why there is nothing to run."""
    if find_spec("pytest") is None:
        return "pytest is not installed"
    return None if _files(options.tests) else f"no tests in {options.tests}"


def measure(phase: str, row: str, seconds: float, options: Options) -> Iterator[tuple[str, str]]:
    """The tests' files as they end, and then the whole."""
    files = _files(options.tests)
    counts: Counter[str] = Counter()
    with ThreadPoolExecutor(min(len(files), os.cpu_count() or 1)) as pool:
        runs = {pool.submit(_run, file): file for file in files}
        for run in as_completed(runs):
            text, found = run.result()
            counts += found
            yield runs[run].relative_to(options.tests).as_posix(), text
    yield row, _counted(counts)


def _files(folder: Path) -> list[Path]:
    """Those that hold tests which need a GPU."""
    return [f for f in sorted(folder.rglob("test_*.py")) if MARKED in f.read_text(encoding="utf-8")]


def _run(file: Path) -> tuple[str, Counter[str]]:
    """What pytest says of a file, and its counts."""
    command = [
        sys.executable, "-m", "pytest", str(file), "-m", MARK, "-rfE", "--tb=line",
        "--no-header", "-p", "no:cacheprovider",
    ]  # fmt: skip
    # A card that is not found is then a failure; the threads of several processes share the cores.
    environment = os.environ | {"VSDEBLUR_TEST_GPU": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, errors="replace",
        check=False,
    )  # fmt: skip
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    if not lines:  # it did not come to a test
        said = done.stderr.strip().splitlines() or ["pytest said nothing"]
        return said[-1].removeprefix("E").strip(), Counter({"error": 1})
    last = lines[-1].strip("= ")
    counts = Counter({kind.rstrip("s"): int(number) for number, kind in COUNT.findall(last)})
    why = [line[:200] for line in lines if line.startswith(("FAILED", "ERROR ", "E  "))]
    return "; ".join([last, *list(dict.fromkeys(why))[:6]]), counts


def _counted(counts: Counter[str]) -> str:
    names = {"passed": "passed", "failed": "failed", "error": "with errors", "skipped": "skipped"}
    told = [f"{counts[kind]} {name}" for kind, name in names.items() if counts[kind]]
    return ", ".join(told) or "none ran"
