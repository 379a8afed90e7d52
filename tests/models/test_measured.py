"""What is measured of the whole picture, and parts translated by it."""

import pytest
import torch
from torch import nn

from vsdeblur.models import MODELS
from vsdeblur.models.blur_code import GatedBlock
from vsdeblur.models.fast_refiner import FastRefiner
from vsdeblur.models.layers import contrast_and_mean, pad_by_reflection
from vsdeblur.models.measured import MeasuringNetwork, TileForm
from vsdeblur.models.sequence import SequenceNet

PLACES = [("brmr", "fast"), ("sequence", "fast"), ("sequence", "paper")]
SMALL = {
    "brmr": {"width": 4, "max_width": 8, "blocks": (1,)},
    "sequence": {"widths": (4, 8), "num_blocks": (1, 1), "num_decoder_blocks": (1,)},
}


@pytest.fixture(params=PLACES, ids="-".join)
def form(request):
    """A small model's inference form, whose gates count."""
    name, model = request.param
    network = MODELS[name][model].build(**SMALL[name])
    for block in network.modules():
        if isinstance(block, GatedBlock):
            nn.init.normal_(block.excite.weight, 0, 0.3)
    return MODELS[name][model].fold(network)


@pytest.fixture
def whole(form):
    """The part that measures, as it runs on whole pictures."""
    network = form.network
    return (network.g_image if isinstance(network, nn.ModuleDict) else network).requires_grad_(
        False
    )


def picture(network, height, width, batch=1):
    channels = 1 if isinstance(network, SequenceNet) else 3
    return torch.rand(batch, channels, height, width)


@pytest.mark.parametrize(("batch", "height", "width"), [(1, 32, 48), (2, 48, 16)])
def test_a_part_that_is_the_whole_is_the_inference_form(form, whole, batch, height, width):
    network = form.measuring
    frames = picture(network, height, width, batch)
    statistics = network.measure(frames)
    assert statistics.shape == (batch, network.num_statistics)
    assert statistics.dtype == torch.float32
    expected = whole(frames)
    torch.testing.assert_close(network.translate(frames, statistics), expected)
    tile_form = TileForm(network)
    packed = tile_form.pack(frames, statistics)
    assert packed.shape == (*frames.shape[:2], height + tile_form.rows, width)
    torch.testing.assert_close(tile_form(packed), expected)


def test_statistics_count(form):
    network = form.measuring
    frames = picture(network, 32, 32)
    statistics = network.measure(frames)
    with torch.no_grad():
        before, after = (network.translate(frames, s) for s in (statistics, statistics + 1))
    assert not torch.allclose(before, after, atol=1e-4)


def test_pictures_of_any_size_are_measured_as_they_are_translated(form, whole):
    network = form.measuring
    frames = picture(network, 37, 50)
    padded = pad_by_reflection(frames, network.multiple_of)
    assert padded.shape != frames.shape
    statistics = network.measure(frames)
    torch.testing.assert_close(network.measure(padded), statistics)
    part = network.translate(padded, statistics)[..., :37, :50]
    torch.testing.assert_close(part, whole(frames))


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
def test_half_precision_takes_the_same_statistics(form, precision):
    tile_form = TileForm(form.measuring)
    frames = picture(form.measuring, 32, 32)
    packed = tile_form.pack(frames, form.measuring.measure(frames))
    with torch.no_grad():
        expected = tile_form(packed)
        packed = packed if precision is torch.bfloat16 else packed.half()
        result = tile_form.to(precision)(packed).float()
    torch.testing.assert_close(result, expected, rtol=0, atol=0.05 * float(expected.abs().max()))


@pytest.mark.parametrize(
    ("multiple_of", "num_statistics", "rows"), [(8, 64, 8), (16, 66, 16), (4, 66, 20), (4, 1, 4)]
)
def test_any_tile_has_room_for_the_statistics(multiple_of, num_statistics, rows):
    class Adding(MeasuringNetwork):
        def measure(self, picture):
            pytest.fail("a part was measured: its statistics come with it")

        def translate(self, part, statistics):
            return part + statistics.sum(1)[:, None, None, None]

    network = Adding()
    network.multiple_of, network.num_statistics = multiple_of, num_statistics
    form = TileForm(network)
    assert form.rows == rows
    tile = torch.rand(2, 3, multiple_of, multiple_of)
    statistics = torch.rand(2, num_statistics)
    expected = tile + statistics.sum(1)[:, None, None, None]
    torch.testing.assert_close(form(form.pack(tile, statistics)), expected)


def test_pix2pix_has_no_form_for_tiles():
    networks = MODELS["brmr"]["paper"].build(width=4, max_width=8, critic_width=4)
    assert MODELS["brmr"]["paper"].fold(networks).measuring is None


def test_the_refiner_measures_the_blurred_windows():
    refiner = FastRefiner(**SMALL["brmr"]).requires_grad_(False).eval()
    nn.init.normal_(refiner.stem.weight, 0, 0.1)
    windows = torch.rand(2, 6, 32, 48)
    statistics = refiner.measure(windows)
    torch.testing.assert_close(refiner.translate(windows, statistics), refiner.residual(windows))
    other = torch.cat([windows[:, :3], torch.rand(2, 3, 32, 48)], 1)
    torch.testing.assert_close(refiner.measure(other), statistics)
    assert not torch.equal(refiner.residual(other), refiner.residual(windows))


@pytest.mark.parametrize("offset", [0.0, 0.5, 100.0])
def test_contrast_and_mean_are_those_of_double_precision(offset):
    torch.manual_seed(3)
    pictures = torch.rand(2, 3, 200, 310) * torch.tensor([1.0, 0.01]).view(2, 1, 1, 1) + offset
    deviation, mean = torch.std_mean(pictures.double(), dim=(1, 2, 3), keepdim=True)
    measured = contrast_and_mean(pictures)
    torch.testing.assert_close(measured[0].double(), deviation, rtol=2e-5, atol=0)
    torch.testing.assert_close(measured[1].double(), mean, rtol=1e-6, atol=0)


def test_a_flat_picture_has_no_contrast():
    contrast, mean = contrast_and_mean(torch.full((1, 3, 300, 200), 0.7, dtype=torch.float16))
    assert contrast.item() < 1e-6
    assert mean.item() == pytest.approx(0.7, abs=1e-3)
