"""REDS: S. Nah et al., NTIRE 2019 Challenge on Video Deblurring and Super-Resolution, 2019.

240 videos of 100 frames for training. The authors keep the sharp frames of their test set; so the
split "test" here is their validation set, 30 videos.
"""

from __future__ import annotations

from pathlib import Path

from .base import DatasetKind
from .layout import Layout, natural_key, subfolders
from .picture_files import PicturePairs, pair_folders

__all__ = ["REDS"]

LAYOUT = Layout(
    title="REDS (Nah et al. 2019)",
    text=(
        "train/{train_blur,train_sharp}/NNN/*.png and val/{val_blur,val_sharp}/NNN/*.png, as the "
        "zip files of those names unpack"
    ),
    url="https://seungjunnah.github.io/Datasets/reds",
)


def _open(folder: Path, split: str) -> list[PicturePairs]:
    part = {"train": "train", "test": "val"}[split]
    blurred, sharp = (_side(folder, part, f"{part}_{kind}") for kind in ("blur", "sharp"))
    names = {p.name for side in (blurred, sharp) for p in subfolders(side)}
    if not names:
        raise LAYOUT.error(blurred, "no videos")
    ordered = sorted(names, key=natural_key)
    return pair_folders(((name, blurred / name, sharp / name) for name in ordered), LAYOUT)


def _side(folder: Path, part: str, name: str) -> Path:
    """The folder of one side, also where each zip file was unpacked into a folder of its name."""
    return LAYOUT.find(folder, f"{part}/{name}", f"{name}/{part}/{name}", name)


REDS = DatasetKind(name="reds", title=LAYOUT.title, url=LAYOUT.url, layout=LAYOUT.text, open=_open)
