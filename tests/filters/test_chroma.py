"""Chroma between samples: the command's is VapourSynth's own, wherever it is sited."""

import numpy as np
import pytest
import torch
import vapoursynth as vs

from vsdeblur.frames.colour import MATRICES, YUVCoding
from vsdeblur.frames.luma import LumaCoding

BT601, WIDTH, HEIGHT = 6, 40, 24
SITINGS = {0: (0, 0.5), 1: (0.5, 0.5), 2: (0, 0), 3: (0.5, 0), 4: (0, 1), 5: (0.5, 1)}
"""VapourSynth's `_ChromaLocation` -> columns and rows, of 4:2:0."""
CASES = [
    *(("YUV420P8", (2, 2), location, siting) for location, siting in SITINGS.items()),
    ("YUV420P16", (2, 2), 0, (0, 0.5)),
    ("YUV422P8", (2, 1), 0, (0, 0)),
    ("YUV411P8", (4, 1), 0, (0, 0)),
    ("YUV410P8", (4, 4), 0, (0, 1.5)),
]


@pytest.mark.parametrize(("name", "subsampling", "location", "siting"), CASES)
def test_chroma_is_interpolated_and_averaged_as_by_the_resizer(
    make_clip, planes_of, name, subsampling, location, siting
):
    random = np.random.default_rng(0)
    scale = 256 if name.endswith("P16") else 1
    dtype = np.uint16 if scale > 1 else np.uint8
    shape = (HEIGHT // subsampling[1], WIDTH // subsampling[0])
    planes = [
        random.integers(16 * scale, 235 * scale, each).astype(dtype)
        for each in ((HEIGHT, WIDTH), shape, shape)
    ]
    coding = YUVCoding(
        luma=LumaCoding(bits=16 if scale > 1 else 8, full_range=False),
        matrix=MATRICES[BT601],
        subsampling=subsampling,
        siting=siting,
    )
    clip = make_clip([planes], getattr(vs, name), [{"_ChromaLocation": location}])
    rgb = clip.resize.Bicubic(format=vs.RGBS, matrix_in=BT601)
    wanted = np.stack(planes_of(rgb.get_frame(0)))
    decoded = coding.decode(planes, torch.device("cpu")).numpy()
    np.testing.assert_allclose(decoded, wanted, rtol=0, atol=1e-6)

    change = random.normal(0, 0.05, wanted.shape).astype(np.float32)
    changed = make_clip([list(wanted + change)], vs.RGBS, [{}])
    there = {"format": getattr(vs, name), "matrix": BT601, "chromaloc": location}
    after, before = (
        planes_of(each.resize.Bicubic(**there).get_frame(0)) for each in (changed, rgb)
    )
    written = coding.encode_change(planes, torch.from_numpy(change))
    for plane, source, new, old in zip(written, planes, after, before, strict=True):
        by_resizer = source.astype(int) + new.astype(int) - old.astype(int)  # rounded twice
        assert np.abs(plane.astype(int) - by_resizer).max() <= 1
