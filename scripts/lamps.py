"""Counts the white lamps of a real clip, and how many of them dblrgan leaves white."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torch import Tensor

from vsdeblur.data.datasets.video_file import VideoFile
from vsdeblur.errors import DeblurError
from vsdeblur.evaluate.metrics.fidelity import luma_of, to_8bit
from vsdeblur.evaluate.metrics.highlights import LEAST_WHITE, STILL_WHITE, find_lamps
from vsdeblur.restorers import Restorer, load_restorer
from vsdeblur.runtime.weights import made_for

FILTER = "dblrgan"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row for each weights file: how many lamps there are, and how many stay white."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.frames < 1:
        parser.error(f"--frames must be at least 1, got {options.frames}")
    try:
        clip = VideoFile(options.clip)
        table = Table(
            title=f"lamps (luma {LEAST_WHITE} or more) of {options.clip.name}: white again means "
            f"{STILL_WHITE} or more"
        )
        for title in ("weights", "frames", "lamps", "stay white", "share", "fewest of a frame"):
            table.add_column(title, justify="left" if title == "weights" else "right")
        for file in options.weights or [None]:
            kept = list(_white_lamps(clip, _loaded(file, options.device), options.frames))
            table.add_row(*_row("packaged" if file is None else file.name, kept))
    except DeblurError as error:
        sys.exit(f"lamps: {error}")
    Console(width=120).print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path, help="a video file")
    parser.add_argument(
        "--weights", type=Path, nargs="+", metavar="FILE",
        help=f"weights of {FILTER}; each says of which model it is [default: the packaged ones]",
    )  # fmt: skip
    parser.add_argument(
        "--frames", type=int, default=10, help="frames to look at, evenly spread over the clip"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    return parser


def _loaded(file: Path | None, device: str) -> Restorer:
    if file is None:
        return load_restorer(FILTER, device=device)
    filter_name, model = made_for(file)
    if filter_name != FILTER:
        raise DeblurError(f"{str(file)!r} is for {filter_name}; give weights of {FILTER}")
    return load_restorer(FILTER, model=model, weights=file, device=device)


def _white_lamps(clip: VideoFile, restorer: Restorer, frames: int) -> Iterator[NDArray[np.bool_]]:
    """For each frame that is looked at, whether each of its lamps stays white."""
    radius, count = restorer.radius, clip.count
    least = 2 * radius + 1
    if count < least:
        raise DeblurError(f"{str(clip.path)!r} has {count} frames; at least {least} are needed")
    middles = np.linspace(radius, count - 1 - radius, frames).round().astype(int)
    for middle in np.unique(middles).tolist():
        rgb = clip.read(middle - radius, middle + radius + 1)
        window = luma_of(rgb.to(restorer.device).float() / 255)
        restored = restorer.restore(window)
        before, after = (_plane(frame) for frame in (window[radius], restored[0]))
        yield find_lamps(before).white_in(after)


def _plane(luma: Tensor) -> NDArray[np.uint8]:
    """(1, H, W) in [0, 1] -> (H, W), 8 bit."""
    plane: NDArray[np.uint8] = to_8bit(luma)[0].to(torch.uint8).cpu().numpy()
    return plane


def _row(name: str, kept: Sequence[NDArray[np.bool_]]) -> Sequence[str]:
    lamps, white = sum(map(len, kept)), sum(int(some.sum()) for some in kept)
    if not lamps:
        return name, str(len(kept)), "0", "0", "-", "-"
    fewest = min(float(some.mean()) for some in kept if len(some))
    return name, str(len(kept)), str(lamps), str(white), f"{white / lamps:.1%}", f"{fewest:.1%}"


if __name__ == "__main__":
    main()
