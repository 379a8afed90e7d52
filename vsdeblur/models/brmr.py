"""The three networks of adversarial BRMR (paper 000) that are needed to restore a picture."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from .pix2pix import CAMDiscriminator, UNetGenerator
from .spec import InferenceForm

__all__ = ["BRMRNetworks", "HeatMaps", "Residual", "build_fast_brmr", "fold_brmr"]


class BRMRNetworks(nn.Module):
    """The three networks that restore a picture, as one, so that one file holds their weights.

    Args:
        width: Channels of the generators at half size.
        max_width: Channels of the generators at most.
        critic_width: Channels of the discriminator's conv1.
        normalize_critic: See `CAMDiscriminator`.
        global_skip: See `UNetGenerator`.
        normalize: See `UNetGenerator`.
        blocks: See `UNetGenerator`.
        head_width: See `UNetGenerator`.
    """

    def __init__(
        self,
        *,
        width: int = 64,
        max_width: int | None = None,
        critic_width: int = 64,
        normalize_critic: bool = True,
        global_skip: bool = False,
        normalize: bool = True,
        blocks: tuple[int, ...] = (),
        head_width: int = 0,
    ) -> None:
        super().__init__()

        def generator(levels: int) -> UNetGenerator:
            return UNetGenerator(
                levels=levels,
                width=width,
                max_width=max_width,
                global_skip=global_skip,
                normalize=normalize,
                blocks=blocks,
                head_width=head_width,
            )

        self.g_image = generator(8)
        self.d_image = CAMDiscriminator(width=critic_width, normalize=normalize_critic)
        self.g_patch = generator(7)


class Residual(nn.Module):
    """The inference form of a generator with a global skip: the picture is added by the caller.

    Half precision can give the residual finely where the sum would be coarse.

    Args:
        generator: The trained generator; its layers are shared.
    """

    def __init__(self, generator: UNetGenerator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, blurred: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1] -> (N, 3, H, W), to be added to it."""
        return self.generator.residual(blurred)


class HeatMaps(nn.Module):
    """The inference form of a discriminator: only its heat maps.

    Args:
        discriminator: The trained discriminator; its layers are shared.
    """

    def __init__(self, discriminator: CAMDiscriminator) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, pair: Tensor) -> Tensor:
        """Blurred and candidate, (N, 6, H, W) in [0, 1] -> H^s and H^b, (N, 2, h, w), float32."""
        return self.discriminator.heat_maps(pair)


def build_fast_brmr(**options: Any) -> nn.Module:  # noqa: ANN401
    """The model "fast": small, with a global skip and a critic that looks near each place.

    Args:
        options: Those of `BRMRNetworks` that shall differ.
    """
    fast: dict[str, Any] = {
        "width": 32,
        "max_width": 128,
        "critic_width": 32,
        "normalize_critic": False,
        "global_skip": True,
        "normalize": False,
        "blocks": (2, 2, 2),
        "head_width": 16,
    }
    return BRMRNetworks(**fast | options)


def fold_brmr(networks: nn.Module) -> InferenceForm:
    """The inference forms of the three networks, under their names."""
    assert isinstance(networks, BRMRNetworks)
    generators = {"g_image": networks.g_image, "g_patch": networks.g_patch}
    folded: dict[str, nn.Module] = {
        name: Residual(generator) if generator.global_skip else generator
        for name, generator in generators.items()
    }
    form = nn.ModuleDict(folded | {"d_image": HeatMaps(networks.d_image)}).eval()
    return InferenceForm(form, adds_middle_frame=networks.g_image.global_skip)
