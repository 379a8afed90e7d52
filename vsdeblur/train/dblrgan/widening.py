"""Weights of a wider network that computes what a narrower one does: where `quality` starts."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ...errors import DataError
from ...manifest import load_manifest
from ...models import MODELS
from ...models.dblrnet import FastDBLRNet
from ...runtime.weights import load_network

__all__ = ["start_from_fast", "widened"]

NOISE = 0.1
"""Of each kernel's standard deviation: tells the copies of a channel apart."""


def start_from_fast(network: FastDBLRNet) -> None:
    """Start from the packaged weights of `dblrgan`'s model "fast".

    Args:
        network: As deep as that, and a whole number of times as wide.

    Raises:
        WeightsError: They are missing or damaged.
        DataError: They do not fit the network.
    """
    facts = load_manifest().filter("dblrgan").models["fast"]
    assert facts.weights is not None
    trained = load_network(
        MODELS["dblrgan"]["fast"].build, facts.weights,
        filter_name="dblrgan", model="fast", sha256=facts.sha256,
    )  # fmt: skip
    network.load_state_dict(widened(trained.state_dict(), network.state_dict(), noise=NOISE))


def widened(
    narrow: Mapping[str, Tensor], wide: Mapping[str, Tensor], *, noise: float = 0.0
) -> dict[str, Tensor]:
    """Copy channels until a narrow network's weights have a wide one's shapes.

    Each channel out is there several times, and each channel in counts so much less: without noise
    the wide network computes the same. (A pixel shuffle spreads the channels before it over a
    square; copied in whole sets, they arrive as copies.)

    Args:
        narrow: Name -> weights.
        wide: The same names; sizes are whole multiples.
        noise: Standard deviation of what is added to kernels that are copied, in relation to their
            own.

    Raises:
        DataError: A name or a size does not fit.
    """
    return {name: _spread(name, narrow.get(name), like, noise) for name, like in wide.items()}


def _spread(name: str, weights: Tensor | None, like: Tensor, noise: float) -> Tensor:
    if weights is None or not _divides(weights.shape, like.shape):
        had = "nothing" if weights is None else "x".join(map(str, weights.shape))
        raise DataError(
            f"weights {name!r} have {had}, which cannot be widened to "
            f"{'x'.join(map(str, like.shape))}; use a network that is as deep, and a whole number "
            "of times as wide"
        )
    copies = [a // b for a, b in zip(like.shape, weights.shape, strict=True)]
    spread = weights.repeat(copies)
    if weights.dim() > 1:
        spread = spread / copies[1]
        if max(copies) > 1:
            spread = spread + noise * spread.std() * torch.randn_like(spread)
    return spread.to(like.dtype)


def _divides(narrow: torch.Size, wide: torch.Size) -> bool:
    """Whether a shape has as many dimensions, divides another, and has its kernel size."""
    same = len(narrow) == len(wide) and narrow[2:] == wide[2:]
    return same and all(b % a == 0 for a, b in zip(narrow, wide, strict=True))
