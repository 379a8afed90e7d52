"""The terms of the sequence extractor's objective (paper 002, sections 3.1 to 3.3).

Seven moments are (N, 7, H, W), luma in [0, 1], in order; flows are (N, 2, H, W), x then y, in
pixels. Sums over pixels are means here, so that crops of all sizes weigh alike. Every function
returns a scalar.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ...models.sequence import NUM_MOMENTS
from ..settings import ADVERSARIAL_WEIGHT, FLOW_WEIGHT

__all__ = [
    "ADVERSARIAL_WEIGHT",
    "FLOW_WEIGHT",
    "TRIPLES",
    "Features",
    "adversarial_loss",
    "bicycle_loss",
    "central_content_loss",
    "discriminator_loss",
    "flow_loss",
    "gram_loss",
    "gram_matrix",
    "in_better_order",
    "pair_content_loss",
    "warped",
]

type Features = Callable[[Tensor], Tensor]
"""What frames are compared by beside their pixels: (N, 1, H, W) in [0, 1] -> (N, C, h, w), such as
`SequenceDiscriminator.features`, or VGG19's last convolution as in the paper."""

MIDDLE = NUM_MOMENTS // 2
TRIPLES = tuple(
    (start, start + step, start + 2 * step)
    for step in range(1, MIDDLE + 1)
    for start in range(NUM_MOMENTS - 2 * step)
)
"""The nine ways to take three equally spaced moments (section 3.2), numbered from 0."""


def central_content_loss(
    restored: Tensor, sharp: Tensor, features: Features | None, perceptual_weight: float = 1.0
) -> Tensor:
    """Squared error of the middle moment and of its features (equation 1).

    Args:
        restored: (N, 7, H, W).
        sharp: As `restored`.
        features: What the perceptual part compares; None = there is no such part.
        perceptual_weight: Its weight, in relation to the pixels; 1 in the paper.
    """
    ours, true = restored[:, MIDDLE : MIDDLE + 1], sharp[:, MIDDLE : MIDDLE + 1]
    loss = F.mse_loss(ours, true)
    if features is None or not perceptual_weight:
        return loss
    with torch.no_grad():
        true_features = features(true)
    return loss + perceptual_weight * F.mse_loss(features(ours).float(), true_features.float())


def pair_content_loss(restored: Tensor, sharp: Tensor) -> Tensor:
    """Content of the three pairs (i, 8 - i), whichever way each runs (equation 2).

    Sums and differences of a pair are compared squared, so that exchanging its two frames changes
    nothing. The paper gives no norm around what is compared; the absolute value is taken.

    Args:
        restored: (N, 7, H, W).
        sharp: As `restored`.
    """
    total = restored.new_zeros(())
    ours, true = restored.float(), sharp.float()
    for i in range(MIDDLE):
        for sign in (1, -1):
            ours_squared = (ours[:, i] + sign * ours[:, -1 - i]).square()
            true_squared = (true[:, i] + sign * true[:, -1 - i]).square()
            total = total + F.l1_loss(ours_squared, true_squared)
    return total


def in_better_order(restored: Tensor, sharp: Tensor) -> Tensor:
    """Each scene's moments, turned round where that is nearer to the sharp ones.

    What is scored against the sharp moments is put in this order first: the blurred frame does not
    tell which way they ran.

    Args:
        restored: (N, 7, H, W).
        sharp: As `restored`.

    Returns:
        As `restored`; at a tie as they came.
    """
    turned = restored.flip(1)
    ours, others = (
        (frames - sharp).float().square().flatten(1).mean(1) for frames in (restored, turned)
    )
    return torch.where((others < ours)[:, None, None, None], turned, restored)


def adversarial_loss(logits: Tensor) -> Tensor:
    """Mean of log(1 - D(G)), what the generator lowers (equation 3).

    Args:
        logits: The discriminator's, of restored frames, any shape.
    """
    return F.logsigmoid(-logits.float()).mean()


def discriminator_loss(sharp_logits: Tensor, restored_logits: Tensor) -> Tensor:
    """Mean of -log D(sharp) - log(1 - D(G)), what the discriminator lowers.

    Args:
        sharp_logits: Of sharp frames, any shape.
        restored_logits: Of restored frames, any shape.
    """
    return -F.logsigmoid(sharp_logits.float()).mean() - adversarial_loss(restored_logits)


