"""VideoDeblurring, called DVD: S. Su et al., Deep Video Deblurring for Hand-held Cameras, 2017.

The quantitative subset: 6708 pairs of 71 videos, blurred by averaging 240 frames/s footage. The
split into 61 videos for training and 10 for testing is the authors' own, by name (issue 2 of
shuochsu/DeepVideoDeblurring); paper 001 uses it, section IV.A.
"""

from __future__ import annotations

import logging
from pathlib import Path

from .base import DatasetKind
from .layout import Layout, subfolders
from .picture_files import PicturePairs, pair_folders

__all__ = ["DVD", "TEST_VIDEOS", "TRAIN_VIDEOS"]

LAYOUT = Layout(
    title="VideoDeblurring / DVD (Su et al. 2017)",
    text="quantitative_datasets/VIDEO/{input,GT}/*.jpg (that folder, or the one above it)",
    url="https://www.cs.ubc.ca/labs/imager/tr/2017/DeepVideoDeblurring/",
)

TEST_VIDEOS = frozenset(
    ["720p_240fps_2", *(f"IMG_{n:04}" for n in (3, 21, 30, 31, 32, 33, 37, 39, 49))]
)
# fmt: off
_TRAIN_NUMBERS = (
    1, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 17, 19, 22, 23, 24, 25, 26, 28, 29, 34, 35, 36, 38, 40,
    41, 42, 43, 44, 45, 46, 47, 51, 53, 54, 55, 56, 58, 150, 151, 153, 155, 164, 173, 180, 183, 200,
)
# fmt: on
TRAIN_VIDEOS = frozenset(
    [
        *(f"720p_240fps_{n}" for n in (1, 3, 5, 6)),
        *("C0036", "C0041"),
        *(f"GOPR{n}" for n in (9633, 9636, 9641, 9642, 9643, 9645, 9648, 9652)),
        *(f"IMG_{n:04}" for n in _TRAIN_NUMBERS),
    ]
)

log = logging.getLogger("vsdeblur")


def _open(folder: Path, split: str) -> list[PicturePairs]:
    """Open those videos of the split that are there: a part of the dataset will do."""
    root = LAYOUT.find(
        folder,
        "quantitative_datasets",
        "DeepVideoDeblurring_Dataset/quantitative_datasets",
        ".",
    )
    wanted = {"train": TRAIN_VIDEOS, "test": TEST_VIDEOS}[split]
    found = subfolders(root)
    _warn_of_others(root, [p.name for p in found])
    chosen = [p for p in found if p.name in wanted]
    if not chosen:
        names = ", ".join(sorted(wanted)[:10])
        more = ", ..." if len(wanted) > 10 else ""
        raise LAYOUT.error(root, f"none of the {len(wanted)} {split} videos ({names}{more})")
    for video in chosen:
        LAYOUT.find(video, "input")
        LAYOUT.find(video, "GT")
    return pair_folders(((p.name, p / "input", p / "GT") for p in chosen), LAYOUT)


def _warn_of_others(root: Path, names: list[str]) -> None:
    others = [name for name in names if name not in TRAIN_VIDEOS | TEST_VIDEOS]
    if others and len(others) < len(names):
        log.warning(
            "%s: left out, as the authors' split does not have them: %s", root, ", ".join(others)
        )


DVD = DatasetKind(name="dvd", title=LAYOUT.title, url=LAYOUT.url, layout=LAYOUT.text, open=_open)
