"""Pictures inside a page."""

from __future__ import annotations

import base64
import io
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["data_uri", "no_larger"]

MOST_PIXELS = 4096 * 2304
"""Of a whole picture on a page; larger ones are scaled down, their crops are not."""
_LONGEST_OF_WEBP = 16383
_EFFORT = 30
"""0 to 100: the files of lossless WebP get hardly smaller by more, only slower."""


def no_larger(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture (H, W, 3) scaled to at most `MOST_PIXELS`."""
    height, width, _ = picture.shape
    scale = sqrt(MOST_PIXELS / (height * width))
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = Image.fromarray(np.ascontiguousarray(picture))
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS))


def data_uri(picture: NDArray[np.uint8], *, lossless: bool = True) -> str:
    """A data: URI of a picture (H, W, 3); without loss, for these are to be compared."""
    image, data = Image.fromarray(np.ascontiguousarray(picture)), io.BytesIO()
    if max(picture.shape) > _LONGEST_OF_WEBP:
        image.save(data, "PNG")
        kind = "png"
    else:
        image.save(data, "WEBP", lossless=lossless, quality=_EFFORT if lossless else 80, method=1)
        kind = "webp"
    return f"data:image/{kind};base64," + base64.b64encode(data.getvalue()).decode("ascii")
