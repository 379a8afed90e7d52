"""Pictures for the report, collected while frames are scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..frame_pictures import FramePictures, Pictures
from ..scores import Figures, FrameScores
from ..sets.samples import EvaluationSet, EvaluationVideo
from .crops import Crops
from .images import data_uri, image_of, middle_picture

__all__ = ["Gallery", "ShownFrame"]

MAX_FRAMES = 6
"""Whole frames shown of a set; each is three pictures."""
MAX_WIDTH = 1280
"""Wider frames are scaled down to this, in pixels, to bound the size of the report."""


@dataclass(frozen=True, kw_only=True)
class ShownFrame:
    """A frame in its three states."""

    video: str
    index: int
    width: int
    height: int
    """Of the frame, before any scaling."""
    figures: Figures
    images: Mapping[str, str]
    """"blurred", "restored", "sharp" -> data: URI."""

    @property
    def is_scaled(self) -> bool:
        """Whether the pictures are smaller than the frame."""
        return self.width > MAX_WIDTH


class Gallery:
    """Up to six frames of each set, spread evenly over it, and its best and worst crops.

    It is a `FrameWatcher`.

    Args:
        sets: What will be scored.
        max_frames: How many frames of each video will be; None = all.
    """

    def __init__(self, sets: Sequence[EvaluationSet], max_frames: int | None = None) -> None:
        self._chosen = {each.name: _chosen(each.videos, max_frames) for each in sets}
        self.frames: dict[str, list[ShownFrame]] = {each.name: [] for each in sets}
        self.crops = {each.name: Crops() for each in sets}

    def see(
        self, set_name: str, video: EvaluationVideo, scores: FrameScores, pictures: FramePictures
    ) -> None:
        """Look at a frame; see `FrameWatcher.see`."""
        self.crops[set_name].see(video.name, scores.index, pictures)
        if (video.name, scores.index) in self._chosen[set_name]:
            height, width = pictures.sharp.luma.shape[-2:]
            uris = [_frame_uri(state) for state in pictures]
            self.frames[set_name].append(
                ShownFrame(
                    video=video.name,
                    index=scores.index,
                    width=width,
                    height=height,
                    figures=scores.figures,
                    images=dict(zip(("blurred", "restored", "sharp"), uris, strict=True)),
                )
            )


def _chosen(videos: Sequence[EvaluationVideo], max_frames: int | None) -> set[tuple[str, int]]:
    """Frames to show: the middles of equal parts of the set."""
    lengths = [min(len(video), max_frames or len(video)) for video in videos]
    ends = np.cumsum(lengths)
    count = min(MAX_FRAMES, int(ends[-1]))
    chosen = set()
    for position in ((np.arange(count) + 0.5) * ends[-1] / count).astype(int):
        video = int(np.searchsorted(ends, position, side="right"))
        chosen.add((videos[video].name, int(position - ends[video] + lengths[video])))
    return chosen


def _frame_uri(pictures: Pictures) -> str:
    image = image_of(middle_picture(pictures))
    if image.width > MAX_WIDTH:
        size = (MAX_WIDTH, round(image.height * MAX_WIDTH / image.width))
        image = image.resize(size, Image.Resampling.LANCZOS)
    return data_uri(image, quality=90)
