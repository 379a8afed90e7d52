"""Random takes of the fixed benchmark: a scene, how the camera moves, how the sensor sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .composite import WHITE, Composite, Layer, encode_table, object_mask
from .cuts import Photos, luma_codes
from .random_paths import BELL_DEVIATION, NUM_FRAMES, FixedDraw, Path, shake
from .stage_light import StageLight, add_lamps

__all__ = ["SUBSETS", "Subset", "Take", "draw_take", "eight_bit", "with_noise"]

type Bytes = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Subset:
    """What the windows of a subset are drawn from; blur in pixels of the middle frame."""

    camera_blur: float = 36.0
    """Longest blur by the camera."""
    object_blur: float = 36.0
    """Longest blur by the object."""
    blur_exponent: float = 1.5
    """Blur is the longest times u**blur_exponent, u uniform: above 1, short blur is commoner."""
    still_share: float = 0.2
    """Share of draws in which the camera stands still."""
    object_share: float = 0.0
    """Share of draws with a moving object in front."""
    max_noise: float = 0.01
    """Largest standard deviation of sensor noise at white (1 = white); the least is 0.002."""
    highlight_share: float = 0.2
    """Share of draws in linear light whose highlights are brighter than the sensor can tell."""
    stage_light: bool = False
    """Dark scenes with coloured spots and lamps."""


SUBSETS = {
    "shake": Subset(),
    "object": Subset(camera_blur=4, still_share=0.5, object_share=1),
    "concert": Subset(object_share=0.5, max_noise=0.03, highlight_share=0, stage_light=True),
}
"""Camera shake; a moving object before a nearly still camera; both in low light."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Take:
    """A scene and its camera; every picture is made when asked for."""

    scene: Composite
    exposure: float
    """Part of the frame interval during which the shutter is open."""
    noise: float
    """Standard deviation of sensor noise at white."""
    shot: float
    """How much of the noise falls with the root of brightness: 0 to 1."""
    key: tuple[int, ...]
    """Decides the noise."""

    def frame(self, frame: int) -> Bytes:
        """A blurred frame with noise, (H, W); 0 to 4."""
        draw = FixedDraw(*self.key, 1 + frame)
        codes = self.scene.exposed(frame, self.exposure).astype(np.int32)
        return eight_bit(with_noise(draw, codes, self.noise, self.shot))

    def sharp(self) -> Bytes:
        """The view at the centre of the middle exposure, (H, W)."""
        return eight_bit(self.scene.sharp())

    def moments(self) -> Bytes:
        """Sharp views of the middle exposure, (7, H, W)."""
        return eight_bit(self.scene.moments(self.exposure))

    def flow(self) -> NDArray[np.float32]:
        """Displacement from the first moment to the last, (2, H, W)."""
        return self.scene.flow(self.exposure)


def draw_take(
    key: tuple[int, ...],
    photos: Photos,
    subset: Subset,
    *,
    size: int,
    linear: bool,
    camera: Path | None = None,
    num_frames: int = NUM_FRAMES,
) -> Take:
    """Draw a take.

    Args:
        key: Decides everything that is drawn.
        photos: What scenes are cut from.
        subset: What the blur is drawn from.
        size: Height and width of the view.
        linear: Whether frames are averaged in linear light.
        camera: Its path; None = drawn.
        num_frames: Frames around the middle one that the background is wide enough for.
    """
    draw = FixedDraw(*key, 0)
    exposure = draw.uniform(0.35, 1)
    drawn = shake(draw, exposure, _camera_blur(draw, subset), size)
    camera = drawn if camera is None else camera
    has_object = draw.uniform() < subset.object_share
    moving = shake(draw, exposure, _blur(draw, subset.object_blur, subset) * has_object, size)
    light = StageLight.drawn(draw)
    materials = _Materials(
        draw, photos, light if subset.stage_light else None, size, linear, num_frames
    )
    scene = Composite(
        background=materials.background(camera, subset.highlight_share),
        camera=camera,
        front=materials.front() if has_object else None,
        moving=moving,
        size=size,
        linear=linear,
    )
    strength = draw.uniform()
    noise = 0.002 + (subset.max_noise - 0.002) * strength * strength
    return Take(scene=scene, exposure=exposure, noise=noise, shot=draw.uniform(), key=key)


