"""A fixed set of blurred windows, rebuilt from a seed, and the score of a network on it.

The set is made on the CPU, one window at a time, from photos that are not trained on. It is what
a checkpoint is chosen by and what model cards report.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import torch
from PIL import Image
from torch import Tensor

from ..data.datasets import PairedVideo
from ..data.photos import PhotoSet
from ..data.psnr import BANDS, luma_psnr
from ..errors import DataError
from .synthesis.sources import VideoSource
from .synthesis.windows import BlurSettings, degrade, synthesize

__all__ = ["Score", "ValidationSet", "write_comparison"]


@dataclass(frozen=True)
class Score:
    """Mean gain in luma PSNR over the blurred input, in dB, by band of the input."""

    gain: dict[str, float]
    count: dict[str, int]
    """Windows in each band."""
    input_psnr: dict[str, float]
    """Mean luma PSNR of the blurred input."""
    mean_gain: float
    """Mean gain over all windows."""

    def __str__(self) -> str:
        """Each band and its gain, on one line."""
        return " ".join(f"{band}: {gain:+.2f}" for band, gain in self.gain.items())

    @property
    def figure(self) -> float:
        """What weights are chosen by, dB: blur removed, less what sharp input loses beyond 0.1."""
        removed = self.gain.get("22-32", self.mean_gain)
        return removed + min(0.0, self.gain.get("sharp", 0.0) + 0.1)


class ValidationSet:
    """Windows with their sharp middle frames.

    Args:
        pairs: Blurred (5, H, W) and sharp (1, H, W) luma in [0, 1], all of one size.
    """

    def __init__(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
        self.blurred = torch.stack([blurred for blurred, _ in pairs])
        """(N, 5, H, W)."""
        self.sharp = torch.stack([sharp for _, sharp in pairs])
        """(N, 1, H, W)."""
        middle = self.blurred.shape[1] // 2
        self.input_psnr = self.psnr(self.blurred[:, middle : middle + 1], self.sharp)
        """(N,), dB."""

    @staticmethod
    def psnr(restored: Tensor, sharp: Tensor) -> Tensor:
        """Luma PSNR of each window, dB: (N, 1, H, W) in [0, 1] -> (N,)."""
        return luma_psnr(restored, sharp)

    @classmethod
    def from_files(
        cls, files: Sequence[Path], *, num_windows: int, size: int = 192, seed: int = 2026
    ) -> Self:
        """Blur photos: with noise, quantised to 8 bit.

        Windows are drawn until `num_windows` have an input between 22 and 32 dB and a quarter as
        many one above 38 dB, so that no score hangs on a few lucky draws; the others are dropped.
        After 20 draws a window asked for, the set stays as large as it is.

        Args:
            files: Sharp photos.
            num_windows: How many blurred windows are kept.
            size: Height and width of a window, in pixels.
            seed: Decides everything that is drawn.

        Raises:
            DataError: A photo cannot be read, or they give no window between 22 and 32 dB.
        """
        settings = replace(SETTINGS, size=size)
        photos = PhotoSet(files, settings.patch_size)
        return cls(cls._chosen(photos, num_windows, settings, seed))

    @classmethod
    def from_videos(
        cls, videos: Sequence[PairedVideo], *, num_windows: int, size: int = 192, seed: int = 2026
    ) -> Self:
        """Cut windows out of videos whose blurred frames have sharp partners.

        Args:
            videos: The videos.
            num_windows: How many windows are cut.
            size: Height and width of a window, in pixels.
            seed: Decides where they are cut.

        Raises:
            DataError: A frame cannot be read or is too small, or all videos are too short.
        """
        source = VideoSource(videos, SETTINGS.num_frames, size)
        generator = torch.Generator().manual_seed(seed)
        windows = source.windows(num_windows, generator, generator)
        return cls(list(zip(windows.blurred, windows.sharp, strict=True)))

    def restore(self, network: Callable[[Tensor], Tensor], batch_size: int = 8) -> Tensor:
        """Run a network over all windows; (N, 1, H, W), clamped and quantised to 8 bit."""
        batches = [network(batch).float().cpu() for batch in self.blurred.split(batch_size)]
        return (torch.cat(batches).clamp(0, 1) * 255).round() / 255

    def score(self, restored: Tensor) -> Score:
        """Score the restored middle frames, (N, 1, H, W) in [0, 1]."""
        gain = self.psnr(restored, self.sharp) - self.input_psnr
        gains, counts, inputs = {}, {}, {}
        for name, (low, high) in BANDS.items():
            band = (self.input_psnr >= low) & (self.input_psnr < high)
            counts[name] = int(band.sum())
            if counts[name]:
                gains[name] = float(gain[band].mean())
                inputs[name] = float(self.input_psnr[band].mean())
        return Score(gains, counts, inputs, float(gain.mean()))

    @classmethod
    def _chosen(
        cls, photos: PhotoSet, num_windows: int, settings: BlurSettings, seed: int
    ) -> list[tuple[Tensor, Tensor]]:
        wanted = {"22-32": num_windows, "sharp": num_windows // 4}
        pairs: list[tuple[Tensor, Tensor]] = []
        for attempt in range(20 * num_windows):  # photographs want about 4
            pair = cls._window(photos, settings, seed * 100_000 + attempt)
            band = cls._band_of(pair, wanted)
            if band:
                wanted[band] -= 1
                pairs.append(pair)
            if not any(wanted.values()):
                break
        if wanted["22-32"] == num_windows:
            raise DataError(
                f"the {len(photos)} validation photos give no blurred window between 22 and 32 "
                "dB: they are too flat, or no photographs; use others"
            )
        return pairs

    @classmethod
    def _band_of(cls, pair: tuple[Tensor, Tensor], wanted: dict[str, int]) -> str | None:
        blurred, sharp = pair
        middle = len(blurred) // 2
        psnr = float(cls.psnr(blurred[None, middle : middle + 1], sharp[None]))
        for name, missing in wanted.items():
            low, high = BANDS[name]
            if missing and low <= psnr < high:
                return name
        return None

    @classmethod
    def _window(cls, photos: PhotoSet, settings: BlurSettings, seed: int) -> tuple[Tensor, Tensor]:
        """A blurred window and its sharp partner."""
        generator = torch.Generator().manual_seed(seed)
        patches = photos.patches(2, generator)
        exposure = synthesize(patches[:1], patches[1:], settings, generator)
        blurred = degrade(exposure.blurred[:, :, 0], generator, min_sigma=0.002, max_sigma=0.01)
        return blurred[0], exposure.sharp[0]


SETTINGS = BlurSettings(max_blur=36, blur_exponent=1.5, still_share=0.2)


def write_comparison(
    path: Path, validation: ValidationSet, restored: Tensor, rows: int = 6
) -> None:
    """Write a PNG with a row a window: blurred middle frame, restored, sharp.

    Args:
        path: File to write.
        validation: The windows.
        restored: (N, 1, H, W), the network's output for them, in [0, 1].
        rows: How many windows, spread evenly over the set.
    """
    middle = validation.blurred.shape[1] // 2
    chosen = torch.linspace(0, len(restored) - 1, rows).long()
    columns = [validation.blurred[chosen, middle], restored[chosen, 0], validation.sharp[chosen, 0]]
    sheet = torch.cat([torch.cat(list(column)) for column in columns], dim=1)
    Image.fromarray((sheet * 255).round().byte().numpy()).save(path)
