"""Video files of a high frame rate, sharp, from which blurred frames are averaged.

Any such files will do. Publicly there are those behind VideoDeblurring (Su et al. 2017), called
Adobe240.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ...errors import DataError
from .averaging import ENCODED, GAMMA, AveragedVideo
from .base import DatasetKind
from .layout import Layout, natural_key
from .video_file import VideoFile

__all__ = ["HIGH_SPEED", "HIGH_SPEED_7", "open_high_speed"]

SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".ts", ".mts")
LAYOUT = Layout(
    title="high-speed video (such as Adobe240, Su et al. 2017)",
    text=f"two or more video files ending in {', '.join(SUFFIXES)}",
    url=(
        "https://www.cs.ubc.ca/labs/imager/tr/2017/DeepVideoDeblurring/"
        "DeepVideoDeblurring_Dataset_Original_High_FPS_Videos.zip"
    ),
)
TEST_STEP = 10
"""Every tenth video is for testing, the first one to begin with."""


def open_high_speed(
    folder: Path, split: str, *, gamma: float = GAMMA, num_frames: int = 7
) -> list[AveragedVideo]:
    """Open the video files of a folder.

    Of the files, sorted naturally by name, the 1st, 11th, 21st and so on are the split "test",
    the others are "train". Of the files only the header of the first is read here; the others
    show damage when they are used. The first question for a video's length reads through its
    file, without decoding.

    Args:
        folder: Holds the files; or a folder `original_high_fps_videos`, which holds them.
        split: "train" or "test".
        gamma: The average is taken of pixel values to this power.
        num_frames: Sharp frames a blurred one, odd and at least 7.

    Raises:
        DataError: There are fewer than two files, or the first is no video.
    """
    root = LAYOUT.find(folder, "original_high_fps_videos", ".")
    files = [p for p in root.iterdir() if p.suffix.lower() in SUFFIXES and p.name[0] != "."]
    if not files:
        raise LAYOUT.error(root, "no video files")
    if len(files) == 1:
        raise DataError(
            f"there is one video in {str(root)!r}, {files[0].name!r}: it cannot be both trained "
            "and tested on; add another, or cut it in two"
        )
    files.sort(key=lambda p: natural_key(p.name))
    tested = files[::TEST_STEP]
    chosen = {"train": [p for p in files if p not in tested], "test": tested}[split]
    VideoFile(chosen[0]).check()
    return [AveragedVideo(p.name, VideoFile(p), num_frames, gamma) for p in chosen]


HIGH_SPEED = DatasetKind(
    name="high-speed",
    title=LAYOUT.title,
    url=LAYOUT.url,
    layout=LAYOUT.text,
    open=open_high_speed,
)
HIGH_SPEED_7 = DatasetKind(
    name="high-speed-7",
    title=f"{LAYOUT.title}, 7 frames averaged as stored (paper 002)",
    url=LAYOUT.url,
    layout=LAYOUT.text,
    open=partial(open_high_speed, gamma=ENCODED),
)
