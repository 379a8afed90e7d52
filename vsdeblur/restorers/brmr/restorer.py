"""Adversarial BRMR (paper 000): deblur a picture, then refine what is still blurred in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ...models import BRMRSpec
from ...models.layers import dropout_noise, pad_by_reflection
from ...models.pix2pix import CELL
from ...runtime.augmented import AugmentedNetwork
from ...runtime.fitting import FittedNetwork
from ...runtime.host import num_threads
from ...runtime.network import Network
from ...runtime.tile_network import TileNetwork
from ...runtime.tiling import FEATHER
from ..base import KnownWindow, Outcome, Restorer, refuse_non_finite
from ..loaded_model import LoadedModel
from .critic import Critic, margin
from .overlay import draw_overlay
from .refining import Candidate, refine
from .regions import Window, feather_weights, mine_windows

__all__ = ["BRMROptions", "BRMRRestorer", "BRMRResult", "make_brmr"]

TONE_FEATHER = 128
"""Pixels over which tiles are blended that are normalised apart: they may differ in tone."""


@dataclass(frozen=True, kw_only=True)
class BRMROptions:
    """How far to go; the defaults are Algorithm 1, but for the feather. Ranges: the manifest."""

    max_iterations: int = 16
    """Rounds of mining and refining at most; 0 = the image generator's picture."""
    regions: int = 1
    """Windows mined in a round; the paper's is 1."""
    feather: int = 8
    """Pixels over which a refined window is blended into the picture; the paper's is 0."""
    dropout: bool = False
    """Whether the generators drop features out, as the noise z of equation (3)."""
    seed: int = 0
    """Seeds the dropout, together with the frame's number."""
    output: str = "restored"
    """What `restore` returns: "restored", "heatmap", "mask" or "overlay"."""
    skip_above: float | None = None
    """Pictures whose own confidence is above this pass as they are; None = none does."""
    strength: float = 1.0
    """0 = the input, 1 = the result, between them a blend."""
    tta: int = 1
    """Copies of a picture that the image generator deblurs: 1, 4 or 8; see `AugmentedNetwork`."""


@dataclass(frozen=True, kw_only=True)
class BRMRResult:
    """What becomes of a picture, and how it came about."""

    restored: Tensor
    """(3, H, W), float32."""
    change: Tensor
    """(3, H, W), float32: by what it differs from the input."""
    windows: tuple[Window, ...]
    """The accepted windows, in order; the same one may come back in a later round."""
    iterations: int
    """Rounds in which a window was accepted."""
    sharpness_input: float
    """delta of the input, as its own candidate, in [0, 1]."""
    sharpness: float
    """delta of the result (at full strength), in [0, 1]."""
    heatmap: Tensor
    """(H, W), in [0, 1]: where the input is blurred; see `BRMRRestorer.heatmap`."""
    mask: Tensor
    """(H, W), in [0, 1]: where refined windows were put, and how much of them."""
    skipped: bool
    """Whether the input was sharp enough to be left alone."""

    @property
    def facts(self) -> dict[str, Any]:
        """All but what is as large as the picture."""
        return {
            "iterations": self.iterations,
            "sharpness": self.sharpness,
            "sharpness_input": self.sharpness_input,
            "windows": self.windows,
            "skipped": self.skipped,
        }


