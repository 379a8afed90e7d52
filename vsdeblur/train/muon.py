"""Muon for convolutions: momentum whose update is made orthogonal.

Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024); the scale of the
update follows "Muon is Scalable for LLM Training" (arXiv:2502.16982), so that learning rates of
AdamW carry over. torch.optim.Muon takes matrices only; here a kernel counts as the matrix
(out_channels, in_channels * height * width), and kernels of equal shape are handled together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Muon", "orthogonalized"]


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised, with decoupled weight decay.

    Args:
        params: Parameters of two or more dimensions.
        lr: Learning rate, on AdamW's scale; a tensor, ().
        momentum: Decay of the running mean of gradients.
        weight_decay: Decoupled weight decay.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        *,
        lr: Tensor,
        momentum: float = 0.95,
        weight_decay: float = 1e-4,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            by_shape: defaultdict[tuple[int, ...], list[nn.Parameter]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape[tuple(parameter.shape)].append(parameter)
            for parameters in by_shape.values():
                self._update(parameters, group)

    def _update(self, parameters: list[nn.Parameter], group: dict[str, Any]) -> None:
        gradients = [p.grad.flatten(1) for p in parameters if p.grad is not None]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            if "mean" not in self.state[parameter]:
                self.state[parameter]["mean"] = torch.zeros_like(gradient)
        means = [self.state[parameter]["mean"] for parameter in parameters]
        momentum, rate = group["momentum"], group["lr"]
        torch._foreach_lerp_(means, gradients, 1 - momentum)
        updates = orthogonalized(torch.stack(torch._foreach_lerp(gradients, means, momentum)))
        updates *= rate * (0.2 * max(updates.shape[1:]) ** 0.5)
        changes = [u.view_as(p) for u, p in zip(updates, parameters, strict=True)]
        torch._foreach_mul_([*parameters], 1 - rate * group["weight_decay"])
        torch._foreach_sub_([*parameters], changes)


def orthogonalized(matrices: Tensor, steps: int = 5) -> Tensor:
    """The nearest semi-orthogonal matrices, roughly: singular values between 0.7 and 1.2.

    Args:
        matrices: (N, rows, columns).
        steps: Newton-Schulz iterations (of a quintic chosen for speed, not for exactness).
    """
    x = matrices.bfloat16()
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        # 3.4445 x + (2.0315 gram^2 - 4.7750 gram) x, rounded once each: faster, and nearer.
        polynomial = torch.baddbmm(gram, gram, gram, beta=-4.7750, alpha=2.0315)
        x = torch.baddbmm(x, polynomial, x, beta=3.4445)
    nearest: Tensor = x.mT if tall else x
    return nearest.to(matrices.dtype)
