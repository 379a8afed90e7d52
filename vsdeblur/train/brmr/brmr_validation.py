"""What `brmr`'s weights are chosen by: held-out photos, blurred by the seven kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ...models import MODELS
from ...models.brmr import BRMRNetworks
from ...models.spec import BRMRSpec
from ...restorers.brmr.regions import mine_windows
from ...restorers.brmr.restorer import BRMROptions, BRMRRestorer
from ..settings import BlurSettings, PairSettings
from ..trainer import Trainer
from ..validation import Score
from .colour_photos import PictureSet
from .pairs import Pair, random_pair

__all__ = ["PictureValidation", "RegionValidation", "rgb_psnr"]


def rgb_psnr(restored: Tensor, sharp: Tensor) -> Tensor:
    """Peak signal-to-noise ratio over the three colours, dB; (..., 3, H, W) in [0, 1] -> (...)."""
    error = (restored - sharp).square().flatten(-3).mean(-1)
    return -10 * error.clamp_min(1e-10).log10()


class PictureValidation:
    """Pictures of 256x256 pixels, each blurred by one of the seven kernels in turn.

    Args:
        files: Photos that are not trained on.
        num: How many pictures.
        full_loop: Score Algorithm 1 as a whole; False = the image generator alone.
        seed: Decides everything that is drawn.

    Raises:
        DataError: A photo cannot be read.
    """

    def __init__(
        self, files: Sequence[Path], num: int, *, full_loop: bool, seed: int = 2026
    ) -> None:
        self.pairs = _pairs(files, num, seed)
        self._full_loop = full_loop

    def evaluate(self, trainer: Trainer, picture: Path) -> Score:
        """Score the averaged weights; the PNG has a row a picture: blurred, restored, sharp."""
        restore = _restorer(trainer, full_loop=self._full_loop)
        gains, rows = [], []
        for pair in self.pairs:
            blurred, sharp = pair.blurred.float() / 255, pair.sharp.float() / 255
            restored = (restore(blurred).cpu() * 255).round() / 255
            gains.append(float(rgb_psnr(restored, sharp) - rgb_psnr(blurred, sharp)))
            rows.append(torch.cat([blurred, restored, sharp], -1))
        _save_sheet(rows[:6], picture)
        mean = sum(gains) / len(gains)
        return Score({"rgb": mean}, {"rgb": len(gains)}, {}, mean)


class RegionValidation:
    """The critic as a detector: one 128x128 window of a sharp picture is blurred (section 4.1).

    Args:
        files: Photos that are not trained on.
        num: How many pictures.
        seed: Decides everything that is drawn.

    Raises:
        DataError: A photo cannot be read.
    """

    def __init__(self, files: Sequence[Path], num: int, *, seed: int = 2026) -> None:
        self.pairs = _pairs(files, num, seed)

    @torch.no_grad()
    def evaluate(self, trainer: Trainer, picture: Path) -> Score:
        """Mean intersection over union of the mined window and the blurred one, in [0, 1].

        The PNG has a row a picture: what the critic saw, and its heat map.
        """
        networks = trainer.averaged_network()
        assert isinstance(networks, BRMRNetworks)
        overlaps, rows = [], []
        for pair in self.pairs:
            patched = pair.patched[None].to(trainer.fabric.device).float() / 255
            with trainer.fabric.autocast():
                heat = networks.d_image(patched, patched).heat_blur[0]
            (window,) = mine_windows(heat)
            mined = torch.zeros_like(pair.window)
            mined[:, window.rows, window.columns] = True
            overlaps.append(float((mined & pair.window).sum() / (mined | pair.window).sum()))
            shown = F.interpolate(heat.sigmoid()[None, None].cpu(), patched.shape[-2:])[0]
            rows.append(torch.cat([patched[0].cpu(), shown.expand(3, -1, -1)], -1))
        _save_sheet(rows[:6], picture)
        mean = sum(overlaps) / len(overlaps)
        return Score({"iou": mean}, {"iou": len(overlaps)}, {}, mean)


def _pairs(files: Sequence[Path], num: int, seed: int) -> list[Pair]:
    settings = PairSettings()
    photos = PictureSet(files, settings.size)
    generators = [torch.Generator().manual_seed(seed + index) for index in range(num)]
    return [random_pair(photos, settings, BlurSettings(), each) for each in generators]


def _save_sheet(rows: Sequence[Tensor], path: Path) -> None:
    """Rows of pictures, (3, H, W) in [0, 1], as a PNG."""
    sheet = (torch.cat(list(rows), 1) * 255).round().byte().permute(1, 2, 0)
    Image.fromarray(sheet.numpy()).save(path)


def _restorer(trainer: Trainer, *, full_loop: bool) -> Callable[[Tensor], Tensor]:
    """Restores a picture, (3, H, W) in [0, 1], with the averaged weights."""
    spec = MODELS[trainer.recipe.filter][trainer.recipe.model]
    assert isinstance(spec, BRMRSpec)
    form = spec.fold(trainer.averaged_network())
    device = trainer.fabric.device

    def network(name: str) -> Callable[[Tensor], Tensor]:
        part = form.network.get_submodule(name)

        def run(pictures: Tensor) -> Tensor:
            with trainer.fabric.autocast():
                output: Tensor = part(pictures)
            return output

        return run

    options = BRMROptions() if full_loop else BRMROptions(max_iterations=0)
    networks = {name: network(name) for name in spec.parts}
    restorer = BRMRRestorer(
        networks, spec, device, options=options, adds_middle_frame=form.adds_middle_frame
    )
    return lambda picture: restorer.restore(picture[None].to(device))[0]
