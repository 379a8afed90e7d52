"""The discriminator of the sequence extractor in training (paper 002, section 3.1)."""

from __future__ import annotations

import lightning_fabric as fabric_library
import torch
from torch import Tensor

from ...models.sequence import SequenceDiscriminator
from ..trained_critic import TrainedCritic, adam
from .sequence_losses import adversarial_loss, discriminator_loss

__all__ = ["MomentCritic"]


class MomentCritic(TrainedCritic):
    """A `SequenceDiscriminator` in training.

    Args:
        network: The discriminator.
        learning_rate: Adam's.
        fabric: Where and in what precision it runs.
    """

    def __init__(
        self,
        network: SequenceDiscriminator,
        learning_rate: float,
        fabric: fabric_library.Fabric,
    ) -> None:
        self.network = network
        self.network.to(memory_format=torch.channels_last)
        optimizer = adam(network, fabric, learning_rate, betas=(0.5, 0.999))
        super().__init__(network, optimizer, fabric)

    def learn(self, sharp: Tensor, restored: Tensor) -> None:
        """One step; sharp and restored moments, (N, 7, H, W) in [0, 1]."""
        # Both in one batch: several devices may not run forward twice before a backward.
        logits = self._model(torch.cat([sharp, restored.detach()]))
        self._fabric.backward(discriminator_loss(*logits.split(len(sharp))))
        self._wrapped.step()
        self._wrapped.zero_grad()

    def judge(self, restored: Tensor) -> Tensor:
        """The generator's adversarial loss; gradients reach the generator alone."""
        with self._frozen():
            return adversarial_loss(self.network(restored))

    def features(self, frames: Tensor) -> Tensor:
        """What it sees in frames, as `SequenceDiscriminator.features`; it learns nothing."""
        with self._frozen():
            return self.network.features(frames)
