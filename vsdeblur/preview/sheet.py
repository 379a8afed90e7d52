"""The picture: a source at its moments beside what the versions make of it, with crops enlarged."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from .change import change_of, heat_map
from .page import GENERATOR, crops_of
from .sights import Sight

__all__ = ["png_sheet"]

COLUMN, ENLARGED = 480, 3
"""Width of a column in pixels; by how much crops are enlarged."""
GAP, LABEL = 8, 26
PAPER, INK = (24, 27, 30), (235, 236, 237)


def png_sheet(sights: Iterable[Sight]) -> bytes:
    """A PNG with a row for each moment and one for each of its crops."""
    rows = [row for sight in sights for row in _rows(sight)]
    width = max(sum(cell.width + GAP for cell in row) + GAP for row in rows)
    height = sum(max(cell.height for cell in row) + GAP for row in rows) + GAP
    sheet = Image.new("RGB", (width, height), PAPER)
    top = GAP
    for row in rows:
        left = GAP
        for cell in row:
            sheet.paste(cell, (left, top))
            left += cell.width + GAP
        top += max(cell.height for cell in row) + GAP
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Software", GENERATOR)
    data = io.BytesIO()
    sheet.save(data, "PNG", pnginfo=texts)
    return data.getvalue()


def _rows(sight: Sight) -> Iterator[list[Image.Image]]:
    size = (COLUMN, max(1, round(COLUMN / sight.aspect)))
    whole = [_cell(f"{sight.title}: source", sight.source, size)]
    for version in sight.versions:
        whole.append(_cell(version.name, version.middle, size))
        change = change_of(sight.source, version.middle)
        whole.append(_cell(f"change by {version.name}", heat_map(change), size))
    yield whole
    for rows, columns in crops_of(sight):
        enlarged = ((columns.stop - columns.start) * ENLARGED, (rows.stop - rows.start) * ENLARGED)
        place = f"x {columns.start}, y {rows.start}, {ENLARGED} times as large: source"
        cells = [_cell(place, sight.source[rows, columns], enlarged, Image.Resampling.NEAREST)]
        cells += [
            _cell(version.name, version.middle[rows, columns], enlarged, Image.Resampling.NEAREST)
            for version in sight.versions
        ]
        yield cells


def _cell(
    label: str,
    picture: NDArray[np.uint8],
    size: tuple[int, int],
    resampling: Image.Resampling = Image.Resampling.LANCZOS,
) -> Image.Image:
    """A picture in a size, under its label."""
    image = Image.fromarray(np.ascontiguousarray(picture)).resize(size, resampling)
    cell = Image.new("RGB", (size[0], size[1] + LABEL), PAPER)
    cell.paste(image, (0, LABEL))
    font = ImageFont.load_default(size=15)
    ImageDraw.Draw(cell).text((2, 3), label, fill=INK, font=font)
    return cell
