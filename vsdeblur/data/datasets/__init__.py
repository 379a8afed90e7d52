"""Datasets of blurred video with sharp partners: one file a dataset.

A reader lists what is there when it is opened, and reads frames when they are asked for.
"""

from __future__ import annotations

from pathlib import Path

from ...errors import DataError
from .base import DatasetKind, PairedVideo
from .dvd import DVD
from .gopro import GOPRO, GOPRO_GAMMA
from .gopro_all import GOPRO_ALL, GOPRO_ALL_7, GOPRO_ALL_GAMMA
from .high_speed import HIGH_SPEED, HIGH_SPEED_7
from .kitti import KITTI
from .reds import REDS

__all__ = ["DATASETS", "SPLITS", "DatasetKind", "PairedVideo", "open_dataset"]

SPLITS = ("train", "test")

DATASETS: dict[str, DatasetKind] = {
    kind.name: kind
    for kind in (
        DVD,
        GOPRO,
        GOPRO_GAMMA,
        GOPRO_ALL,
        GOPRO_ALL_GAMMA,
        GOPRO_ALL_7,
        REDS,
        KITTI,
        HIGH_SPEED,
        HIGH_SPEED_7,
    )
}
"""Every dataset that can be read, by name."""


def open_dataset(name: str, folder: Path, split: str) -> list[PairedVideo]:
    """Open a split of a dataset.

    Args:
        name: One of `DATASETS`.
        folder: Where the dataset lies; see the kind's `layout`.
        split: "train" or "test".

    Returns:
        At least one video, sorted by name.

    Raises:
        DataError: No such dataset or split; or the folder is not as the dataset's layout has it.
    """
    if name not in DATASETS:
        raise DataError(f"unknown dataset {name!r}; choose one of: {', '.join(DATASETS)}")
    if split not in SPLITS:
        raise DataError(f"unknown split {split!r}; choose one of: {', '.join(SPLITS)}")
    return list(DATASETS[name].open(folder, split))
