"""DBLRNet and its small relative: five luma frames in, the restored middle frame out.

DBLRNet is Table I of "Adversarial Spatio-Temporal Learning for Video Deblurring" (paper 001,
section III.A). FastDBLRNet keeps its input and output and is our own design: a small U-Net on
pixel-unshuffled frames, 27 times cheaper.

Shapes: N batch, T = 5 frames, C channels, H height, W width.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .layers import residual_stack

__all__ = ["DBLRNet", "FastDBLRNet", "FoldedDBLRNet"]

NUM_FRAMES = 5
MIDDLE = NUM_FRAMES // 2


class _NormalizedBlock(nn.Module):
    """Two 3x3 convolutions, each batch-normalised, around a ReLU; the caller adds the skip."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm1(self.conv1(x)))
        normalized: Tensor = self.norm2(self.conv2(x))
        return normalized


class DBLRNet(nn.Module):
    """The deblurring network of paper 001, Table I (1.88 million parameters).

    Args:
        stem_width: Output channels of L1.
        width: Channels of L2 to L32.
        head_width: Channels of L33 and L34.
        num_blocks: Residual blocks (14 in the paper: L3 to L30).
        global_skip: Add the middle frame to the output, so that the network predicts the residual
            (not in the paper).
    """

    def __init__(
        self,
        *,
        stem_width: int = 16,
        width: int = 64,
        head_width: int = 256,
        num_blocks: int = 14,
        global_skip: bool = False,
    ) -> None:
        super().__init__()
        self.global_skip = global_skip
        # Without temporal padding 5 frames become 3, then 1: from L3 on everything is 2-D.
        self.l1 = nn.Conv3d(1, stem_width, 3, padding=(0, 1, 1))
        self.l2 = nn.Conv3d(stem_width, width, 3, padding=(0, 1, 1))
        self.blocks = nn.ModuleList(_NormalizedBlock(width) for _ in range(num_blocks))
        self.l31_l32 = _NormalizedBlock(width)
        self.l33 = nn.Conv2d(width, head_width, 3, padding=1)
        self.l34 = nn.Conv2d(head_width, head_width, 3, padding=1)
        self.l35 = nn.Conv2d(head_width, 1, 3, padding=1)

    def forward(self, frames: Tensor) -> Tensor:
        """Restore the middle frame.

        Args:
            frames: (N, 5, H, W), luma in [0, 1], gamma-encoded as in the file.

        Returns:
            (N, 1, H, W), same scale, not clamped.
        """
        stem = F.relu(self.l1(frames.unsqueeze(1)))  # (N, stem_width, 3, H, W)
        stem = F.relu(self.l2(stem)).squeeze(2)  # (N, width, H, W)
        return _trunk(self, frames, stem)


class FoldedDBLRNet(nn.Module):
    """DBLRNet for inference: the same function in plain 2-D convolutions.

    Batch normalisation is folded into the convolutions, and the two 3-D convolutions become 2-D
    ones with the frames as channels: exact, because the temporal axis collapses without padding.

    Args:
        network: The trained network; its running statistics are used. It is not changed.
    """

    def __init__(self, network: DBLRNet) -> None:
        super().__init__()
        self.global_skip = network.global_skip
        self.l1 = _fold_time(network.l1, NUM_FRAMES)
        self.l2 = _fold_time(network.l2, NUM_FRAMES - 2)
        self.blocks = nn.ModuleList(_FoldedBlock(block) for block in network.blocks)
        self.l31_l32 = _FoldedBlock(network.l31_l32)
        self.l33 = _copy_conv(network.l33)
        self.l34 = _copy_conv(network.l34)
        self.l35 = _copy_conv(network.l35)

    def forward(self, frames: Tensor) -> Tensor:
        """Restore the middle frame: (N, 5, H, W) in [0, 1] -> (N, 1, H, W), not clamped."""
        stem = F.relu(self.l1(frames), inplace=True)
        stem = F.relu(self.l2(stem), inplace=True)
        return _trunk(self, frames, stem)


class _FoldedBlock(nn.Module):
    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        assert isinstance(block, _NormalizedBlock)
        self.conv1 = _fold_norm(block.conv1, block.norm1)
        self.conv2 = _fold_norm(block.conv2, block.norm2)

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.conv2(F.relu(self.conv1(x), inplace=True))
        return residual


