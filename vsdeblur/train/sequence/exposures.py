"""Blurred frames with the seven sharp moments behind them: from photos, or from sharp video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ...data.datasets import PairedVideo
from ...data.photos import PhotoSet, random_below
from ...errors import DataError
from ..recipe import SourceSettings
from ..settings import BlurSettings
from ..synthesis.camera import Draw
from ..synthesis.looks import PLAIN, scenery_of
from ..synthesis.sources import luma_of_rgb
from ..synthesis.windows import synthesize

__all__ = ["OUT_OF_SIGHT", "MomentSource", "MomentWindows", "PhotoMoments", "VideoMoments"]

OUT_OF_SIGHT = 10_000.0
"""A flow in pixels that leads out of any frame: such places count in no loss. It stands for a flow
that is not known."""

PER_FRAME = 4
"""Windows that are cut out of a frame of a video."""


class MomentWindows(NamedTuple):
    """Blurred frames and what lies behind them, luma in [0, 1], before any noise."""

    blurred: Tensor
    """(N, 1, H, W)."""
    moments: Tensor
    """(N, 7, H, W), in order."""
    to_last: Tensor
    """(N, 2, H, W), (x, y) in pixels: where each place of the first moment lies in the last one,
    relative to it."""
    to_first: Tensor
    """As `to_last`: where each place of the last moment lies in the first one."""
    is_concert: Tensor
    """(N,) bool: lit like a concert, and so to be given a concert's noise."""


class MomentSource(Protocol):
    """Makes windows; the same ones from the same generators."""

    def windows(
        self, num: int, generator: torch.Generator, on_device: torch.Generator
    ) -> MomentWindows:
        """Make `num` windows, from a generator on the CPU and one on the training device."""
        ...


class PhotoMoments:
    """Sharp photos over which a virtual camera moves, and objects before them.

    Args:
        photos: The photos.
        blur: What the blur is drawn from; of its frames only the middle one is made.
        settings: What is done to the photos.
    """

    def __init__(
        self,
        photos: PhotoSet,
        blur: BlurSettings,
        settings: SourceSettings = PLAIN,
    ) -> None:
        self._photos = photos
        self._blur = replace(blur, num_frames=1)
        self._settings = settings

    def windows(
        self, num: int, generator: torch.Generator, on_device: torch.Generator
    ) -> MomentWindows:
        """Make windows; see `MomentSource.windows`."""
        patches = self._photos.patches(2 * num, generator)
        scenery = scenery_of(patches, self._settings, Draw(patches, on_device))
        exposure = synthesize(
            scenery.background, scenery.foreground, self._blur, on_device, with_moments=True
        )
        moments, to_last, to_first = exposure.moments, exposure.flow, exposure.flow_back
        assert moments is not None
        assert to_last is not None
        assert to_first is not None
        return MomentWindows(
            exposure.blurred[:, :, 0], moments[:, :, 0], to_last, to_first, scenery.is_concert
        )


class VideoMoments:
    """Videos whose blurred frames were averaged from sharp ones; their flow is not known.

    Four windows are cut out of each blurred frame, because reading a frame takes long. Of several
    places the one that changes most is taken: much of a video often stands still.

    Args:
        videos: At least one.
        size: Height and width of a window, in pixels.
        device: Where windows are given.
    """

    def __init__(
        self, videos: Sequence[PairedVideo], size: int, device: torch.device | str = "cpu"
    ) -> None:
        self._videos = videos
        self._size = size
        self._device = torch.device(device)

    def windows(
        self, num: int, generator: torch.Generator, on_device: torch.Generator
    ) -> MomentWindows:
        """Make windows; see `MomentSource.windows`.

        Raises:
            DataError: A frame cannot be read or is too small, or the video has no moments.
        """
        del on_device
        cuts: list[Tensor] = []
        while len(cuts) < num:
            cuts += self._cut_frame(min(PER_FRAME, num - len(cuts)), generator)
        luma = luma_of_rgb(torch.stack(cuts), self._device)
        unknown = luma.new_full((num, 2, self._size, self._size), OUT_OF_SIGHT)
        is_concert = torch.zeros(num, dtype=torch.bool, device=self._device)
        return MomentWindows(luma[:, :1], luma[:, 1:], unknown, unknown, is_concert)

    def _cut_frame(self, num: int, generator: torch.Generator) -> list[Tensor]:
        """Windows of a random blurred frame and its moments, (8, 3, size, size) uint8 each."""
        video = self._videos[random_below(len(self._videos), generator)]
        index = random_below(len(video), generator)
        moments = video.moments(index)
        if moments is None:
            raise DataError(
                f"video {video.name!r} has no sharp moments inside its exposures; use a dataset "
                "that has, such as gopro-all-7 or high-speed-7"
            )
        frames = torch.cat([video.blurred(index)[None], moments])
        return [self._cut(frames, video.name, generator) for _ in range(num)]

    def _cut(
        self, frames: Tensor, name: str, generator: torch.Generator, choices: int = 8
    ) -> Tensor:
        """The window that changes most of several, (8, 3, size, size) uint8."""
        height, width = frames.shape[-2:]
        if min(height, width) < self._size:
            raise DataError(
                f"frames of video {name!r} are {width}x{height}; windows of "
                f"{self._size}x{self._size} do not fit (make `size` under [blur] smaller)"
            )
        found = []
        for _ in range(choices):
            top = random_below(height - self._size + 1, generator)
            left = random_below(width - self._size + 1, generator)
            found.append(frames[..., top : top + self._size, left : left + self._size])
        return max(found, key=_change)


def _change(window: Tensor) -> float:
    """How much the last moment of a window differs from its first, in 8-bit levels."""
    first, last = (window[index, :, ::4, ::4].float() for index in (1, -1))
    return float((last - first).abs().mean())
