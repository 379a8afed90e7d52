"""The demo's own clip: a hand-held camera over photographs that scikit-image ships."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from av.video.reformatter import Colorspace
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional as F

from ..errors import DataError

__all__ = ["Frame", "blurred_frame", "to_rgb", "to_yuv", "write_clip"]

FPS = 25
LOOK_UP = (0, 150, 0)  # pixels from each photo's middle to what is worth looking at
WIDTH, HEIGHT = 640, 360
MARGIN = 16  # pixels of photo beside the view; beyond them it is mirrored
FRAMES_A_SCENE = 25
EXPOSURE = 0.8  # of the frame interval
SUBFRAMES = 25

type Frame = NDArray[np.uint8]
"""(HEIGHT, WIDTH, 3) RGB."""


def write_clip(path: Path) -> list[Frame]:
    """Write the blurred clip, with a tone, and return the sharp frames it was made from."""
    sharp: list[Frame] = []
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=FPS, options={"crf": "8"})
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for name in ("color_primaries", "color_trc", "colorspace", "color_range"):
            setattr(video.codec_context, name, 1)  # BT.709, limited range
        audio = container.add_stream("aac", rate=48_000, layout="mono")
        assert isinstance(audio, av.AudioStream)
        for scene, photo in enumerate(_photos()):
            for number in range(FRAMES_A_SCENE):
                blurred, middle = _frame(photo, scene, number)
                sharp.append(middle)
                container.mux(video.encode(to_yuv(blurred)))
        for chunk in _tone(len(sharp) / FPS):
            container.mux(audio.encode(chunk))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    return sharp


def blurred_frame(scene: int, number: int) -> Frame:
    """One frame of the clip by itself."""
    return _frame(_photos()[scene], scene, number)[0]


def to_yuv(picture: Frame) -> av.VideoFrame:
    """RGB to 8-bit YUV 4:2:0, BT.709, limited range."""
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    return frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)


def to_rgb(frame: av.VideoFrame) -> Frame:
    """A decoded frame to RGB; where it does not say its matrix, by its size."""
    known = frame.colorspace if frame.colorspace in (1, 5, 6, 9) else 1 if frame.height > 576 else 5
    return np.asarray(frame.reformat(format="rgb24", src_colorspace=known).to_ndarray(), np.uint8)


def _photos() -> list[torch.Tensor]:
    """Photographs larger than the view, (1, 3, H, W), in linear light.

    Raises:
        DataError: scikit-image is not installed.
    """
    try:
        import skimage.data
    except ImportError as error:
        raise DataError(
            "the demo's own clip needs scikit-image: pip install 'vsdeblur[demo]', or give a clip"
        ) from error
    names = ("coffee", "astronaut", "rocket")
    return [_linear(getattr(skimage.data, name)()) for name in names]


def _linear(photo: Frame) -> torch.Tensor:
    width = WIDTH + 2 * MARGIN
    size = (width, round(photo.shape[0] * width / photo.shape[1]))
    larger = np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.LANCZOS))
    return (torch.from_numpy(larger.copy()).permute(2, 0, 1)[None] / 255) ** 2.2


def _frame(photo: torch.Tensor, scene: int, number: int) -> tuple[Frame, Frame]:
    """One frame blurred by the camera's movement, and the view at the middle of its exposure."""
    moments = [number + EXPOSURE * ((i + 0.5) / SUBFRAMES - 0.5) for i in range(SUBFRAMES)]
    total = torch.zeros(1, 3, HEIGHT, WIDTH)
    for moment in moments:
        total += _view(photo, scene, moment)
    return _encoded(total / SUBFRAMES), _encoded(_view(photo, scene, float(number)))


def _view(photo: torch.Tensor, scene: int, time: float) -> torch.Tensor:
    x, y, angle = _camera(scene, time)
    height, width = photo.shape[-2:]
    cosine, sine = np.cos(angle), np.sin(angle)
    matrix = torch.tensor(
        [
            [cosine * WIDTH / width, -sine * HEIGHT / width, 2 * x / width],
            [sine * WIDTH / height, cosine * HEIGHT / height, 2 * y / height],
        ],
        dtype=torch.float32,
    )
    grid = F.affine_grid(matrix[None], [1, 3, HEIGHT, WIDTH], align_corners=False)
    return F.grid_sample(photo, grid, padding_mode="reflection", align_corners=False)


def _camera(scene: int, time: float) -> tuple[float, float, float]:
    """Shift in pixels and turn in radians: a tremor of a few waves, other for each scene."""
    waves = [(0.06, 18.0), (0.13, 8.0), (0.27, 4.0)]
    phase = 1.7 * scene
    x = sum(size * np.sin(2 * np.pi * f * time + phase + 5 * f) for f, size in waves)
    y = sum(0.6 * size * np.sin(2 * np.pi * f * time + 2 * phase + 11 * f) for f, size in waves)
    turn = 0.006 * np.sin(2 * np.pi * 0.09 * time + phase)
    return float(x), float(y) - LOOK_UP[scene], float(turn)


def _encoded(light: torch.Tensor) -> Frame:
    picture = (light[0].clamp(0, 1) ** (1 / 2.2) * 255).round().byte().permute(1, 2, 0)
    encoded: Frame = picture.contiguous().numpy()
    return encoded


def _tone(seconds: float) -> list[av.AudioFrame]:
    """A quiet 440 Hz tone in chunks that the AAC encoder takes."""
    time = np.arange(round(seconds * 48_000)) / 48_000
    samples = (0.1 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    frames = []
    for start in range(0, len(samples), 1024):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], "fltp", "mono")
        frame.sample_rate, frame.pts = 48_000, start
        frame.time_base = Fraction(1, 48_000)
        frames.append(frame)
    return frames
