"""Settings of a recipe's parts: how windows are kept, what blur is drawn from, what is learned."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "ADVERSARIAL_WEIGHT",
    "FLOW_WEIGHT",
    "BlurSettings",
    "DrawSettings",
    "PairSettings",
    "PoolSettings",
    "SequenceSettings",
]


@dataclass(frozen=True, kw_only=True)
class PoolSettings:
    """How training windows are kept and used."""

    capacity: int = 3072
    """Windows kept at most, over all devices (2 bytes a pixel)."""
    initial: int = 256
    """Windows made before the first step."""
    reuse: int = 32
    """How often a window is used before the pool has been renewed once."""
    favoured_psnr: tuple[float, float] = (21.0, 34.0)
    """Windows whose blurred middle frame has a PSNR in these bounds (dB) are drawn most often."""
    other_weight: float = 0.35
    """How often the others are drawn in relation: what is hopeless or sharp teaches little."""
    max_noise: float = 0.02
    """Largest standard deviation of sensor noise (1 = white)."""
    max_concert_noise: float = 0.05
    """The same in windows that are lit like a concert."""
    darken_share: float = 0.3
    """Share of the crops that are darkened."""


@dataclass(frozen=True, kw_only=True)
class BlurSettings:
    """What blur is drawn from."""

    num_frames: int = 5
    """Frames in a window (odd)."""
    size: int = 160
    """Height and width of a window, in pixels."""
    margin: int = 96
    """Pixels of photo needed around a window on each side; beyond them it is mirrored."""
    max_blur: float = 40.0
    """Longest blur of the middle frame, in pixels."""
    blur_exponent: float = 2.0
    """Blur length is max_blur * u**blur_exponent, u uniform: above 1, short blur is commoner."""
    long_share: float = 0.0
    """Share of the groups of windows whose blur is drawn with `long_exponent` in its place."""
    long_exponent: float = 1.4
    """Smaller than `blur_exponent`: longer blur is commoner."""
    still_share: float = 0.06
    """Share of windows in which the camera stands still."""
    instant_share: float = 0.0
    """Share of windows whose shutter is open for an instant: all moves, and nothing blurs."""
    object_share: float = 0.4
    """Share of windows with a moving object in front."""
    depth_share: float = 0.0
    """Share of windows whose parts are at different distances from the camera: they move, and
    blur, unlike each other; half of their objects stand still in the scene, nearer than the rest.
    """
    exposure: tuple[float, float] = (0.35, 1.0)
    """Part of the frame interval during which the shutter is open: least and most."""
    linear_share: float = 0.5
    """Share of windows averaged in linear light; the rest as encoded, as GoPro and DVD are."""
    highlight_share: float = 0.2
    """Share of the linear windows whose highlights are brighter than the sensor can tell."""
    max_subframes: int = 81
    """Bound on the views averaged into a frame; longer paths are shortened to fit."""

    @property
    def patch_size(self) -> int:
        """Height and width of the photo patches that `synthesize` wants."""
        return self.size + 2 * self.margin


@dataclass(frozen=True, kw_only=True)
class DrawSettings:
    """Shares of a batch that footage does things to, 0 to 1; what each is stands in `draws`."""

    flashes: float = 0.0
    """Frames lit unlike each other, as under strobes."""
    dissolves: float = 0.0
    """One window turning into another."""
    cuts: float = 0.0
    """Frames of another scene on one side, or on both."""
    sharpened: float = 0.0
    """Sharpened as cameras do, the sharp partners too."""
    grain: float = 0.0
    """Film grain, which is to stay."""
    compressed: float = 0.0
    """Coded in blocks, as JPEG and video are."""
    video_coded: float = 0.0
    """Coded as H.264; on other devices than the CPU, and where x264 is missing, in blocks."""
    missing_neighbours: float = 0.0
    """Frames repeated in place of neighbours."""


@dataclass(frozen=True, kw_only=True)
class PairSettings:
    """How pictures are blurred."""

    size: int = 256
    """Height and width of a picture, in pixels."""
    camera_share: float = 0.0
    """Share of the pictures blurred by the virtual camera; the others by a kernel."""
    num_mined: int = 4096
    """Windows mined for the patch stage."""
    mined_regions: int = 1
    """Windows mined in a picture; they do not overlap."""
    refined_share: float = 0.0
    """Share of the windows of a batch that the patch generator has already refined, once to six
    times: it is asked for the same window again where the critic finds it still the most blurred.
    """


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
