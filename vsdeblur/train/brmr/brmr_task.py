"""Training of `brmr`: the image generator and its critic, mining, the patch generator (paper 000).

Stage "image" trains G_i against D_i on whole pictures. Stages beside it may train G_i alone
("content", "finish"), one after them D_i alone ("critic"). Stage "patch" trains G_p against a
critic of its own on the windows that D_i mines from what G_i makes of the training pictures: they
are mined when it begins, and kept in its folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning_fabric as fabric_library
import torch
from torch import Tensor, nn

from ...errors import DataError
from ...models.brmr import BRMRNetworks
from ...models.fast_refiner import FastRefiner
from ...models.fast_unet import FastUNetGenerator
from ...models.pix2pix import CAMDiscriminator
from ..losses import LOSSES
from ..material import Material
from ..recipe import Recipe
from ..run_options import TrainOptions
from ..task import Pool, Validation
from ..trainer import Trainer, share_of
from ..transfer import start_from_dblrgan
from .brmr_critic import CriticTrainer, PairCritic
from .brmr_validation import PictureValidation, RegionValidation
from .colour_photos import PictureSet
from .mining import MinedPool, mine
from .pairs import PairPool, PairSource

__all__ = ["BRMRTask", "ImageTrainer", "PatchTrainer"]

MAX_PASSES = 6
"""How often windows have been refined already where they are to be refined again, at most."""
MINING_SEED = 7
"""Windows are mined from other pictures than the image stage was trained on."""


class _GeneratorTrainer(Trainer):
    """Trains one of the generators against a critic; see `Trainer`."""

    def _objective(self, seen: Tensor, sharp: Tensor) -> Tensor:
        """The conditional GAN's and 100 times L1 (paper 000, equation 5), or the recipe's terms.

        Args:
            seen: What the generator is given; its last three channels are what it is to improve.
            sharp: (N, 3, H, W), what it is to give.
        """
        settings = self.recipe.adversarial
        assert settings is not None
        restored, blurred = self.model(seen).float(), seen[:, -3:]
        loss = sum(
            (weight * LOSSES[name](restored, sharp) for name, weight in self.recipe.losses.items()),
            start=restored.new_zeros(()),
        )
        if settings.weight:
            self.critic.learn(blurred, sharp, restored)
            loss = loss + settings.weight * self.critic.judge(blurred, restored)
        return loss


class ImageTrainer(_GeneratorTrainer):
    """Trains G_i and D_i on whole pictures."""

    def prepared(self, network: nn.Module, init: Path | None) -> nn.Module:
        """Let G_i know what `dblrgan` has learned, where the recipe says so."""
        if init is None and self.recipe.initial_weights == "dblrgan":
            assert isinstance(network, BRMRNetworks)
            start_from_dblrgan(network.g_image)
        return network

    def part(self, network: nn.Module) -> nn.Module:
        """G_i."""
        assert isinstance(network, BRMRNetworks)
        return network.g_image

    def objective(self, *batch: Tensor) -> Tensor:
        """The loss of a batch of `Pair`s."""
        blurred, sharp, patched, window = batch
        settings = self.recipe.adversarial
        if settings is not None and settings.map_weight:
            self.critic.learn_places(patched, window)
        return self._objective(blurred, sharp)


class PatchTrainer(_GeneratorTrainer):
    """Trains G_p on mined windows."""

    def prepared(self, network: nn.Module, init: Path | None) -> nn.Module:
        """Let G_p know what G_i has learned, where the recipe says so."""
        assert isinstance(network, BRMRNetworks)
        if self.recipe.initial_weights == "image":
            if not isinstance(network.g_image, FastUNetGenerator):
                raise DataError(
                    "initial_weights = 'image' is for model 'fast', whose generators are alike, "
                    f"not {self.recipe.model!r}; leave it out"
                )
            assert isinstance(network.g_patch, FastRefiner)
            network.g_patch.begin_after(network.g_image)
        return network

    def part(self, network: nn.Module) -> nn.Module:
        """G_p."""
        assert isinstance(network, BRMRNetworks)
        return network.g_patch

    def arranged(self, *batch: Tensor) -> tuple[Tensor, ...]:
        """A share of the windows as they are when they have been refined already."""
        seen, sharp = batch
        num_refined = round(self.recipe.pairs.refined_share * len(seen))
        if num_refined:
            seen = seen.clone()
            for _ in range(1 + self.step % MAX_PASSES):
                with torch.no_grad():
                    refined = self.model(seen[:num_refined]).float().clamp(0, 1)
                seen[:num_refined, -3:] = refined
        return seen, sharp

    def objective(self, *batch: Tensor) -> Tensor:
        """The loss of a batch of mined windows and their sharp originals."""
        return self._objective(*batch)


class BRMRTask:
    """The training of `brmr`'s networks.

    Args:
        stages: Settings of the run.
        options: Where its material is.

    Raises:
        DataError: Material is missing, or of a kind that the recipe does not name.
    """

    def __init__(self, stages: Sequence[Recipe], options: TrainOptions) -> None:
        self._material = Material.find(stages, options.data, options.validation)
        if not self._material.held_out_photos:
            raise DataError(f"recipe {stages[0].name!r} trains on photos; give some with --data")
        self._num_validation = options.num_validation
        self.names = self._material.names

    def validation(self, stage: Recipe) -> Validation:
        """The held-out photos, blurred by the seven kernels, or one region of each."""
        if stage.stage == "critic":
            return RegionValidation(self._material.held_out_photos, self._num_validation)
        return PictureValidation(
            self._material.held_out_photos, self._num_validation, full_loop=stage.stage == "patch"
        )

    def trainer(
        self,
        stage: Recipe,
        fabric: fabric_library.Fabric,
        init: Path | None,
        **options: Any,  # noqa: ANN401
    ) -> Trainer:
        """The generator of the stage and its critic."""
        settings = stage.adversarial
        assert settings is not None
        if stage.stage == "critic":
            return CriticTrainer(stage, fabric, init, **options)
        kind = PatchTrainer if stage.stage == "patch" else ImageTrainer
        trainer = kind(stage, fabric, init, **options)
        assert isinstance(trainer.network, BRMRNetworks)
        network = trainer.network.d_image
        if stage.stage == "patch":
            network = CAMDiscriminator(width=settings.width)
        trainer.critic = PairCritic(network, settings.learning_rate, settings.map_weight, fabric)
        return trainer

    def pool(self, stage: Recipe, trainer: Trainer, folder: Path) -> Pool:
        """Blurred photos; in the patch stage windows mined from them."""
        fabric = trainer.fabric
        options = {
            "batch_size": stage.batch_size,
            "seed": stage.seed,
            "device": fabric.device,
            "share": share_of(fabric),
        }
        if stage.stage != "patch":
            return PairPool(
                self._pictures(stage, fabric.device), stage.pool, draws=stage.draws, **options
            )
        mined = folder / "mined.safetensors"
        if not mined.exists() and fabric.is_global_zero:
            networks = trainer.averaged_network()
            assert isinstance(networks, BRMRNetworks)
            with fabric.autocast():
                mine(
                    networks, self._pictures(stage, fabric.device), stage.pairs.num_mined, mined,
                    seed=stage.seed + MINING_SEED, regions=stage.pairs.mined_regions,
                )  # fmt: skip
        fabric.barrier()
        assert isinstance(trainer.network, BRMRNetworks)
        with_input = isinstance(trainer.network.g_patch, FastRefiner)
        return MinedPool(mined, with_input=with_input, **options)  # type: ignore[arg-type]

    def _pictures(self, stage: Recipe, device: torch.device) -> PairSource:
        size = stage.pairs.size
        # What the virtual camera sees beyond the picture, should it move.
        size += 2 * stage.blur.margin if stage.pairs.camera_share else 0
        sources = [
            (PictureSet(files, size), stage.sources[name].weight)
            for name, files in self._material.photos.items()
        ]
        return PairSource(sources, stage.pairs, stage.blur, device)
