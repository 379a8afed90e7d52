"""`brmr` adds its change: what it leaves alone keeps its code values."""

import numpy as np
import pytest
import vapoursynth as vs

FORMATS = ["YUV420P8", "YUV422P10", "YUV444P16", "YUV420PH", "YUV444PS", "GRAY8", "GRAYS", "RGB24"]


@pytest.mark.parametrize("name", FORMATS)
def test_without_strength_every_plane_keeps_its_code_values(make_noise, tiny_brmr, name):
    clip = make_noise(getattr(vs, name), length=1)
    untouched, source = (c.get_frame(0) for c in (tiny_brmr(clip, strength=0.0), clip))
    for plane in range(source.format.num_planes):
        np.testing.assert_array_equal(np.asarray(untouched[plane]), np.asarray(source[plane]))
