"""Where training windows come from: sharp photos and a virtual camera, or a dataset of videos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ...data.datasets import PairedVideo
from ...data.photos import PhotoSet, random_below
from ...errors import DataError
from ...standards import BT601
from ..recipe import SourceSettings
from ..settings import BlurSettings
from .camera import Draw
from .looks import PLAIN, scenery_of
from .windows import synthesize

__all__ = ["PhotoSource", "Source", "VideoSource", "Windows", "luma_of_rgb"]


class Windows(NamedTuple):
    """Training windows, luma in [0, 1]."""

    blurred: Tensor
    """(N, T, H, W)."""
    sharp: Tensor
    """(N, 1, H, W), partner of the middle frame."""
    is_concert: Tensor
    """(N,) bool: lit like a concert, and so to be given a concert's noise."""


class Source(Protocol):
    """Makes windows; the same ones from the same generators."""

    def windows(self, num: int, generator: torch.Generator, on_device: torch.Generator) -> Windows:
        """Make `num` windows, from a generator on the CPU and one on the training device."""
        ...


class PhotoSource:
    """Sharp photos over which a virtual camera moves.

    Args:
        photos: The photos.
        blur: What the blur is drawn from.
        settings: What is done to the photos.
    """

    def __init__(
        self,
        photos: PhotoSet,
        blur: BlurSettings,
        settings: SourceSettings = PLAIN,
    ) -> None:
        self._photos = photos
        self._blur = blur
        self._settings = settings

    def windows(self, num: int, generator: torch.Generator, on_device: torch.Generator) -> Windows:
        """Make windows; see `Source.windows`."""
        patches = self._photos.patches(2 * num, generator)
        scenery = scenery_of(patches, self._settings, Draw(patches, on_device))
        exposure = synthesize(scenery.background, scenery.foreground, self._blur, on_device)
        return Windows(exposure.blurred[:, :, 0], exposure.sharp, scenery.is_concert)


class VideoSource:
    """Videos with a sharp partner for every blurred frame.

    Args:
        videos: At least one; those shorter than a window are left out.
        num_frames: Frames in a window (odd).
        size: Height and width of a window, in pixels.
        device: Where windows are given.

    Raises:
        DataError: No video is long enough.
    """

    def __init__(
        self,
        videos: Sequence[PairedVideo],
        num_frames: int,
        size: int,
        device: torch.device | str = "cpu",
    ) -> None:
        self._videos = [video for video in videos if len(video) >= num_frames]
        self._num_frames = num_frames
        self._size = size
        self._device = torch.device(device)
        if not self._videos:
            raise DataError(
                f"none of the {len(videos)} videos has the {num_frames} frames of a window"
            )

    def windows(self, num: int, generator: torch.Generator, on_device: torch.Generator) -> Windows:
        """Make windows; see `Source.windows`."""
        del on_device
        pairs = [self._window(generator) for _ in range(num)]
        blurred, sharp = (torch.stack(part) for part in zip(*pairs, strict=True))
        is_concert = torch.zeros(num, dtype=torch.bool, device=self._device)
        return Windows(blurred, sharp, is_concert)

    def _window(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        video = self._videos[random_below(len(self._videos), generator)]
        first = random_below(len(video) - self._num_frames + 1, generator)
        sharp = video.sharp(first + self._num_frames // 2)
        height, width = sharp.shape[-2:]
        if min(height, width) < self._size:
            raise DataError(
                f"frames of video {video.name!r} are {width}x{height}; windows of "
                f"{self._size}x{self._size} do not fit (make `size` under [blur] smaller)"
            )
        top = random_below(height - self._size + 1, generator)
        left = random_below(width - self._size + 1, generator)
        region = (..., slice(top, top + self._size), slice(left, left + self._size))
        frames = [video.blurred(first + n)[region] for n in range(self._num_frames)]
        return luma_of_rgb(torch.stack(frames), self._device), luma_of_rgb(
            sharp[region], self._device
        )[None]


def luma_of_rgb(frames: Tensor, device: torch.device) -> Tensor:
    """(..., 3, H, W) uint8 RGB -> (..., H, W) in [0, 1]."""
    weights = torch.tensor(BT601, device=device)
    return torch.einsum("...chw,c->...hw", frames.to(device).float(), weights) / 255
