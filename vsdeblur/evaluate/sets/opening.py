"""What a filter is scored on: sets of videos that give a blurred window and its sharp frame.

A further kind of set needs a function (folder, split) -> `EvaluationSet` in `_openers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path

import torch
from torch import Tensor

from ...data.datasets import DATASETS, SPLITS, PairedVideo, open_dataset
from ...data.photos import find_photos
from ...errors import DataError, OptionError
from ...frames.ring import window_offsets
from ..synthetic import SUBSETS, SyntheticBenchmark
from .blurred_pictures import open_pictures
from .luma_windows import LumaWindows
from .odd import open_odd
from .samples import EvaluationSet, Sample

__all__ = ["PairedFrames", "open_set"]


class PairedFrames:
    """A dataset's video, as an `EvaluationVideo`.

    Windows do not leave the video: at its ends the last frame is repeated, as the filters do.

    Args:
        video: Blurred frames and their sharp partners.
        set_name: The dataset, for messages.
    """

    is_sequence = True

    def __init__(self, video: PairedVideo, set_name: str) -> None:
        self.name = video.name
        self._video = video
        self._set_name = set_name
        # Neighbouring windows share frames: each is decoded once.
        self._blurred = lru_cache(maxsize=16)(video.blurred)

    def __len__(self) -> int:
        return len(self._video)

    def sample(self, index: int, *, radius: int, multiplier: int) -> Sample:
        """A sample; see `EvaluationVideo.sample`."""
        last = len(self._video) - 1
        cuts = [not 0 <= number < last for number in range(index - radius, index + radius)]
        frames = [self._blurred(index + offset) for offset in window_offsets(cuts)]
        sharp = self._sharp(index, multiplier)
        shapes = {tuple(frame.shape) for frame in (*frames, *sharp)}
        if len(shapes) > 1:
            sizes = " and ".join(sorted(f"{width}x{height}" for _, height, width in shapes))
            raise DataError(
                f"{self._set_name}: frames around frame {index} of video {self.name!r} have the "
                f"sizes {sizes}; blurred and sharp frames of a video must have one size"
            )
        return Sample(torch.stack(frames), torch.stack(sharp))

    def _sharp(self, index: int, multiplier: int) -> list[Tensor]:
        if multiplier == 1:
            return [self._video.sharp(index)]
        moments = self._video.moments(index)
        if moments is None or len(moments) != multiplier:
            there = "one sharp view" if moments is None else f"{len(moments)} sharp views"
            raise DataError(
                f"{self._set_name} has {there} of each blurred frame, and the filter makes "
                f"{multiplier}; use a dataset that has as many"
            )
        return list(moments)


def open_set(text: str, split: str) -> EvaluationSet:
    """Open what `--data` names.

    Args:
        text: "NAME=DIR".
        split: "test" or "train".

    Raises:
        OptionError: The text is not of this form, or there is no set or split of that name.
        DataError: The folder is missing or does not hold the set.
    """
    name, separator, folder = text.partition("=")
    if not (name and separator and folder):
        raise OptionError(f"--data must be NAME=DIR, for example gopro=FOLDER; got {text!r}")
    openers = _openers()
    if name not in openers:
        raise OptionError(f"unknown dataset {name!r}; choose one of: {', '.join(openers)}")
    if split not in SPLITS:
        raise OptionError(f"unknown split {split!r}; choose one of: {', '.join(SPLITS)}")
    if not Path(folder).is_dir():
        raise DataError(f"no folder {folder!r} for dataset {name!r}; check the path")
    return openers[name](Path(folder), split)


def _openers() -> Mapping[str, Callable[[Path, str], EvaluationSet]]:
    paired = {name: partial(_open_paired, name) for name in DATASETS}
    return {
        "photos": _open_benchmark,
        "pictures": _open_pictures,
        "odd": lambda folder, _split: open_odd(folder),
        **paired,
    }


def _open_benchmark(folder: Path, split: str) -> EvaluationSet:
    """The fixed synthetic benchmark, made from a folder of sharp photos."""
    benchmark = SyntheticBenchmark.from_folders([folder])
    videos = [LumaWindows(subset, list(benchmark.windows(subset))) for subset in SUBSETS]
    title = f"synthetic benchmark made from {len(find_photos([folder]))} photos"
    return EvaluationSet(name="photos", title=title, split=split, videos=videos)


def _open_pictures(folder: Path, _split: str) -> EvaluationSet:
    """Pictures cut from a folder of sharp photos and blurred by the seven kernels."""
    return open_pictures(folder)


def _open_paired(name: str, folder: Path, split: str) -> EvaluationSet:
    videos = [PairedFrames(video, name) for video in open_dataset(name, folder, split)]
    return EvaluationSet(name=name, title=DATASETS[name].title, split=split, videos=videos)
