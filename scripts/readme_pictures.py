"""Makes the pictures of the README with the packaged weights (python scripts/readme_pictures.py).

Their sources are photographs that scikit-image ships, blurred here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import skimage.data
import torch
from PIL import Image
from torch import Tensor

from vsdeblur import load_restorer
from vsdeblur.demo.clip import Frame, blurred_frame
from vsdeblur.restorers.brmr.restorer import BRMRRestorer

WEIGHTS = Path(__file__).resolve().parents[1] / "weights"
GAP = 4
BLUR = 11  # pixels
LUMA = torch.tensor([0.2126, 0.7152, 0.0722])


def main() -> None:
    """Write weights/brmr/overlay.png and weights/sequence/strip.png."""
    save(beside(*opened()), WEIGHTS / "sequence" / "strip.png")
    save(beside(*overlaid()), WEIGHTS / "brmr" / "overlay.png")


def overlaid() -> list[Frame]:
    """A photograph blurred in its right half, the heat map over it, and what was restored."""
    photo = skimage.data.astronaut()[:384]
    blurred = half_blurred(photo)
    restorer = load_restorer("brmr", device="cpu")
    assert isinstance(restorer, BRMRRestorer)
    frame = torch.from_numpy(blurred.copy()).permute(2, 0, 1) / 255
    result = restorer.analyse(frame)
    print(f"brmr: {result.iterations} windows refined")
    pictures = [frame, restorer.overlay(frame, result), result.restored]
    return [codes(picture.permute(1, 2, 0)) for picture in pictures]


def half_blurred(photo: Frame) -> Frame:
    """Moved to the right while the shutter was open, but for the left third."""
    reach = BLUR // 2
    wide = np.pad(photo, ((0, 0), (reach, reach), (0, 0)), "edge").astype(float)
    views = [wide[:, i : i + photo.shape[1]] for i in range(2 * reach + 1)]
    moved = np.mean(views, 0)
    share = np.clip((np.arange(photo.shape[1]) - photo.shape[1] / 3) / 32, 0, 1)[None, :, None]
    return (photo * (1 - share) + moved * share).round().astype(np.uint8)


def opened() -> list[Frame]:
    """A crop of a frame blurred by the camera, and the seven moments it was opened into."""
    blurred = torch.from_numpy(blurred_frame(scene=0, number=6).copy()) / 255
    luma = (blurred @ LUMA)[None]
    restorer = load_restorer("sequence", device="cpu")
    moments = restorer.restore(torch.stack([luma] * 3))[:, 0]
    crop = (slice(100, 260), slice(220, 380))
    return [codes(picture[crop][..., None].expand(-1, -1, 3)) for picture in [luma[0], *moments]]


def codes(picture: Tensor) -> Frame:
    """(H, W, 3) in [0, 1] -> the same in 8 bit."""
    return (picture.clamp(0, 1) * 255).round().byte().numpy()


def beside(*pictures: Frame) -> Image.Image:
    """Pictures of one size in a row."""
    height, width = pictures[0].shape[:2]
    sheet = Image.new("RGB", (len(pictures) * (width + GAP) - GAP, height), "white")
    for index, picture in enumerate(pictures):
        sheet.paste(Image.fromarray(picture), (index * (width + GAP), 0))
    return sheet


def save(sheet: Image.Image, path: Path) -> None:
    """Write a PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, optimize=True)
    print(path)


if __name__ == "__main__":
    main()