def _trunk(network: DBLRNet | FoldedDBLRNet, frames: Tensor, stem: Tensor) -> Tensor:
    """L3 to L35, which the network and its folded form share."""
    x = stem
    for block in network.blocks:
        before, x = x, block(x)
        x += before
    x = network.l31_l32(x)
    x += stem
    x = F.relu(network.l33(x), inplace=True)
    x = F.relu(network.l34(x), inplace=True)
    restored: Tensor = network.l35(x)
    return restored + frames[:, MIDDLE : MIDDLE + 1] if network.global_skip else restored


@torch.no_grad()
def _fold_norm(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    assert conv.bias is not None
    assert norm.running_mean is not None
    assert norm.running_var is not None
    folded = _copy_conv(conv)
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    folded.weight.copy_(conv.weight * scale[:, None, None, None])
    assert folded.bias is not None
    folded.bias.copy_((conv.bias - norm.running_mean) * scale + norm.bias)
    return folded


@torch.no_grad()
def _fold_time(conv: nn.Conv3d, frames_in: int) -> nn.Conv2d:
    """Turn a 3x3x3 convolution over `frames_in` frames into a 2-D one over all their channels."""
    assert conv.bias is not None
    frames_out = frames_in - 2
    c_out, c_in = conv.weight.shape[:2]
    folded = nn.Conv2d(frames_in * c_in, frames_out * c_out, 3, padding=1)
    kernel = torch.zeros(frames_out, c_out, frames_in, c_in, 3, 3)
    for t in range(frames_out):
        kernel[t, :, t : t + 3] = conv.weight.transpose(1, 2)  # (c_out, 3, c_in, 3, 3)
    folded.weight.copy_(kernel.flatten(2, 3).flatten(0, 1))
    assert folded.bias is not None
    folded.bias.copy_(conv.bias.repeat(frames_out))
    return folded


@torch.no_grad()
def _copy_conv(conv: nn.Conv2d) -> nn.Conv2d:
    copied = nn.Conv2d(conv.in_channels, conv.out_channels, 3, padding=1)
    copied.load_state_dict(conv.state_dict())
    return copied


class FastDBLRNet(nn.Module):
    """A small U-Net of residual blocks on pixel-unshuffled frames (our own design).

    At the default widths it has 1.8 million parameters and takes about 0.13 TFLOP a 1280x720
    frame, against DBLRNet's 3.45.

    Args:
        widths: Channels at 1/2, 1/4, 1/8 ... of the frame's size.
        num_blocks: Residual blocks at each of those sizes, on the way down (and up, but for the
            last).
        num_frames: Frames in a window (odd).
        global_skip: Add the middle frame to the output. Without it the residual is returned, which
            a half-precision network can give finely where the sum would be coarse.
    """

    def __init__(
        self,
        *,
        widths: tuple[int, ...] = (32, 64, 128),
        num_blocks: tuple[int, ...] = (2, 3, 4),
        num_frames: int = NUM_FRAMES,
        global_skip: bool = True,
    ) -> None:
        super().__init__()
        self.global_skip = global_skip
        self.middle = num_frames // 2
        self.stem = nn.Conv2d(4 * num_frames, widths[0], 3, padding=1)
        self.encoders = nn.ModuleList(map(residual_stack, widths, num_blocks))
        self.downs = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairwise(widths))
        self.ups = nn.ModuleList(
            nn.Conv2d(b, 4 * a, 1) for a, b in reversed(list(pairwise(widths)))
        )
        self.decoders = nn.ModuleList(map(residual_stack, widths[-2::-1], num_blocks[-2::-1]))
        self.head = nn.Conv2d(widths[0], 4, 3, padding=1)
        with torch.no_grad():  # the first output is nearly the input
            self.head.weight.mul_(0.1)

    def forward(self, frames: Tensor) -> Tensor:
        """Restore the middle frame.

        Args:
            frames: (N, T, H, W), luma in [0, 1]; H and W divide by 2 ** len(widths).

        Returns:
            (N, 1, H, W), same scale, not clamped.
        """
        x = self.stem(F.pixel_unshuffle(frames, 2))  # (N, 4T, H/2, W/2) -> (N, widths[0], ...)
        skips = []
        for encoder, down in zip(self.encoders, self.downs, strict=False):
            x = encoder(x)
            skips.append(x)
            x = down(x)
        x = self.encoders[-1](x)
        for up, decoder in zip(self.ups, self.decoders, strict=True):
            x = F.pixel_shuffle(up(x), 2)
            x += skips.pop()
            x = decoder(x)
        residual = F.pixel_shuffle(self.head(x), 2)
        return residual + frames[:, self.middle : self.middle + 1] if self.global_skip else residual