def _camera_blur(draw: FixedDraw, subset: Subset) -> float:
    blur = _blur(draw, subset.camera_blur, subset)
    return 0.0 if draw.uniform() < subset.still_share else blur


def _blur(draw: FixedDraw, longest: float, subset: Subset) -> float:
    level = longest * float(draw.uniform() ** subset.blur_exponent)
    return max(1.0, round(level * draw.uniform(0.5, 1) * 1024) / 1024)


@dataclass(frozen=True, eq=False)
class _Materials:
    """Cuts layers from photos and lights them."""

    draw: FixedDraw
    photos: Photos
    light: StageLight | None
    size: int
    linear: bool
    num_frames: int

    def background(self, camera: Path, highlight_share: float) -> Layer:
        """All that the camera will see on its path."""
        radius = self.num_frames / 2
        x, y = camera.poses(np.arange(-100, 101) / 100 * radius).corners(self.size)
        margin = 3
        left, top = (int(np.floor(v.min())) - margin for v in (x, y))
        right, bottom = (int(np.ceil(v.max())) + margin for v in (x, y))
        centre = (-left, -top)
        radiance = self._radiance(right - left, bottom - top, centre, highlight_share)
        if self.light is not None:
            radiance = add_lamps(self.draw, radiance, centre, self.size, linear=self.linear)
        return Layer(radiance, centre)

    def front(self) -> Layer:
        """A piece of another photo, rich in detail: a flat object would show no blur inside."""
        mask, centre = object_mask(self.draw, self.size)
        radiance = self._radiance(mask.shape[1], mask.shape[0], centre, 0, choices=4)
        return Layer(radiance, centre, mask)

    def _radiance(
        self,
        width: int,
        height: int,
        centre: tuple[int, int],
        highlight_share: float,
        choices: int = 2,
    ) -> NDArray[np.int32]:
        photo = self.photos.cut(self.draw, width, height, choices=choices)
        if self.light is None:
            codes = luma_codes(photo) * 257
        else:
            codes = self.light.lit(self.draw, photo, centre, self.size)
        table = encode_table(linear=self.linear)
        if self.draw.uniform() < highlight_share and self.linear:
            table = _with_highlights(table, self.draw.uniform(1, 5))
        return table[codes]


def _with_highlights(table: NDArray[np.int32], gain: float) -> NDArray[np.int32]:
    """Brightens what is already bright past white, so that it leaves clipped streaks."""
    light = table / WHITE
    bright = ((light - 0.7) / 0.3).clip(0) ** 2
    return np.rint(table * (1 + gain * bright)).astype(np.int32)


def with_noise(
    draw: FixedDraw, codes: NDArray[np.int32], noise: float, shot: float
) -> NDArray[np.int32]:
    """Add sensor noise to 16-bit codes, (H, W); it grows with brightness as far as `shot` says."""
    brightness = (np.arange(256) + 0.5) / 256
    unit = noise * 65535 / BELL_DEVIATION * 256
    deviation = np.rint(unit * (1 - shot + shot * np.sqrt(brightness))).astype(np.int32)
    noisy = codes + ((draw.bell(*codes.shape) * deviation[codes >> 8] + 128) >> 8)
    clipped: NDArray[np.int32] = noisy.clip(0, 65535)
    return clipped


def eight_bit(codes: NDArray[np.integer]) -> Bytes:
    """16-bit codes as 8-bit values, rounded."""
    return ((codes.astype(np.int32) + 128) // 257).astype(np.uint8)
