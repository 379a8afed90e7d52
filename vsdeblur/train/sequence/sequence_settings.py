"""What `sequence` is trained for: the terms of its objective, and its discriminator."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ADVERSARIAL_WEIGHT", "FLOW_WEIGHT", "SequenceSettings"]

ADVERSARIAL_WEIGHT = 0.0005
"""alpha of equation (5) of paper 002."""
FLOW_WEIGHT = 0.001
"""beta of equation (5) of paper 002."""


@dataclass(frozen=True, kw_only=True)
class SequenceSettings:
    """Weights of the terms (paper 002, sections 3.1 to 3.3); a term of weight 0 costs nothing."""

    central: float = 1.0
    """Content of the middle moment (equation 1)."""
    perceptual: float = 1.0
    """Its features, in relation to its pixels (equation 1)."""
    pair: float = 1.0
    """Content of the three pairs (equation 2)."""
    adversarial: float = ADVERSARIAL_WEIGHT
    """The discriminator's verdict (equation 3)."""
    flow: float = FLOW_WEIGHT
    """First and last moment, each made of the other by the flow (equation 4)."""
    gram: float = 0.0
    """Gram matrices of the nine triples, of three moments that are opened again (equation 7)."""
    bicycle: float = 0.0
    """Both ways around between seven moments and their mean (equation 8)."""
    ordered: float = 0.0
    """`losses` between all moments, in the better order of two, and the sharp ones (not in the
    paper): the pairs alone let every pixel choose its own order."""
    free_order: bool = False
    """Turn a group round where it is nearer to the sharp moments that way, before any term
    compares them (not in the paper): the blurred frame does not tell which way they ran."""
    canonical_order: bool = False
    """Turn the sharp moments round where the scene moves left on average, and the flows with them
    (not in the paper): one order to learn in place of a choice of two."""
    critic_width: int = 64
    """Channels of the discriminator's first layer."""
    critic_learning_rate: float = 1e-4
    """Learning rate of the discriminator."""

    @property
    def opens_blurred(self) -> bool:
        """Whether anything is learned from what the blurred frame itself is opened into."""
        return any((self.central, self.pair, self.adversarial, self.flow, self.ordered))

    @property
    def needs_features(self) -> bool:
        """Whether frames are compared by features."""
        return bool(self.gram or (self.central and self.perceptual))
