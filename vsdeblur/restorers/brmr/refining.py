"""Mining and refining: lines 2 to 9 of Algorithm 1 (paper 000)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .critic import Change, Critic, margin
from .regions import STEP, Window, feather_weights, mine_windows

__all__ = ["Candidate", "refine"]


@dataclass(frozen=True)
class Candidate:
    """A picture D, what the critic sees in it and what has led to it."""

    picture: Tensor
    """(3, H, W), in [0, 1]; H and W are multiples of 8."""
    heat: Tensor
    """(2, h, w): H^s, H^b."""
    windows: tuple[Window, ...] = ()
    """The windows accepted so far."""
    iterations: int = 0
    """Rounds in which a window was accepted."""

    def changed(self, changes: Sequence[Change]) -> Tensor:
        """The picture with changes made."""
        picture = self.picture.clone()
        for window, pixels in changes:
            picture[:, window.rows, window.columns] = pixels
        return picture

    def followed_by(self, changes: Sequence[Change], heat: Tensor) -> Candidate:
        """The candidate after a round that accepted some changes."""
        windows = (*self.windows, *(change.window for change in changes))
        return Candidate(self.changed(changes), heat, windows, self.iterations + 1)


def refine(
    blurred: Tensor,
    picture: Tensor,
    *,
    critic: Critic,
    generate: Callable[[Tensor, Tensor], Tensor],
    max_iterations: int,
    regions: int,
    feather: int,
) -> Candidate:
    """Refine the most blurred windows of a deblurred picture while the critic gains by it.

    With one region and no feather this is Algorithm 1. With several, the windows of a round are
    judged each alone; those that each raise delta are kept together, or the best of them alone if
    together they do not raise it. So delta rises with every round.

    Args:
        blurred: (3, H, W), B; H and W are multiples of 8.
        picture: (3, H, W), G_i(B).
        critic: D_i.
        generate: G_p: windows of B and of D, both (N, 3, h, w) -> (N, 3, h, w), in [0, 1].
        max_iterations: Rounds at most.
        regions: Windows mined in a round.
        feather: Pixels over which a refined window is blended into the picture.
    """
    current = Candidate(picture, critic.look(blurred, picture))
    for _ in range(max_iterations):
        windows = mine_windows(current.heat[1], regions)
        changes = _changes(blurred, current.picture, windows, generate, feather)
        better = _accepted(blurred, current, changes, critic)
        if better is None:
            break
        current = better
    return current


def _changes(
    blurred: Tensor,
    picture: Tensor,
    windows: Sequence[Window],
    generate: Callable[[Tensor, Tensor], Tensor],
    feather: int,
) -> list[Change]:
    """What G_p would put in each of the windows, feathered; all windows have one size."""
    height, width = picture.shape[-2:]
    patches_in, patches = (
        torch.stack([whole[:, window.rows, window.columns] for window in windows])
        for whole in (blurred, picture)
    )
    changes = []
    generated = generate(patches_in, patches)
    for window, patch, refined in zip(windows, patches, generated, strict=True):
        weights = feather_weights(window, height, width, feather, picture.device)
        changes.append(Change(window, torch.lerp(patch, refined, weights)))
    return changes


def _decisive(heat: Tensor) -> float:
    """The critic's margin, rounded: sums over another number of threads differ in what is cut."""
    return round(margin(heat) / STEP) * STEP


def _accepted(
    blurred: Tensor, current: Candidate, changes: Sequence[Change], critic: Critic
) -> Candidate | None:
    """The candidate with those changes that each raise delta; None if none does."""
    delta = _decisive(current.heat)
    heats = critic.look_at_each(blurred, current.picture, current.heat, changes)
    gains = {index: _decisive(heat) - delta for index, heat in enumerate(heats)}
    kept = [index for index, gain in gains.items() if gain > 0]
    if not kept:
        return None
    if len(kept) > 1:
        together = [changes[index] for index in kept]
        windows = [change.window for change in together]
        heat = critic.look_again(blurred, current.changed(together), current.heat, windows)
        if _decisive(heat) > delta:
            return current.followed_by(together, heat)
    best = max(kept, key=gains.__getitem__)
    return current.followed_by([changes[best]], heats[best])
