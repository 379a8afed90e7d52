"""The networks of the sequence extractor: one blurred luma frame in, seven sharp ones out.

"Every Moment Matters: Detail-Aware Networks to Bring a Blurry Image Alive" (paper 002, section 3)
says of the generator that it is an encoder-decoder of 30 convolutional layers with one luma frame
as its input and seven frames as its output, in one forward pass. Widths, kernel sizes, where it
halves the size and how often, activations, normalization and skips are not given, and neither are
the layers of the discriminator: they are our own here.

Shapes: N batch, H height, W width of a frame. Luma is in [0, 1], gamma-encoded as in the file.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .blur_code import BlurCode, GatedStack
from .layers import InstanceNorm, pad_by_reflection
from .measured import MeasuringNetwork
from .spec import InferenceForm, ModelSpec

__all__ = [
    "NUM_MOMENTS",
    "SEQUENCE_MODELS",
    "SequenceDiscriminator",
    "SequenceNet",
    "build_paper_sequence",
    "fold_sequence",
]

NUM_MOMENTS = 7
"""Frames out of one."""
DISCRIMINATOR_LAYERS = 4
"""Convolutions of the discriminator that give features; one more gives its verdict."""


class SequenceNet(MeasuringNetwork):
    """The generator: an encoder-decoder with 30 convolutional layers.

    A stem, residual blocks of two convolutions at several sizes on the way down and on the way up,
    one convolution for each halving and each doubling, skips between equal sizes, and a head. As
    "fast" (the defaults) it has 1.8 million parameters and takes 0.11 TFLOP a 1280x720 frame.

    Args:
        widths: Channels at each size, from the largest on; each is half the size of the last.
        num_blocks: Residual blocks at each of those sizes on the way down.
        num_decoder_blocks: Residual blocks on the way up, from the smallest size on.
        unshuffle: How many times smaller than the frame the largest size is: the frame's pixels
            become channels, and features become pixels again at the end.
        code_width: Length of what is said of the frame's blur: of its direction and extent.
        global_skip: Add the input to each output, so that the network predicts residuals (not in
            the paper).
    """

    def __init__(
        self,
        *,
        widths: tuple[int, ...] = (32, 64, 128),
        num_blocks: tuple[int, ...] = (2, 2, 4),
        num_decoder_blocks: tuple[int, ...] = (2, 2),
        unshuffle: int = 2,
        code_width: int = 64,
        global_skip: bool = True,
    ) -> None:
        super().__init__()
        self.global_skip = global_skip
        self.unshuffle = unshuffle
        self.num_statistics = code_width
        self.multiple_of = unshuffle * 2 ** (len(widths) - 1)
        stack = partial(GatedStack, code_width=code_width)
        self.stem = nn.Conv2d(unshuffle**2, widths[0], 3, padding=1)
        self.blur_code = BlurCode(code_width)
        self.encoders = nn.ModuleList(map(stack, widths, num_blocks))
        self.downs = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairwise(widths))
        self.ups = nn.ModuleList(
            nn.Conv2d(b, 4 * a, 1) for a, b in reversed(list(pairwise(widths)))
        )
        self.decoders = nn.ModuleList(map(stack, widths[-2::-1], num_decoder_blocks))
        self.head = nn.Conv2d(widths[0], NUM_MOMENTS * unshuffle**2, 3, padding=1)
        with torch.no_grad():  # the first outputs are nearly the input
            self.head.weight.mul_(0.1)

    def forward(self, blurred: Tensor) -> Tensor:
        """Open a frame.

        Args:
            blurred: (N, 1, H, W), in [0, 1], of any size: it is padded by reflection at the bottom
                and at the right to what the levels need, and the result is cropped.

        Returns:
            (N, 7, H, W), the moments in order, same scale, not clamped. Without `global_skip`
            what weights trained with it give are residuals.
        """
        height, width = blurred.shape[-2:]
        padded = pad_by_reflection(blurred, self.multiple_of)
        moments = self._moments(padded, self.blur_code(padded))[..., :height, :width]
        return moments + blurred if self.global_skip else moments

    def measure(self, picture: Tensor) -> Tensor:
        """The blur code; see `MeasuringNetwork.measure`."""
        code: Tensor = self.blur_code(pad_by_reflection(picture, self.multiple_of))
        return code.float()

    def translate(self, part: Tensor, statistics: Tensor) -> Tensor:
        """The moments of a part; see `MeasuringNetwork.translate`."""
        moments = self._moments(part, statistics.to(self.stem.weight.dtype))
        return moments + part if self.global_skip else moments

    def _moments(self, frame: Tensor, code: Tensor) -> Tensor:
        """The moments without the global skip."""
        pixels = F.pixel_unshuffle(frame, self.unshuffle).to(self.stem.weight.dtype)
        x = self.stem(pixels)
        skips = []
        for encoder, down in zip(self.encoders, self.downs, strict=False):
            x = encoder(x, code)
            skips.append(x)
            x = down(x)
        x = self.encoders[-1](x, code)
        for up, decoder in zip(self.ups, self.decoders, strict=True):
            x = F.pixel_shuffle(up(x), 2)
            x += skips.pop()
            x = decoder(x, code)
        return F.pixel_shuffle(self.head(x), self.unshuffle)


class SequenceDiscriminator(nn.Module):
    """Tells real sharp frames from generated ones, patch by patch, each frame by itself.

    The paper says only that it classifies a recovered frame as real or not (section 3.1). This one
    is that of pix2pix (Isola et al. 2017, arXiv:1611.07004): 4x4 convolutions, leaky ReLUs and
    instance normalization; a patch is 70x70 pixels.

    Args:
        width: Channels of the first layer; they double with every layer up to 8 times.
    """

    def __init__(self, *, width: int = 64) -> None:
        super().__init__()
        widths = [1, *(width * 2**i for i in range(DISCRIMINATOR_LAYERS))]
        self.layers = nn.ModuleList(
            nn.Conv2d(a, b, 4, 1 if index == DISCRIMINATOR_LAYERS - 1 else 2, 1, bias=not index)
            for index, (a, b) in enumerate(pairwise(widths))
        )
        self.norm = InstanceNorm()
        self.verdict = nn.Conv2d(widths[-1], 1, 4, 1, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """Judge frames.

        Args:
            frames: (N, T, H, W), in [0, 1], T frames of each of N scenes, at least 32x32.

        Returns:
            Logits of "real", (N, T, h, w), float32, one for each patch.
        """
        logits: Tensor = self.verdict(self.features(frames.flatten(0, 1).unsqueeze(1)))
        return logits.float().view(*frames.shape[:2], *logits.shape[-2:])

    def features(self, frames: Tensor) -> Tensor:
        """What the last layer but one sees, to compare frames by.

        Args:
            frames: (N, 1, H, W), in [0, 1].

        Returns:
            (N, 8 * width, h, w).
        """
        x = 2 * frames - 1
        for index, layer in enumerate(self.layers):
            x = layer(x)
            # pix2pix leaves the first layer as it is: it alone sees how bright a frame is.
            x = F.leaky_relu(self.norm(x) if index else x, 0.2)
        return x


def build_paper_sequence(**options: Any) -> nn.Module:  # noqa: ANN401
    """The model "paper": the whole frame's size at its largest, no global skip.

    It has 21.4 million parameters and takes 1.59 TFLOP a 1280x720 frame.

    Args:
        options: Those of `SequenceNet` that shall differ.
    """
    paper: dict[str, Any] = {
        "widths": (64, 128, 256, 512),
        "num_blocks": (1, 1, 2, 3),
        "num_decoder_blocks": (2, 1, 1),
        "unshuffle": 1,
        "global_skip": False,
    }
    return SequenceNet(**paper | options)


def fold_sequence(network: nn.Module) -> InferenceForm:
    """The network without its global skip, which the caller adds in float32."""
    assert isinstance(network, SequenceNet)
    adds_middle_frame = network.global_skip
    network.global_skip = False
    return InferenceForm(network.eval(), adds_middle_frame, measuring=network)


SEQUENCE_MODELS: dict[str, ModelSpec] = {
    "fast": ModelSpec(
        build=SequenceNet,
        fold=fold_sequence,
        channels_in=(1,),
        radius=1,
        channels=1,
        multiple_of=8,
        pads_itself=True,
        # 3x3 convolutions reach 10 px at half size, 16 at a quarter, 64 at an eighth, and 16
        # and 10 again on the way up; a place within the 8x8 grid adds up to 7. What the code
        # tells is of the whole frame.
        receptive_radius=123,
        values_per_pixel=34,
    ),
    "paper": ModelSpec(
        build=build_paper_sequence,
        fold=fold_sequence,
        channels_in=(1,),
        radius=1,
        channels=1,
        multiple_of=8,
        pads_itself=True,
        # The same at twice the resolution: 6 + 8 + 32 + 48, and up to 7.
        receptive_radius=101,
        values_per_pixel=226,
    ),
}
"""By model name, as in the manifest."""
