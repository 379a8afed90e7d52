"""The three networks of adversarial BRMR (paper 000) that are needed to restore a picture."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from .fast_refiner import FastRefiner
from .fast_unet import FastUNetGenerator
from .measured import MeasuringNetwork
from .pix2pix import CAMDiscriminator, UNetGenerator
from .spec import BRMRSpec, InferenceForm, ModelSpec

__all__ = [
    "BRMR_MODELS",
    "BRMRNetworks",
    "HeatMaps",
    "Residual",
    "build_fast_brmr",
    "build_paper_brmr",
    "fold_brmr",
]


type Generator = UNetGenerator | FastUNetGenerator


class BRMRNetworks(nn.Module):
    """The three networks that restore a picture, as one, so that one file holds their weights.

    Args:
        g_image: Deblurs whole pictures.
        d_image: Judges them.
        g_patch: Refines 128x128 windows of what the first made of them.
    """

    def __init__(self, g_image: Generator, d_image: CAMDiscriminator, g_patch: Generator) -> None:
        super().__init__()
        self.g_image = g_image
        self.d_image = d_image
        self.g_patch = g_patch


def build_paper_brmr(
    *,
    critic_width: int = 64,
    normalize_critic: bool = True,
    **generator: Any,  # noqa: ANN401
) -> BRMRNetworks:
    """The model "paper": pix2pix twice, and the paper's discriminator.

    Args:
        critic_width: Channels of the discriminator's conv1.
        normalize_critic: See `CAMDiscriminator`.
        generator: Options of `UNetGenerator` that shall differ.
    """
    return BRMRNetworks(
        UNetGenerator(levels=8, **generator),
        CAMDiscriminator(width=critic_width, normalize=normalize_critic),
        UNetGenerator(levels=7, **generator),
    )


def build_fast_brmr(
    *,
    critic_width: int = 32,
    normalize_critic: bool = False,
    **generator: Any,  # noqa: ANN401
) -> BRMRNetworks:
    """The model "fast": small generators, and a critic that looks near each place.

    Args:
        critic_width: Channels of the discriminator's conv1.
        normalize_critic: See `CAMDiscriminator`.
        generator: Options of `FastUNetGenerator` that shall differ.
    """
    return BRMRNetworks(
        FastUNetGenerator(**generator),
        CAMDiscriminator(width=critic_width, normalize=normalize_critic),
        FastRefiner(**generator),
    )


class Residual(nn.Module):
    """The inference form of a generator with a global skip: the picture is added by the caller.

    Half precision can give the residual finely where the sum would be coarse.

    Args:
        generator: The trained generator; its layers are shared.
    """

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, blurred: Tensor) -> Tensor:
        """(N, C, H, W) in [0, 1] -> (N, 3, H, W), to be added to the last three channels."""
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


def fold_brmr(networks: nn.Module) -> InferenceForm:
    """The inference forms of the three networks, under their names."""
    assert isinstance(networks, BRMRNetworks)
    generators = {"g_image": networks.g_image, "g_patch": networks.g_patch}
    folded: dict[str, nn.Module] = {
        name: Residual(generator) if generator.global_skip else generator
        for name, generator in generators.items()
    }
    form = nn.ModuleDict(folded | {"d_image": HeatMaps(networks.d_image)}).eval()
    measuring = networks.g_image if isinstance(networks.g_image, MeasuringNetwork) else None
    return InferenceForm(form, networks.g_image.global_skip, measuring)


BRMR_MODELS: dict[str, ModelSpec] = {
    "fast": BRMRSpec(
        build=build_fast_brmr,
        fold=fold_brmr,
        parts=("g_image", "d_image", "g_patch"),
        channels_in=(3, 6, 6),
        radius=0,
        channels=3,
        multiple_of=16,
        pads_itself=True,
        # G_i's convolutions reach 195 px, but little of it tells: with the packaged weights, a
        # pixel 64 px inside a tile was never off by more than 0.1/255 on photographs.
        receptive_radius=64,
        values_per_pixel=38,
        # conv4 sees 38 pixels, of which 8 are those that its value stands for.
        critic_reach=15,
        refiner_sees_input=True,
    ),
    "paper": BRMRSpec(
        build=build_paper_brmr,
        fold=fold_brmr,
        parts=("g_image", "d_image", "g_patch"),
        channels_in=(3, 6, 3),
        radius=0,
        channels=3,
        multiple_of=256,
        pads_itself=True,
        receptive_radius=64,
        values_per_pixel=267,
        critic_reach=None,
    ),
}
"""By model name, as in the manifest."""
