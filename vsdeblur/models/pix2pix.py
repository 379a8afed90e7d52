"""The networks of adversarial BRMR: generators and discriminators after pix2pix.

"Tell Me Where It is Still Blurry: Adversarial Blurred Region Mining and Refining" (paper 000,
section 3) builds both of its conditional GANs on pix2pix (Isola et al. 2017, arXiv:1611.07004) and
turns the discriminators into two-class classifiers with class activation maps (Zhou et al. 2016).
What differs here: upsampling followed by a convolution stands where pix2pix has transposed
convolutions, which leave a checkerboard on flat areas; borders are repeated where it has zeros.

Shapes: N batch, H height, W width of a picture; h, w of a heat map. Pictures are RGB in [0, 1],
gamma-encoded as in the file.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .layers import InstanceNorm, NoiseDropout, conv3, pad_by_reflection, scaled_residual

__all__ = ["CELL", "CAMDiscriminator", "CAMOutput", "UNetGenerator"]

CELL = 8
"""Height and width, in pixels, of what one value of a heat map stands for: value (i, j) lies on
rows 8i to 8i + 7 and columns 8j to 8j + 7."""
DROPOUT_LAYERS = 3
"""Decoder layers with dropout, from the innermost on, as in pix2pix."""


class _Down(nn.Module):
    """A 4x4 convolution with stride 2, normalised or not, and a leaky ReLU."""

    def __init__(self, in_channels: int, out_channels: int, *, normalize: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out_channels, 4, 2, 1, bias=not normalize, padding_mode="replicate"
        )
        self.norm = InstanceNorm() if normalize else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.norm(self.conv(x)), 0.2)


class _Up(nn.Module):
    """Twice the size, a 3x3 convolution, normalised or not, dropout and a ReLU."""

    def __init__(
        self, in_channels: int, out_channels: int, *, normalize: bool, dropout: float
    ) -> None:
        super().__init__()
        self.conv = conv3(in_channels, out_channels, bias=not normalize)
        self.norm = InstanceNorm() if normalize else nn.Identity()
        self.dropout = NoiseDropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(F.interpolate(x, scale_factor=2))
        return F.relu(self.dropout(self.norm(x)))


class UNetGenerator(nn.Module):
    """The U-Net of pix2pix: a blurred picture in, a deblurred one out.

    Args:
        levels: How often the picture is halved; 8 for whole pictures, 7 for 128x128 patches.
        width: Channels at half the picture's size; they double with every level.
        max_width: Channels at most; None = 8 * width, as in pix2pix.
        dropout: Share of the features dropped in the three innermost decoder layers.
        global_skip: Predict what is to be added to the input, in units of its contrast (not in
            the paper): what is flat or dark then stays as it is.
        normalize: Instance normalisation as in pix2pix.
    """

    def __init__(
        self,
        *,
        levels: int = 8,
        width: int = 64,
        max_width: int | None = None,
        dropout: float = 0.5,
        global_skip: bool = False,
        normalize: bool = True,
    ) -> None:
        super().__init__()
        self.global_skip = global_skip
        self.multiple_of = 2**levels
        widths = [min(width * 2**i, max_width or 8 * width) for i in range(levels)]
        # The outermost level stays as it is. The innermost is one pixel at the training size: to
        # normalise it would be to lose it, and so would be to normalise it once it is spread out,
        # before a ReLU has combined it with what varies from place to place.
        self.downs = nn.ModuleList(
            _Down(widths[i - 1] if i else 3, widths[i], normalize=normalize and 0 < i < levels - 1)
            for i in range(levels)
        )
        self.ups = nn.ModuleList(
            _Up(
                widths[-1] if i == levels - 2 else 2 * widths[i + 1],
                widths[i],
                normalize=normalize and i < levels - 3,
                dropout=dropout if i >= levels - 1 - DROPOUT_LAYERS else 0.0,
            )
            for i in reversed(range(levels - 1))
        )
        self.head = conv3(2 * widths[0], 3)
        # Without normalisation the layers themselves must keep the scale.
        self.apply(_init_as_pix2pix if normalize else _init_for_leaky_relu)
        if global_skip:
            with torch.no_grad():  # the first output is nearly the input
                self.head.weight.mul_(0.1)

    def forward(self, blurred: Tensor) -> Tensor:
        """Deblur a picture.

        Args:
            blurred: (N, 3, H, W), in [0, 1], of any size: it is padded by reflection at the bottom
                and at the right to what the levels need, and the result is cropped.

        Returns:
            (N, 3, H, W), same scale, not clamped.
        """
        if self.global_skip:
            return blurred + self.residual(blurred)
        return (self._translate(2 * blurred - 1).tanh() + 1) / 2

    def residual(self, blurred: Tensor) -> Tensor:
        """What `global_skip` adds to the input: (N, 3, H, W) -> (N, 3, H, W)."""
        return scaled_residual(self._translate, blurred)

    def _translate(self, picture: Tensor) -> Tensor:
        """The U-Net itself, on zero-centred values."""
        height, width = picture.shape[-2:]
        x = pad_by_reflection(picture, self.multiple_of)
        skips = []
        for down in self.downs:
            x = down(x)
            skips.append(x)
        x = skips.pop()
        for up in self.ups:
            x = torch.cat([up(x), skips.pop()], 1)
        x = F.interpolate(x, scale_factor=2)
        translated: Tensor = self.head(x)
        return translated[..., :height, :width]


class CAMOutput(NamedTuple):
    """What a discriminator says of candidates."""

    logits: Tensor
    """(N, 2): sharp, blur; the means of the two heat maps."""
    heat_sharp: Tensor
    """(N, h, w), H^s of equation (2); each value stands for 8x8 pixels."""
    heat_blur: Tensor
    """(N, h, w), H^b of equation (2)."""

    @property
    def confidence(self) -> Tensor:
        """(N,), in [0, 1]: delta, the softmax confidence of "sharp"."""
        return self.logits.softmax(1)[:, 0]


class CAMDiscriminator(nn.Module):
    """A classifier of (blurred, candidate) pairs into sharp and blur that shows where it looks.

    Four convolutions, global average pooling and one fully connected layer without bias, so that
    the mean of each heat map of equation (2) is its class's logit. The paper's sum over places is
    a mean here: pictures of all sizes get comparable logits. conv4 is 3x3 where pix2pix has 4x4:
    a heat map's value then lies in the middle of the pixels it stands for.

    Args:
        width: Channels of conv1; they double with every layer.
        normalize: Instance normalisation after conv2 to conv4, as in pix2pix. Without it (not in
            the paper) a place's heat depends on what is within 15 pixels of it, and on nothing
            else in the picture.
    """

    def __init__(self, *, width: int = 64, normalize: bool = True) -> None:
        super().__init__()
        self.conv1 = _Down(6, width, normalize=False)
        self.conv2 = _Down(width, 2 * width, normalize=normalize)
        self.conv3 = _Down(2 * width, 4 * width, normalize=normalize)
        self.conv4 = conv3(4 * width, 8 * width, bias=not normalize)
        self.norm4 = InstanceNorm() if normalize else nn.Identity()
        self.fully_connected = nn.Linear(8 * width, 2, bias=False)
        self.apply(_init_for_leaky_relu)
        with torch.no_grad():
            # Opposite weights get opposite gradients from a softmax, so they stay opposite: H^b
            # alone then says how much more blurred than sharp a place is.
            self.fully_connected.weight[0] = -self.fully_connected.weight[1]

    def forward(self, blurred: Tensor, candidate: Tensor) -> CAMOutput:
        """Judge candidates.

        Args:
            blurred: (N, 3, H, W), in [0, 1].
            candidate: (N, 3, H, W), in [0, 1]; sharp, or made by a generator.

        Returns:
            Logits and heat maps, float32; h = ceil(H / 8), w = ceil(W / 8).
        """
        features = self.features(torch.cat([blurred, candidate], 1))
        # What is compared are small differences of means: too small for half precision.
        with torch.autocast(blurred.device.type, enabled=False):
            heat = self._connected(features)
        return CAMOutput(heat.mean((2, 3)), heat[:, 0], heat[:, 1])

    def heat_maps(self, pair: Tensor) -> Tensor:
        """H^s and H^b of equation (2), without autocast: (N, 6, H, W) -> (N, 2, h, w), float32."""
        return self._connected(self.features(pair))

    def _connected(self, features: Tensor) -> Tensor:
        """The fully connected layer at every place: (N, 8 * width, h, w) -> (N, 2, h, w)."""
        weight = self.fully_connected.weight.float()
        return F.conv2d(features.float(), weight[:, :, None, None])

    def features(self, pair: Tensor) -> Tensor:
        """The maps f_k of conv4: (N, 6, H, W) -> (N, 8 * width, h, w)."""
        x = self.conv1(2 * pad_by_reflection(pair, CELL) - 1)
        x = self.conv3(self.conv2(x))
        return F.leaky_relu(self.norm4(self.conv4(x)), 0.2)


def _init_as_pix2pix(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, 0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _init_for_leaky_relu(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, 0.2)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
