"""Rows of `gpu_check`: how many crops a second training does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from gpu_rows import Options
from PIL import Image
from training_runs import ROOT, RUNS, recipe_for, start_of

AROUND_SECONDS = 10.0
"""What a run takes beside its minutes: Python and PyTorch start, and it ends with an evaluation."""
LEAST_SECONDS = 15.0
"""Of these minutes: photos are read and windows made before the first step."""
LIBRARIES = ("lightning_fabric", "tensorboard", "cv2")
RATE = re.compile(r"([\d.]+) samples/s, (\d+)% of the matrix rate, (\d+)% of the time for data")


def obstacle(phase: str, options: Options) -> str | None:
    """What training lacks."""
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    return f"{missing[0]} is not installed" if missing else None


def measure(phase: str, row: str, seconds: float, options: Options) -> Iterator[tuple[str, str]]:
    """A run of training."""
    yield row, _trained(row, seconds, options)


def _trained(row: str, seconds: float, options: Options) -> str:
    """Train for so many seconds; the last report counts, when all is warm."""
    run, folder = RUNS[row], options.folder / row
    folder.mkdir()
    minutes = max(LEAST_SECONDS, seconds - AROUND_SECONDS) / 60
    command = [
        sys.executable, "-m", "vsdeblur", "train",
        recipe_for(run, folder, on_card=options.device != "cpu"),
        "--data", *_data(options.folder / "photos"), "--out", str(folder / "run"),
        "--init", str(start_of(run)), "--device", options.device.partition(":")[0],
        "--minutes", f"{minutes:.3f}",
    ]  # fmt: skip
    environment = os.environ | {"COLUMNS": "200"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, errors="replace",
        check=False,
    )  # fmt: skip
    found = RATE.findall(done.stdout + done.stderr)
    if not found:
        return (done.stderr.strip().splitlines() or ["it said nothing"])[-1][:240]
    rate, share, data = found[-1]
    return f"{rate} samples/s, {share}% of the matrix rate, {data}% of the time for data"


def _data(folder: Path) -> list[str]:
    """Photos that have come along, or else pictures drawn here: speed does not depend on them."""
    there = sorted((ROOT / ".gpu" / "data").glob("*/"))
    if there:
        return [f"{each.name}={each}" for each in there]
    if not folder.exists():
        folder.mkdir()
        rng = np.random.default_rng(0)
        for number in range(12):
            _drawn(rng).save(folder / f"{number}.png")
    return [f"photos={folder}"]


def _drawn(rng: np.random.Generator) -> Image.Image:
    """Noise at all scales, as photos have it: 1024x768."""
    total = np.zeros((768, 1024), np.float32)
    for cells in (4, 8, 16, 32, 64, 128, 256):
        noise = rng.normal(0, 1, (3 * cells // 4, cells)).astype(np.float32)
        total += (
            np.asarray(Image.fromarray(noise).resize((1024, 768), Image.Resampling.BICUBIC))
            / cells**0.5
        )
    levels = (128 + 127 * total / np.abs(total).max()).clip(0, 255).astype(np.uint8)
    return Image.fromarray(levels)