def flow_loss(restored: Tensor, sharp: Tensor, to_last: Tensor, to_first: Tensor) -> Tensor:
    """The first and the last moment, each made of the other by the flow (equation 4).

    The paper's flow is that of the restored frames, by PWC-Net; any may be given. Places that come
    from outside the frame do not count, of which the paper says nothing.

    Args:
        restored: (N, 7, H, W).
        sharp: As `restored`.
        to_last: Where each place of the first moment lies in the last one, relative to it.
        to_first: Where each place of the last moment lies in the first one.
    """
    first, last = restored[:, :1], restored[:, -1:]
    return _seen_error(last, to_last, sharp[:, :1]) + _seen_error(first, to_first, sharp[:, -1:])


def _seen_error(frame: Tensor, flow: Tensor, true: Tensor) -> Tensor:
    """Mean squared error of a warped frame, over the places that it shows."""
    moved, seen = warped(frame.float(), flow.float())
    return ((moved - true).square() * seen).sum() / seen.sum().clamp_min(1)


def warped(frame: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    """Frames looked at where the flow points, bilinear (W of equation 4).

    Args:
        frame: (N, C, H, W).
        flow: (N, 2, H, W).

    Returns:
        (N, C, H, W), beyond the frame its border; and (N, 1, H, W), 1 where the place looked at
        lies in the frame, 0 elsewhere.
    """
    height, width = frame.shape[-2:]
    rows = torch.arange(height, device=flow.device, dtype=flow.dtype)[:, None]
    columns = torch.arange(width, device=flow.device, dtype=flow.dtype)
    x, y = columns + flow[:, 0], rows + flow[:, 1]
    places = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1)
    moved = F.grid_sample(frame, places, padding_mode="border", align_corners=False)
    seen = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return moved, seen[:, None].to(frame.dtype)


def gram_matrix(features: Tensor) -> Tensor:
    """Correlations of the features of successive frames, in space and time (equation 6).

    On the diagonal are blocks of one frame's channels, off it those of two frames (figure 4).

    Args:
        features: (N, T, C, h, w), of T frames; T = 3 in the paper.

    Returns:
        (N, T * C, T * C), float32, divided by C * h * w.
    """
    # What is compared are small differences of large sums: too small for half precision.
    with torch.autocast(features.device.type, enabled=False):
        flat = features.flatten(3).flatten(1, 2).float()
        return flat @ flat.transpose(1, 2) / features[0, 0].numel()


def gram_loss(restored: Tensor, sharp: Tensor, features: Features) -> Tensor:
    """Distance of the Gram matrices of the nine triples (equation 7).

    The norm is the Frobenius norm, its mean over the batch is taken, and the nine are added.

    Args:
        restored: (N, 7, H, W).
        sharp: As `restored`.
        features: What the matrices are made of.
    """
    ours = _features_of_all(restored, features)
    with torch.no_grad():
        true = _features_of_all(sharp, features)
    total = restored.new_zeros(())
    for first, second, last in TRIPLES:
        triple = slice(first, last + 1, second - first)  # a list's indices would be sent each time
        difference = gram_matrix(ours[:, triple]) - gram_matrix(true[:, triple])
        total = total + torch.linalg.vector_norm(difference, dim=(1, 2)).mean()
    return total


def _features_of_all(frames: Tensor, features: Features) -> Tensor:
    """Features of each frame: (N, T, H, W) -> (N, T, C, h, w)."""
    found = features(frames.flatten(0, 1).unsqueeze(1))
    return found.view(*frames.shape[:2], *found.shape[1:])


def bicycle_loss(restored: Tensor, sharp: Tensor) -> Tensor:
    """Both ways around: what is blurred again, and the moments (equation 8).

    F of the paper is the mean of the seven moments; G made `restored` of that mean of `sharp`.

    Args:
        restored: (N, 7, H, W).
        sharp: As `restored`.
    """
    blurred_again = F.l1_loss(restored.mean(1), sharp.mean(1))
    return blurred_again + F.l1_loss(restored, sharp)