class BRMRRestorer(Restorer):
    """Restores a picture with an image generator, a critic and a patch generator.

    Args:
        networks: "g_image", (N, 3, H, W) -> (N, 3, H, W), "g_patch", the same or, where it sees
            the input, with six channels, and "d_image", (N, 6, H, W) -> (N, 2, h, w), in the
            model's inference form.
        spec: The model's facts.
        device: Where the networks run.
        tile: Width and height of tiles for the image generator, in pixels; None = whole frames
            where they fit into memory.
        options: How far to go.
        adds_middle_frame: Whether the generators' output is a residual.
        tile_network: Runs the image generator over tiles so that they come out as in the whole
            picture, but for dropout, which each draws anew. None, as for the model "paper": each
            tile is normalised by itself, and the result is not quite that of whole frames.
    """

    radius = 0
    channels = 3

    def __init__(
        self,
        networks: Mapping[str, Network],
        spec: BRMRSpec,
        device: torch.device,
        tile: tuple[int, int] | None = None,
        options: BRMROptions = BRMROptions(),
        *,
        adds_middle_frame: bool,
        tile_network: TileNetwork | None = None,
    ) -> None:
        self.device = device
        self.options = options
        fitted = FittedNetwork(
            networks["g_image"],
            tile=tile,
            receptive_radius=spec.receptive_radius,
            multiple_of=spec.multiple_of,
            values_per_pixel=spec.values_per_pixel,
            feather=TONE_FEATHER if tile_network is None else FEATHER,
            tile_network=tile_network,
        )
        self._image = AugmentedNetwork(fitted, options.tta, most_at_once=fitted.most_at_once)
        self._patch = networks["g_patch"]
        self._refiner_sees_input = spec.refiner_sees_input
        self._critic = Critic(networks["d_image"], spec.critic_reach)
        self.adds_middle_frame = options.output == "restored"  # what `run` gives is the change
        self._is_residual = adds_middle_frame
        self._cores = torch.get_num_threads()
        # One frame at a time uses all cores; several at once only get in each other's way.
        self._lock = Lock()

    @torch.inference_mode()
    def run(
        self,
        window: Tensor,
        size: tuple[int, int],
        number: int = 0,
        known: KnownWindow | None = None,
    ) -> Outcome:
        """What `options.output` asks for; see `Restorer.run`. Maps are grey.

        Facts are those of `BRMRResult`; of a heat map, `sharpness_input` alone.

        Raises:
            DeblurError: A network gave a value that is NaN or infinite.
            OptionError: Tiles are too small for the model.
        """
        if self.options.output == "heatmap":
            heatmap, sharpness = self.heatmap(window[0])
            return Outcome(heatmap[None, None], {"sharpness_input": sharpness})
        result = self._analysed(window[0], number)
        match self.options.output:
            case "mask":
                picture = result.mask[None]
            case "overlay":
                picture = draw_overlay(window[0], result.heatmap, result.windows)
            case _:
                picture = result.change
        return Outcome(picture[None], result.facts)

    def finish(self, pictures: Tensor, middle: Tensor | None, *, exceeds: bool = True) -> Tensor:
        """Add the change to the picture; see `Restorer.finish`. Maps are as they are."""
        return pictures.add_(middle) if middle is not None and self.adds_middle_frame else pictures

    @torch.inference_mode()
    def analyse(self, frame: Tensor, number: int = 0) -> BRMRResult:
        """Restore a picture and say how.

        Args:
            frame: (3, H, W), float32, RGB, nominally in [0, 1], on `device`.
            number: The frame's number, which seeds the dropout.

        Raises:
            DeblurError: A network gave a value that is NaN or infinite.
            OptionError: Tiles are too small for the model.
        """
        result = self._analysed(frame.clamp(0, 1), number)
        # Blacks and whites beyond the nominal range are kept, not cut off.
        return replace(result, restored=frame + result.change)

    def _analysed(self, clamped: Tensor, number: int) -> BRMRResult:
        options = self.options
        height, width = clamped.shape[-2:]
        blurred = pad_by_reflection(clamped, CELL)
        with self._lock, num_threads(self._cores), self._noise(number):
            start = Candidate(blurred, self._critic.look(blurred, blurred))
            sharpness_input = _confidence(start.heat)
            skipped = options.skip_above is not None and sharpness_input > options.skip_above
            final = start if skipped else self._algorithm(blurred)
            mask = self._mask(final.windows, blurred)[:height, :width]
            heatmap = _upsampled(start.heat, height, width)
        change = options.strength * (final.picture[:, :height, :width] - clamped)
        return BRMRResult(
            restored=clamped + change,
            change=change,
            windows=tuple(window.clipped(height, width) for window in final.windows),
            iterations=final.iterations,
            sharpness_input=sharpness_input,
            sharpness=_confidence(final.heat),
            heatmap=heatmap,
            mask=mask,
            skipped=skipped,
        )

    @torch.inference_mode()
    def heatmap(self, frame: Tensor) -> tuple[Tensor, float]:
        """Where a picture is blurred, by the critic alone.

        The map is H^b of equation (2), of the pair (B, B), against H^s by softmax: 0.5 where the
        two are equal, and the same in every frame for the same heat. It is upsampled linearly.

        Args:
            frame: As for `analyse`.

        Returns:
            (H, W), in [0, 1], 1 = blurred; and delta of the picture.

        Raises:
            DeblurError: The critic gave a value that is NaN or infinite.
        """
        blurred = pad_by_reflection(frame.clamp(0, 1), CELL)
        with self._lock, num_threads(self._cores):
            heat = self._critic.look(blurred, blurred)
        return _upsampled(heat, frame.shape[-2], frame.shape[-1]), _confidence(heat)

    def mine(self, frame: Tensor) -> Window:
        """The window of a picture that the critic finds most blurred; see `mine_windows`.

        Args:
            frame: As for `analyse`.
        """
        with torch.inference_mode(), self._lock:
            blurred = pad_by_reflection(frame.clamp(0, 1), CELL)
            (window,) = mine_windows(self._critic.look(blurred, blurred)[1])
        return window.clipped(frame.shape[-2], frame.shape[-1])

    def overlay(self, frame: Tensor, result: BRMRResult) -> Tensor:
        """The heat map over the picture, the accepted windows outlined: (3, H, W), to look at."""
        return draw_overlay(frame, result.heatmap, result.windows)

    def _algorithm(self, blurred: Tensor) -> Candidate:
        """Algorithm 1, "testing": line 1 here, the others in `refine`."""
        return refine(
            blurred,
            self._deblurred(blurred),
            critic=self._critic,
            generate=self._refined,
            max_iterations=self.options.max_iterations,
            regions=self.options.regions,
            feather=self.options.feather,
        )

    def _deblurred(self, blurred: Tensor) -> Tensor:
        """G_i's picture."""
        return self._generated(self._image(blurred[None]), blurred[None])[0]

    def _refined(self, blurred: Tensor, restored: Tensor) -> Tensor:
        """G_p's windows."""
        seen = torch.cat([blurred, restored], 1) if self._refiner_sees_input else restored
        return self._generated(self._patch(seen), restored)

    def _generated(self, output: Tensor, pictures: Tensor) -> Tensor:
        """What a generator makes of pictures, (N, 3, H, W), in [0, 1]."""
        output = refuse_non_finite(output.float())
        # The sum is taken in float32: half precision would show as bands in a gradient.
        return (output + pictures if self._is_residual else output).clamp(0, 1)

    def _mask(self, windows: tuple[Window, ...], picture: Tensor) -> Tensor:
        height, width = picture.shape[-2:]
        mask = torch.zeros(height, width, device=self.device)
        for window in windows:
            weights = feather_weights(window, height, width, self.options.feather, self.device)
            place = mask[window.rows, window.columns]
            mask[window.rows, window.columns] = place.maximum(weights)
        return mask

    @contextmanager
    def _noise(self, number: int) -> Iterator[None]:
        if not self.options.dropout:
            yield
            return
        # A generator on the CPU heeds 32 bits of its seed: they are to depend on both numbers.
        (seed,) = np.random.SeedSequence((self.options.seed, number)).generate_state(1)
        with dropout_noise(torch.Generator().manual_seed(int(seed))):
            yield


def make_brmr(
    loaded: LoadedModel,
    tile: tuple[int, int] | None,
    **options: Any,  # noqa: ANN401
) -> BRMRRestorer:
    """The filter's algorithm; see `RestorerFactory`. Options are those of `BRMROptions`."""
    assert isinstance(loaded.spec, BRMRSpec)
    return BRMRRestorer(
        loaded.networks,
        loaded.spec,
        loaded.device,
        tile,
        BRMROptions(**options),
        adds_middle_frame=loaded.adds_middle_frame,
        tile_network=loaded.tile_network,
    )


def _confidence(heat: Tensor) -> float:
    """delta: the softmax of the heat maps' means."""
    return float(torch.tensor(margin(heat), dtype=torch.float64).sigmoid())


def _upsampled(heat: Tensor, height: int, width: int) -> Tensor:
    """The share of H^b in the softmax of the two maps, at the picture's size."""
    share = (heat[1] - heat[0]).sigmoid()[None, None]
    whole = F.interpolate(share, scale_factor=CELL, mode="bilinear", align_corners=False)
    return whole[0, 0, :height, :width]
