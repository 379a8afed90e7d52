"""The critics of `brmr` in training: what they learn, and D_i in a stage of its own."""

from __future__ import annotations

from pathlib import Path

import lightning_fabric as fabric_library
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...models.brmr import BRMRNetworks
from ...models.pix2pix import CELL, CAMDiscriminator, CAMOutput
from ..trained_critic import TrainedCritic, adam
from ..trainer import Trainer

__all__ = ["CriticTrainer", "PairCritic", "conditional_loss"]


def conditional_loss(output: CAMOutput, *, is_sharp: bool) -> Tensor:
    """-log of the probability of a class, averaged; a scalar.

    Of "sharp" for real pairs and of "blur" for generated ones it is what the critic lowers; of
    "sharp" for generated ones it is what the generator lowers, in place of log(1 - D), whose
    gradient vanishes where the critic is sure (paper 000, equation 3, as pix2pix does it).
    """
    return -output.logits.log_softmax(1)[:, 0 if is_sharp else 1].mean()


def place_loss(output: CAMOutput, window: Tensor) -> Tensor:
    """How well heat maps tell blurred places from sharp ones, cell by cell (not in the paper).

    Args:
        output: The critic's, of pictures sharp but for one window, as their own candidates.
        window: (N, 1, H, W), 1 where it is.
    """
    margin = output.heat_blur - output.heat_sharp
    is_blurred = F.avg_pool2d(window, CELL, ceil_mode=True)[:, 0]
    return F.binary_cross_entropy_with_logits(margin, is_blurred)


class PairCritic(TrainedCritic):
    """A `CAMDiscriminator` in training.

    Args:
        network: The discriminator.
        learning_rate: Adam's.
        map_weight: Weight of what its heat maps are taught cell by cell; 0 = the paper's form.
        fabric: Where and in what precision it runs.
    """

    def __init__(
        self,
        network: CAMDiscriminator,
        learning_rate: float,
        map_weight: float,
        fabric: fabric_library.Fabric,
    ) -> None:
        self.network = network
        optimizer = adam(network, fabric, learning_rate, betas=(0.5, 0.999))
        super().__init__(network, optimizer, fabric)
        self._map_weight = map_weight

    def learn(self, blurred: Tensor, sharp: Tensor, candidate: Tensor) -> None:
        """One step on real pairs (blurred, sharp) and on generated ones (blurred, candidate)."""
        for picture, is_sharp in ((sharp, True), (candidate.detach(), False)):
            self._fabric.backward(
                conditional_loss(self._model(blurred, picture), is_sharp=is_sharp)
            )
        self._wrapped.step()
        self._wrapped.zero_grad()

    def learn_places(self, patched: Tensor, window: Tensor) -> None:
        """One step on pictures of which a window is blurred, cell by cell (not in the paper).

        Args:
            patched: (N, 3, H, W) in [0, 1], sharp but for one window.
            window: (N, 1, H, W), 1 where it is.
        """
        loss = self._map_weight * place_loss(self._model(patched, patched), window)
        self._fabric.backward(loss)
        self._wrapped.step()
        self._wrapped.zero_grad()

    def judge(self, blurred: Tensor, candidate: Tensor) -> Tensor:
        """The generator's adversarial loss; gradients reach the generator alone."""
        with self._frozen():
            return conditional_loss(self.network(blurred, candidate), is_sharp=True)


class _Judged(nn.Module):
    """A critic as a function of one picture."""

    def __init__(self, critic: CAMDiscriminator) -> None:
        super().__init__()
        self.critic = critic

    def forward(self, pictures: Tensor) -> Tensor:
        judged: CAMOutput = self.critic(pictures, pictures)
        return judged.logits


class CriticTrainer(Trainer):
    """Trains D_i alone, on what a finished G_i makes (not in the paper).

    A discriminator that only has to tell whole pictures apart need not look everywhere; one that
    mines must.
    """

    def prepared(self, network: nn.Module, init: Path | None) -> nn.Module:
        """G_i as it is used, without dropout."""
        assert isinstance(network, BRMRNetworks)
        network.g_image.eval().requires_grad_(False)
        return network

    def part(self, network: nn.Module) -> nn.Module:
        """D_i."""
        assert isinstance(network, BRMRNetworks)
        return network.d_image

    def measured(self) -> nn.Module:
        """D_i, each picture being its own candidate; a step has four such runs."""
        assert isinstance(self.network, BRMRNetworks)
        return _Judged(self.network.d_image)

    def objective(self, *batch: Tensor) -> Tensor:
        """Equation (3) for the discriminator, and where pictures are blurred."""
        blurred, sharp, patched, window = batch
        assert isinstance(self.network, BRMRNetworks)
        assert self.recipe.adversarial is not None
        with torch.no_grad(), self.fabric.autocast():
            candidate = self.network.g_image(blurred).float().clamp(0, 1)
        loss = conditional_loss(self.model(blurred, sharp), is_sharp=True)
        loss = loss + conditional_loss(self.model(blurred, candidate), is_sharp=False)
        places = place_loss(self.model(patched, patched), window)
        # What is mined at last is what the generator has made: where is that not sharp yet?
        mixed = torch.where(window.bool(), sharp, candidate)
        places = places + place_loss(self.model(blurred, mixed), 1 - window)
        return loss + self.recipe.adversarial.map_weight * places
