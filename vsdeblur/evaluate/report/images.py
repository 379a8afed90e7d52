"""8-bit pictures as image files inside a page."""

from __future__ import annotations

import base64
import io

from PIL import Image
from torch import Tensor

from ..frame_pictures import Pictures

__all__ = ["data_uri", "image_of", "middle_picture"]


def middle_picture(pictures: Pictures) -> Tensor:
    """(C, H, W): the middle moment, in RGB where there is RGB."""
    frames = pictures.luma if pictures.rgb is None else pictures.rgb
    return frames[len(frames) // 2]


def image_of(picture: Tensor) -> Image.Image:
    """An image of (C, H, W) whole numbers in [0, 255]; C is 1 or 3."""
    pixels = picture.byte().cpu().permute(1, 2, 0).contiguous().numpy()
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def data_uri(image: Image.Image, *, quality: int) -> str:
    """A data: URI of an image as WebP; quality from 0 to 100."""
    data = io.BytesIO()
    image.save(data, "WEBP", quality=quality)
    return "data:image/webp;base64," + base64.b64encode(data.getvalue()).decode("ascii")
