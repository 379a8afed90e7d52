"""Restores a clip through vspipe and says what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import VideoError
from ..runtime.device import resolve_device
from ..stream.paths import check_source, partial_file
from .clip import Frame, write_clip
from .comparison import crops_side_by_side, mean_psnr
from .pipe import restore_through_vspipe

__all__ = ["DemoResult", "run_demo"]


@dataclass(frozen=True, kw_only=True)
class DemoResult:
    """What the demo did."""

    frames: int
    seconds: float
    """Wall time from the start of vspipe to the end of its last frame."""
    device: str
    restored: Path
    """The restored clip."""
    picture: Path
    """Crops side by side."""
    psnr: tuple[float, float] | None
    """Mean luma PSNR before and after, dB; None = the sharp frames are not known."""


def run_demo(
    clip: Path | None, out: Path, report: Callable[[str], None] = lambda doing: None
) -> DemoResult:
    """Make or take a clip, restore it with `dblrgan`, and write the results into a folder.

    Args:
        clip: A video; None = one is made here and blurred.
        out: The folder; it is made if it is not there.
        report: Told what is done next.

    Raises:
        VideoError: A file cannot be read or written, or vspipe fails.
        DataError: The photographs of the demo's own clip are not installed.
    """
    if clip is not None:
        check_source(clip)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VideoError(f"cannot make the folder {out}: {error.strerror}") from error
    sharp: list[Frame] = []
    if clip is None:
        report("making a blurred clip")
        clip = out / "blurred.mp4"
        with partial_file(clip) as partial:
            sharp = write_clip(partial.path)
            partial.keep(clip)
    restored, picture = out / "restored.mkv", out / "before_after.png"
    report("restoring it through vspipe")
    started = time.monotonic()
    frames = restore_through_vspipe(clip, restored)
    seconds = time.monotonic() - started
    with partial_file(picture) as partial:
        partial.path.write_bytes(crops_side_by_side(clip, restored, sharp, frames))
        partial.keep(picture)
    return DemoResult(
        frames=frames,
        seconds=seconds,
        device=str(resolve_device("auto")),
        restored=restored,
        picture=picture,
        psnr=(mean_psnr(clip, sharp), mean_psnr(restored, sharp)) if sharp else None,
    )
