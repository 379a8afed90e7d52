"""GOPRO_Large: S. Nah et al., Deep Multi-scale CNN for Dynamic Scene Deblurring, 2017.

Each sequence has two blurred versions. `blur` averages the pixel values as they are stored (the
authors call that a linear camera response); most papers after theirs train and test on it.
`blur_gamma` averages in linear light, with gamma 2.2; the authors' paper uses it (issue 60 of
SeungjunNah/DeepDeblur_release).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from .base import DatasetKind
from .layout import Layout, subfolders
from .picture_files import PicturePairs, pair_folders

__all__ = ["GOPRO", "GOPRO_GAMMA"]

LAYOUT = Layout(
    title="GOPRO_Large (Nah et al. 2017)",
    text="{train,test}/SEQUENCE/{blur,blur_gamma,sharp}/*.png",
    url="https://seungjunnah.github.io/Datasets/gopro",
)


def _open(folder: Path, split: str, *, blurred: str) -> list[PicturePairs]:
    """Open a split; `blurred` is the folder of blurred frames in each sequence."""
    root = LAYOUT.find(folder, split, f"GOPRO_Large/{split}")
    sequences = subfolders(root)
    if not sequences:
        raise LAYOUT.error(root, "no sequences")
    for sequence in sequences:
        LAYOUT.find(sequence, blurred)
        LAYOUT.find(sequence, "sharp")
    return pair_folders(((p.name, p / blurred, p / "sharp") for p in sequences), LAYOUT)


GOPRO = DatasetKind(
    name="gopro",
    title=f"{LAYOUT.title}, frames averaged as stored",
    url=LAYOUT.url,
    layout=LAYOUT.text,
    open=partial(_open, blurred="blur"),
)
GOPRO_GAMMA = DatasetKind(
    name="gopro-gamma",
    title=f"{LAYOUT.title}, frames averaged in linear light",
    url=LAYOUT.url,
    layout=LAYOUT.text,
    open=partial(_open, blurred="blur_gamma"),
)
