"""What brmr's image generator takes over from dblrgan."""

import pytest
import torch

from vsdeblur.errors import DataError
from vsdeblur.models.dblrnet import FastDBLRNet
from vsdeblur.models.fast_unet import FastUNetGenerator
from vsdeblur.models.sequence import SequenceNet
from vsdeblur.restorers import load_restorer
from vsdeblur.train.transfer import (
    BRIGHTNESS,
    CONTRAST,
    start_from_dblrgan,
    start_from_window_network,
)


def ordinary_picture():
    """Grey, of the brightness and contrast that the transfer reckons with."""
    noise = torch.rand(1, 1, 256, 256)
    return BRIGHTNESS + CONTRAST * (noise - noise.mean()) / noise.std()


def test_a_grey_picture_comes_out_as_from_five_equal_frames():
    torch.manual_seed(4)
    trained = FastDBLRNet(widths=(4, 8, 8), num_blocks=(2, 3, 4)).eval()
    generator = FastUNetGenerator(levels=8, width=4, max_width=8).eval()
    start_from_window_network(generator, trained)
    luma = ordinary_picture()
    with torch.no_grad():
        expected = trained(luma.expand(-1, 5, -1, -1))
        restored = generator(luma.expand(-1, 3, -1, -1))
    inside = (..., slice(32, -32), slice(32, -32))  # beyond borders brightness is another
    assert (expected - luma).abs()[inside].max() > 0.02
    for colour in restored.split(1, 1):
        torch.testing.assert_close(colour[inside], expected[inside], rtol=0, atol=2e-3)


def test_the_packaged_weights_fit():
    generator = FastUNetGenerator().eval()
    start_from_dblrgan(generator)
    luma = ordinary_picture().clamp(0, 1)
    with torch.no_grad():
        restored = generator(luma.expand(-1, 3, -1, -1))[0].mean(0)
    restorer = load_restorer(
        "dblrgan", model="fast", device="cpu", precision="fp32", skip_sharp="off"
    )
    expected = restorer.restore(luma[0].expand(5, 1, -1, -1))[0, 0]
    change = (expected - luma[0, 0]).abs().mean()
    assert (restored - expected).abs().mean() < 0.5 * change


def test_every_moment_begins_as_the_middle_of_five_equal_frames():
    torch.manual_seed(4)
    trained = FastDBLRNet(widths=(4, 8, 8), num_blocks=(2, 2, 4)).eval()
    generator = SequenceNet(widths=(4, 8, 8)).eval()
    start_from_window_network(generator, trained)
    luma = torch.rand(1, 1, 64, 48)
    with torch.no_grad():
        expected = trained(luma.expand(-1, 5, -1, -1))
        opened = generator(luma)
    torch.testing.assert_close(opened, expected.expand(-1, 7, -1, -1), rtol=0, atol=1e-5)


def test_sequence_begins_with_the_packaged_weights_and_a_block_less():
    generator = SequenceNet().eval()
    before = generator.encoders[2][3].conv1.weight.clone()
    start_from_dblrgan(generator)
    assert not torch.equal(generator.encoders[2][3].conv1.weight, before)
    assert len(generator.encoders[1]) == 2


def test_what_does_not_fit_is_refused():
    with pytest.raises(DataError, match="leave it out for another model, or another width"):
        start_from_dblrgan(SequenceNet(widths=(8, 16, 16)))
