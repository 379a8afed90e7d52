"""Training of `sequence`: one blurred frame in, its seven sharp moments out (paper 002).

Three stages share the generator: "base" (BaseGAN), "gram" (GramGAN), "hepta" (HeptaGAN). They
differ in the weights of the terms that their recipes name, and nothing else; the discriminator
starts anew in each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning_fabric as fabric_library
import torch
from torch import Tensor, nn

from ...models.sequence import NUM_MOMENTS, SequenceDiscriminator
from ..kept_windows import Made
from ..losses import LOSSES
from ..material import Material
from ..pool import Maker, WindowPool
from ..recipe import Recipe
from ..run_options import TrainOptions
from ..settings import SequenceSettings
from ..trainer import Trainer, share_of
from ..transfer import start_from_dblrgan
from .exposures import MomentSource, PhotoMoments, VideoMoments
from .moment_order import moves_left, turned_round
from .perceptual import RAFTFlow, check_crop, load_raft, load_vgg19
from .sequence_critic import MomentCritic
from .sequence_losses import (
    Features,
    bicycle_loss,
    central_content_loss,
    flow_loss,
    gram_loss,
    in_better_order,
    pair_content_loss,
)
from .sequence_validation import ExposureSet, ExposureValidation, moment_psnr

__all__ = ["SequenceTask", "SequenceTrainer"]

OPENED_AGAIN = slice(None, None, NUM_MOMENTS // 2)
"""First, middle and last: the moments whose mean the second stage opens again (section 3.2)."""


class SequenceTrainer(Trainer):
    """Trains the generator, and the discriminator if a term asks for it; see `Trainer`."""

    features: Features | None = None
    """What frames are compared by beside their pixels; None = by nothing."""
    flow: RAFTFlow | None = None
    """What gives the flow of the restored frames; None = it comes with the batch."""

    def prepared(self, network: nn.Module, init: Path | None) -> nn.Module:
        """Let the generator know what `dblrgan` has learned, where the recipe says so."""
        if init is None and self.recipe.initial_weights == "dblrgan":
            start_from_dblrgan(network)
        return network

    @property
    def settings(self) -> SequenceSettings:
        """The terms of the stage."""
        return self.recipe.sequence or SequenceSettings()

    def arranged(self, *batch: Tensor) -> tuple[Tensor, ...]:
        """Moments in canonical order, where the stage has one.

        Args:
            batch: Blurred (N, 1, H, W), moments (N, 7, H, W), luma in [0, 1], and the flows to the
                last and to the first moment, (N, 4, H, W), where the stage has a flow term and no
                network to give them.

        Returns:
            As `objective` takes it.
        """
        blurred, sharp, *others = batch
        flows = [flow for both in others for flow in both.split(2, 1)]
        if self.settings.canonical_order:
            turned = moves_left(sharp)
            sharp = turned_round(sharp, sharp.flip(1), turned)[0]
            flows = [*turned_round(flows[0], flows[1], turned)] if flows else []
        return blurred, sharp, *flows

    def objective(self, *batch: Tensor) -> Tensor:
        """The weighted sum of the stage's terms.

        Args:
            batch: Blurred (N, 1, H, W), moments (N, 7, H, W), luma in [0, 1], and both flows
                between first and last moment, (N, 2, H, W) each, where `arranged` had them.
        """
        blurred, sharp, *flows = batch
        passes: list[Callable[[], Tensor]] = []
        opened: list[Tensor] = []
        if self.settings.opens_blurred or self.settings.gram:
            passes.append(lambda: self._opened(blurred, sharp, flows, opened))
        if self.settings.gram:
            passes.append(lambda: self._opened_again(opened[0], sharp))
        if self.settings.bicycle:
            passes.append(lambda: self._around(sharp))
        # Each pass is done with before the next: memory stays small, and several devices may not
        # run forward twice before a backward.
        total = blurred.new_zeros(())
        for work in passes[:-1]:
            loss = work()
            if loss.requires_grad:
                self.fabric.backward(loss)
            total += loss.detach()
        return total + passes[-1]()

    def _opened(
        self, blurred: Tensor, sharp: Tensor, flows: Sequence[Tensor], opened: list[Tensor]
    ) -> Tensor:
        """Equation (5), of what the blurred frame is opened into."""
        settings = self.settings
        with torch.set_grad_enabled(settings.opens_blurred):
            restored = self._in_order(self.model(blurred).float(), sharp)
        opened.append(restored.detach())
        if self.critic is not None:
            self.critic.learn(sharp, restored)  # before anything is compared by its features
        loss = restored.new_zeros(())
        if settings.central:
            content = central_content_loss(restored, sharp, self.features, settings.perceptual)
            loss = loss + settings.central * content
        if settings.pair:
            loss = loss + settings.pair * pair_content_loss(restored, sharp)
        if settings.ordered:
            loss = loss + settings.ordered * self._ordered_loss(restored, sharp)
        if settings.flow:
            both = flows if self.flow is None else self._flows_of(restored)
            loss = loss + settings.flow * flow_loss(restored, sharp, *both)
        if settings.adversarial:
            loss = loss + settings.adversarial * self.critic.judge(restored)
        return loss

    def _flows_of(self, restored: Tensor) -> tuple[Tensor, Tensor]:
        """To the last moment and to the first."""
        assert self.flow is not None
        first, last = restored[:, :1], restored[:, -1:]
        return self.flow(first, last), self.flow(last, first)

    def _opened_again(self, opened: Tensor, sharp: Tensor) -> Tensor:
        """Equation (7), of what the mean of three opened moments is opened into."""
        assert self.features is not None
        blurred = opened[:, OPENED_AGAIN].mean(1, keepdim=True)
        restored = self._in_order(self.model(blurred).float(), sharp)
        return self.settings.gram * gram_loss(restored, sharp, self.features)

    def _around(self, sharp: Tensor) -> Tensor:
        """Equation (8), of what the mean of the sharp moments is opened into."""
        restored = self.model(sharp.mean(1, keepdim=True)).float()
        return self.settings.bicycle * bicycle_loss(self._in_order(restored, sharp), sharp)

    def _in_order(self, restored: Tensor, sharp: Tensor) -> Tensor:
        return in_better_order(restored, sharp) if self.settings.free_order else restored

    def _ordered_loss(self, restored: Tensor, sharp: Tensor) -> Tensor:
        canonical = self.settings.canonical_order
        ordered = restored if canonical else in_better_order(restored, sharp)
        return sum(
            (weight * LOSSES[name](ordered, sharp) for name, weight in self.recipe.losses.items()),
            start=restored.new_zeros(()),
        )


def moment_maker(source: MomentSource, *, with_flows: bool) -> Maker:
    """A source of exposures for the pool.

    Args:
        source: Makes them.
        with_flows: Whether the flows are kept, which doubles the memory that a window takes.
    """

    def make(num: int, generator: torch.Generator, on_device: torch.Generator) -> Made:
        windows = source.windows(num, generator, on_device)
        flows = torch.cat([windows.to_last, windows.to_first], 1) if with_flows else None
        repeated = windows.blurred.expand_as(windows.moments)
        psnr = moment_psnr(repeated, windows.moments)
        return Made(windows.blurred, windows.moments, psnr, windows.is_concert, flows)

    return make


class SequenceTask:
    """The training of `sequence`'s models.

    Args:
        stages: Settings of the run.
        options: Where its material is.

    Raises:
        DataError: Material is missing, or of a kind that the recipe does not name; or torchvision
            is, where its networks are asked for.
        WeightsError: Weights of these networks are missing, or not torchvision's.
    """

    def __init__(self, stages: Sequence[Recipe], options: TrainOptions) -> None:
        self._material = Material.find(stages, options.data, options.validation)
        self._num_validation = options.num_validation
        self._validation: ExposureValidation | None = None
        self._vgg19 = load_vgg19(options.vgg19) if options.vgg19 else None
        self._raft = load_raft(options.raft) if options.raft else None
        for stage in stages if self._raft else ():
            check_crop(stage.crop)
        self.names = self._material.names | {
            "features": [options.vgg19.name if options.vgg19 else "the discriminator's"],
            "flow": [options.raft.name if options.raft else "the synthesis'"],
        }

    def validation(self, stage: Recipe) -> ExposureValidation:
        """The same exposures for every stage; made once."""
        del stage
        if self._validation is None:
            exposures = self._material.held_out(ExposureSet, self._num_validation)
            self._validation = ExposureValidation(exposures)
        return self._validation

    def trainer(
        self,
        stage: Recipe,
        fabric: fabric_library.Fabric,
        init: Path | None,
        **options: Any,  # noqa: ANN401
    ) -> SequenceTrainer:
        """The generator, and the discriminator if the stage needs one."""
        trainer = SequenceTrainer(stage, fabric, init, **options)
        settings = trainer.settings
        if self._raft is not None and settings.flow:
            trainer.flow = self._raft.to(fabric.device)
        has_critic_features = settings.needs_features and self._vgg19 is None
        if settings.adversarial or has_critic_features:
            network = SequenceDiscriminator(width=settings.critic_width)
            trainer.critic = MomentCritic(network, settings.critic_learning_rate, fabric)
        if has_critic_features:
            trainer.features = trainer.critic.features
        elif settings.needs_features and self._vgg19 is not None:
            trainer.features = _in_autocast(self._vgg19.to(fabric.device), fabric)
        return trainer

    def pool(self, stage: Recipe, trainer: Trainer, folder: Path) -> WindowPool:
        """Exposures made by the virtual camera, or read from datasets."""
        del folder
        fabric = trainer.fabric
        settings = stage.sequence or SequenceSettings()
        with_flows = bool(settings.flow) and self._raft is None
        return WindowPool(
            [
                (moment_maker(source, with_flows=with_flows), weight)
                for source, weight in self._sources(stage, fabric.device)
            ],
            stage.pool,
            batch_size=stage.batch_size,
            crop=stage.crop,
            seed=stage.seed,
            device=fabric.device,
            share=share_of(fabric),
            draws=stage.draws,
            kept_as=torch.uint8,  # seven moments a window
        )

    def _sources(self, stage: Recipe, device: torch.device) -> list[tuple[MomentSource, float]]:
        sources: list[tuple[MomentSource, float]] = []
        for name, photos in self._material.photo_sets(stage.blur.patch_size, device):
            settings = stage.sources[name]
            made = PhotoMoments(photos, stage.blur, settings)
            sources.append((made, settings.weight))
        for name, videos in self._material.videos.items():
            read = VideoMoments(videos, stage.blur.size, device)
            sources.append((read, stage.sources[name].weight))
        return sources


def _in_autocast(features: Features, fabric: fabric_library.Fabric) -> Features:
    def run(frames: Tensor) -> Tensor:
        with fabric.autocast():
            return features(frames)

    return run
