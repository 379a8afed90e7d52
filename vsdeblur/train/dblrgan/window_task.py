"""Training of `dblrgan`: windows of blurred luma in, the sharp middle frame out (paper 001)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning_fabric as fabric_library
import torch
from torch import Tensor, nn

from ...data.psnr import luma_psnr
from ...models.dblrnet import FastDBLRNet
from ...models.discriminator import FrameDiscriminator
from ..kept_windows import Made
from ..losses import LOSSES
from ..material import DRAWINGS, Material
from ..pool import Maker, WindowPool
from ..recipe import Recipe
from ..run_options import TrainOptions
from ..synthesis.drawings import DrawingSource
from ..synthesis.sources import PhotoSource, Source, VideoSource
from ..trainer import Trainer, share_of
from ..validation import Score, ValidationSet, write_comparison
from .adversarial import WindowCritic
from .widening import start_from_fast

__all__ = ["WindowTask", "WindowTrainer"]


class WindowTrainer(Trainer):
    """Trains a network that restores the middle frame of a window; see `Trainer`."""

    def prepared(self, network: nn.Module, init: Path | None) -> nn.Module:
        """Let a wide network start as the model "fast", where the recipe says so."""
        if init is None and self.recipe.initial_weights == "fast":
            assert isinstance(network, FastDBLRNet)
            start_from_fast(network)
        return network

    def objective(self, *batch: Tensor) -> Tensor:
        """Content loss, and the adversarial one where the recipe has it (paper 001, eq. 5).

        Args:
            batch: Blurred (N, T, H, W) and sharp (N, 1, H, W), luma in [0, 1].
        """
        blurred, sharp = batch
        restored = self.model(blurred.contiguous(memory_format=torch.channels_last)).float()
        loss = sum(
            (weight * LOSSES[name](restored, sharp) for name, weight in self.recipe.losses.items()),
            start=restored.new_zeros(()),
        )
        if self.critic is None or self.recipe.adversarial is None:
            return loss
        self.critic.learn(sharp, restored)
        adversarial: Tensor = self.critic.judge(restored)
        return loss + self.recipe.adversarial.weight * adversarial


def window_maker(source: Source) -> Maker:
    """A source of windows for the pool."""

    def make(num: int, generator: torch.Generator, on_device: torch.Generator) -> Made:
        windows = source.windows(num, generator, on_device)
        middle = windows.blurred.shape[1] // 2
        psnr = luma_psnr(windows.blurred[:, middle : middle + 1], windows.sharp)
        return Made(windows.blurred, windows.sharp, psnr, windows.is_concert)

    return make


class _WindowValidation:
    def __init__(self, windows: ValidationSet) -> None:
        self._windows = windows

    def evaluate(self, trainer: Trainer, picture: Path) -> Score:
        restored = self._windows.restore(trainer.averaged())
        write_comparison(picture, self._windows, restored)
        return self._windows.score(restored)


class WindowTask:
    """The training of `dblrgan`'s models.

    Args:
        stages: Settings of the run.
        options: Where its material is.

    Raises:
        DataError: Material is missing, or of a kind that the recipe does not name.
    """

    def __init__(self, stages: Sequence[Recipe], options: TrainOptions) -> None:
        self._material = Material.find(stages, options.data, options.validation)
        self._num_validation = options.num_validation
        self._validation: _WindowValidation | None = None
        self.names = self._material.names

    def validation(self, stage: Recipe) -> _WindowValidation:
        """The same windows for every stage; made once."""
        del stage
        if self._validation is None:
            windows = self._material.held_out(ValidationSet, self._num_validation)
            self._validation = _WindowValidation(windows)
        return self._validation

    def trainer(
        self,
        stage: Recipe,
        fabric: fabric_library.Fabric,
        init: Path | None,
        **options: Any,  # noqa: ANN401
    ) -> WindowTrainer:
        """The network, and the discriminator if the stage has one."""
        trainer = WindowTrainer(stage, fabric, init, **options)
        settings = stage.adversarial
        if settings:
            network = FrameDiscriminator(
                crop=stage.crop, width=settings.width, hidden=settings.hidden
            )
            trainer.critic = WindowCritic(network, settings.learning_rate, fabric)
        return trainer

    def pool(self, stage: Recipe, trainer: Trainer, folder: Path) -> WindowPool:
        """Crops of windows, blurred by the virtual camera or read from datasets."""
        del folder
        fabric = trainer.fabric
        return WindowPool(
            [(window_maker(s), weight) for s, weight in self._sources(stage, fabric.device)],
            stage.pool,
            batch_size=stage.batch_size,
            crop=stage.crop,
            seed=stage.seed,
            device=fabric.device,
            share=share_of(fabric),
            draws=stage.draws,
        )

    def _sources(self, stage: Recipe, device: torch.device) -> list[tuple[Source, float]]:
        sources: list[tuple[Source, float]] = []
        for name, photos in self._material.photo_sets(stage.blur.patch_size, device):
            settings = stage.sources[name]
            windows = PhotoSource(photos, stage.blur, settings)
            sources.append((windows, settings.weight))
        for name, videos in self._material.videos.items():
            footage = VideoSource(videos, stage.blur.num_frames, stage.blur.size, device)
            sources.append((footage, stage.sources[name].weight))
        drawn = [s for s in stage.sources.values() if s.kind == DRAWINGS]
        return sources + [(DrawingSource(stage.blur), settings.weight) for settings in drawn]
