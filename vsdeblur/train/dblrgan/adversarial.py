"""The adversarial part of DBLRGAN's objective (paper 001, equations 2, 4 and 5)."""

from __future__ import annotations

import lightning_fabric as fabric_library
import torch
from torch import Tensor, nn

from ...models.discriminator import BLUR, SHARP
from ..trained_critic import TrainedCritic, adam

__all__ = ["WindowCritic", "adversarial_loss"]


def adversarial_loss(restored: Tensor) -> Tensor:
    """Mean of log(1 - D(G)), what the generator lowers (paper 001, equation 4); a scalar.

    Args:
        restored: The discriminator's log-probabilities for restored frames, (N, 2).
    """
    return restored[:, BLUR].mean()  # the two probabilities sum to 1


class WindowCritic(TrainedCritic):
    """A discriminator in training.

    Args:
        network: Gives log-probabilities of SHARP and BLUR.
        learning_rate: Adam's.
        fabric: Where and in what precision it runs.
    """

    def __init__(
        self, network: nn.Module, learning_rate: float, fabric: fabric_library.Fabric
    ) -> None:
        self.network = network
        self.network.to(memory_format=torch.channels_last)
        optimizer = adam(network, fabric, learning_rate)
        super().__init__(network, optimizer, fabric)

    def learn(self, sharp: Tensor, restored: Tensor) -> Tensor:
        """Lower -log D(sharp) - log(1 - D(G)) by one step (paper 001, equation 2).

        Args:
            sharp: (N, 1, H, W) in [0, 1].
            restored: The generator's frames, same shape.

        Returns:
            The loss, a scalar.
        """
        # One backward for each batch: several devices may not run forward twice before it.
        loss_sharp = -self._model(sharp)[:, SHARP].mean()
        self._fabric.backward(loss_sharp)
        loss_restored = adversarial_loss(self._model(restored.detach()))
        self._fabric.backward(-loss_restored)
        self._wrapped.step()
        self._wrapped.zero_grad()
        loss: Tensor = loss_sharp - loss_restored
        return loss.detach()

    def judge(self, restored: Tensor) -> Tensor:
        """The generator's adversarial loss; gradients reach the generator alone."""
        with self._frozen():
            return adversarial_loss(self.network(restored))
