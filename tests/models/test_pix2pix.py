"""The networks of adversarial BRMR: the U-Net, and the discriminator that shows where it looks."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from vsdeblur.models import MODELS
from vsdeblur.models.blur_code import GatedBlock
from vsdeblur.models.brmr import Residual, build_fast_brmr, build_paper_brmr, fold_brmr
from vsdeblur.models.fast_unet import FastUNetGenerator
from vsdeblur.models.layers import InstanceNorm, NoiseDropout, dropout_noise, pad_by_reflection
from vsdeblur.models.pix2pix import CAMDiscriminator, UNetGenerator

FORMS = [{}, {"global_skip": True}, {"normalize": False}, {"fast": True}]
"""Forms of the generator: the paper's, two departures from it, and the fast model's own."""


def tiny_unet(levels=5, *, fast=False, **options):
    """A U-Net with few channels, whose output visibly differs from its input."""
    torch.manual_seed(1)
    kind = FastUNetGenerator if fast else UNetGenerator
    network = kind(levels=levels, width=4, max_width=8, **options).eval()
    nn.init.normal_(network.head.weight, 0, 0.3)
    return network


def features_of(network, module):
    """The output of a submodule, as the network runs."""
    seen = []
    module.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    return seen


# Padding


@pytest.mark.parametrize("length", [1, 2, 3, 5, 8, 9, 16])
def test_padding_reflects_as_often_as_needed(length):
    picture = torch.arange(length, dtype=torch.float32).expand(2, 3, length)
    padded = pad_by_reflection(picture, 8)
    expected = np.pad(np.arange(length), (0, -length % 8), mode="reflect" if length > 1 else "edge")
    assert padded.shape == (2, 8, -(-length // 8) * 8)
    np.testing.assert_array_equal(padded[0, 0], expected)


def test_padding_leaves_what_fits_alone():
    picture = torch.rand(1, 3, 16, 24)
    assert pad_by_reflection(picture, 8) is picture


# Normalisation


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("mean", "spread"), [(0, 1), (0, 5e3), (100, 1), (3, 1e-2)])
def test_statistics_are_those_of_double_precision(dtype, memory_format, mean, spread):
    x = (torch.randn(2, 4, 40, 40, dtype=torch.float64) * spread + mean).to(dtype)
    variance, average = torch.var_mean(x.double(), dim=(2, 3), keepdim=True, correction=0)
    expected = (x.double() - average) / (variance + 1e-5).sqrt()
    normalized = InstanceNorm()(x.contiguous(memory_format=memory_format))
    assert normalized.dtype == dtype
    torch.testing.assert_close(normalized.double(), expected, rtol=0, atol=0.03)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_statistics_survive_autocast(dtype):
    x = torch.randn(1, 4, 16, 16) * 5e3  # squares that float16 cannot hold
    with torch.autocast("cpu", dtype):
        normalized = InstanceNorm()(x.to(dtype))
    assert normalized.isfinite().all()
    torch.testing.assert_close(normalized.float().std(), torch.tensor(1.0), rtol=0, atol=0.02)


def test_one_place_and_flat_areas_become_zero():
    norm = InstanceNorm()
    assert norm(torch.rand(1, 5, 1, 1)).abs().max() == 0
    assert norm(torch.full((1, 5, 16, 16), 0.37).bfloat16()).abs().max() == 0


# The U-Net


@pytest.mark.parametrize(("levels", "size"), [(8, 256), (7, 128)])
def test_levels_end_at_one_pixel(levels, size):
    network = tiny_unet(levels)
    innermost = features_of(network, network.downs[-1])
    network(torch.rand(1, 3, size, size))
    assert innermost[0].shape[-2:] == (1, 1)
    assert innermost[0].abs().max() > 0


def test_channels_double_up_to_the_limit():
    network = UNetGenerator(levels=8, width=64)
    assert [d.conv.out_channels for d in network.downs] == [64, 128, 256, *[512] * 5]
    assert [u.conv.out_channels for u in network.ups] == [*[512] * 4, 256, 128, 64]
    network = UNetGenerator(levels=4, width=8, max_width=12)
    assert [d.conv.out_channels for d in network.downs] == [8, 12, 12, 12]


def test_outermost_and_innermost_layers_are_not_normalised():
    network = UNetGenerator(levels=6, width=4)
    downs = [isinstance(d.norm, InstanceNorm) for d in network.downs]
    assert downs == [False, True, True, True, True, False]
    assert [isinstance(u.norm, InstanceNorm) for u in network.ups] == [
        False,
        False,
        True,
        True,
        True,
    ]


def test_blocks_lie_on_both_ways_of_the_outermost_levels():
    network = FastUNetGenerator(levels=5, width=4, max_width=8, blocks=(2, 3, 4))
    assert [len(stack) for stack in network.encoders] == [2, 3, 4, 1, 1]
    assert [len(stack) for stack in network.decoders] == [1, 1, 3, 2]
    assert [down.out_channels for down in network.downs] == [8, 8, 8, 8]
    assert [up.out_channels for up in network.ups] == [32, 32, 32, 16]


@pytest.mark.parametrize(("levels", "size"), [(8, 256), (7, 128), (5, 32)])
def test_the_innermost_pixel_counts_at_the_training_size(levels, size):
    network, picture = tiny_unet(levels), torch.rand(1, 3, size, size)
    with torch.no_grad():
        before = network(picture)
        network.downs[-1].conv.bias += 1
        assert (network(picture) - before).abs().max() > 1e-5


@pytest.mark.parametrize("options", FORMS)
@pytest.mark.parametrize(("height", "width"), [(32, 32), (1, 1), (17, 33), (64, 32), (45, 100)])
def test_any_size_comes_back(options, height, width):
    restored = tiny_unet(**options)(torch.rand(2, 3, height, width))
    assert restored.shape == (2, 3, height, width)
    assert restored.isfinite().all()


def test_a_size_that_does_not_fit_is_reflected_and_cropped():
    network, picture = tiny_unet(), torch.rand(1, 3, 40, 50)
    whole = network(pad_by_reflection(picture, 32))
    torch.testing.assert_close(network(picture), whole[..., :40, :50], rtol=0, atol=0)


@pytest.mark.slow
def test_a_large_picture_comes_back():
    network = tiny_unet(8, fast=True)
    with torch.no_grad():
        assert network(torch.rand(1, 3, 1500, 2000)).shape == (1, 3, 1500, 2000)


@pytest.mark.parametrize("options", FORMS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("grey", [0.0, 0.37, 0.5, 1.0])
def test_a_flat_field_comes_back_flat(options, dtype, grey):
    network = tiny_unet(8, **options).to(dtype)
    with torch.no_grad():
        restored = network(torch.full((1, 3, 96, 130), grey, dtype=dtype))
    spread = restored.float().amax((2, 3)) - restored.float().amin((2, 3))
    assert spread.max() <= 1 / 255


def test_the_flat_field_would_show_a_checkerboard():
    # The same network with pix2pix's transposed convolutions: the test above can fail.
    network = tiny_unet(8)
    for up in network.ups:
        up.conv = nn.Sequential(
            nn.ConvTranspose2d(up.conv.in_channels, up.conv.out_channels, 4, 2, 1), nn.AvgPool2d(2)
        )
    network.head = nn.Sequential(nn.AvgPool2d(2), nn.ConvTranspose2d(8, 3, 4, 2, 1))
    with torch.no_grad():
        restored = network(torch.full((1, 3, 96, 130), 0.37))
    assert (restored.amax((2, 3)) - restored.amin((2, 3))).max() > 1 / 255


def test_global_skip_adds_exactly_the_input():
    network = tiny_unet(global_skip=True)
    picture = torch.rand(1, 3, 32, 48)
    restored = network(picture)
    torch.testing.assert_close(restored, picture + Residual(network)(picture), rtol=0, atol=0)
    assert (restored - picture).abs().max() > 4 / 255
    nn.init.zeros_(network.head.weight)
    torch.testing.assert_close(network(picture), picture, rtol=0, atol=0)


def test_the_residual_grows_with_the_contrast_and_not_with_the_brightness():
    network = tiny_unet(fast=True)
    picture = torch.rand(1, 3, 32, 32)
    residual = network.residual(picture).detach()
    dimmer = network.residual(0.5 + 0.4 * (picture - 0.5))
    torch.testing.assert_close(dimmer, 0.4 * residual, rtol=0, atol=0.1 * float(residual.std()))


def test_without_a_global_skip_the_output_is_a_picture():
    restored = tiny_unet()(torch.rand(1, 3, 64, 64))
    assert 0 <= restored.min() < 0.3
    assert 0.7 < restored.max() <= 1


@pytest.mark.parametrize("options", FORMS)
def test_half_precision_gives_the_same_picture(options):
    network, picture = tiny_unet(**options), torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        expected = network(picture)
        with torch.autocast("cpu", torch.bfloat16):
            mixed = network(picture)
        half = network.half()(picture.half())
    assert half.dtype is (torch.float32 if options.get("fast") else torch.float16)
    scale = max(1.0, float(expected.std()))
    torch.testing.assert_close(half.float(), expected, rtol=0, atol=0.03 * scale)
    torch.testing.assert_close(mixed.float(), expected, rtol=0, atol=0.15 * scale)


@pytest.mark.parametrize("options", FORMS)
def test_every_parameter_of_the_generator_receives_a_gradient(options):
    network = tiny_unet(**options, dropout=0.0).train()
    for block in network.modules():
        if isinstance(block, GatedBlock):  # at first all gates are 1, and the code does not count
            nn.init.normal_(block.excite.weight)
    network(torch.rand(2, 3, 32, 32)).square().sum().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


# Dropout


def test_three_innermost_decoder_layers_drop_half():
    network = UNetGenerator(levels=8, width=4)
    assert [up.dropout.probability for up in network.ups] == [0.5, 0.5, 0.5, 0, 0, 0, 0]


def test_in_evaluation_nothing_is_dropped_unless_asked_for():
    network, picture = tiny_unet(), torch.rand(1, 3, 32, 32)

    def noisy(seed):
        with dropout_noise(torch.Generator().manual_seed(seed)):
            return network(picture)

    quiet = network(picture)
    torch.testing.assert_close(network(picture), quiet, rtol=0, atol=0)
    torch.testing.assert_close(noisy(1), noisy(1), rtol=0, atol=0)
    assert (noisy(1) - quiet).abs().max() > 0
    assert (noisy(1) - noisy(2)).abs().max() > 0
    torch.testing.assert_close(network(picture), quiet, rtol=0, atol=0)


def test_dropout_keeps_the_mean():
    x = torch.ones(1, 4, 100, 100)
    with dropout_noise(torch.Generator().manual_seed(0)):
        dropped = NoiseDropout(0.5).eval()(x)
    assert sorted(dropped.unique().tolist()) == [0, 2]
    assert abs(float(dropped.mean()) - 1) < 0.02


# The discriminator


@pytest.fixture
def discriminator():
    return CAMDiscriminator(width=4)


def test_heat_maps_and_confidence_are_those_of_equation_2(discriminator, monkeypatch):
    # f_1 is 1 at one place, f_2 at another, f_3 everywhere.
    features = torch.zeros(1, 3, 2, 4)
    features[0, 0, 0, 1] = 1
    features[0, 1, 1, 3] = 1
    features[0, 2] = 1
    sharp, blur = [3.0, -2.0, 0.5], [-1.0, 4.0, 0.25]
    discriminator.fully_connected.weight = nn.Parameter(torch.tensor([sharp, blur]))
    monkeypatch.setattr(discriminator, "features", lambda pair: features)
    output = discriminator(torch.rand(1, 3, 16, 32), torch.rand(1, 3, 16, 32))
    assert output.heat_sharp[0].tolist() == [[0.5, 3.5, 0.5, 0.5], [0.5, 0.5, 0.5, -1.5]]
    assert output.heat_blur[0].tolist() == [[0.25, -0.75, 0.25, 0.25], [0.25, 0.25, 0.25, 4.25]]
    # The pooled features are (1/8, 1/8, 1); through the fully connected layer: 0.625 and 0.625.
    assert output.logits.tolist() == [[0.625, 0.625]]
    assert output.confidence.tolist() == [0.5]


@pytest.mark.parametrize("normalize", [True, False])
def test_pooled_and_connected_features_are_the_means_of_the_heat_maps(normalize):
    network = CAMDiscriminator(width=4, normalize=normalize)
    nn.init.normal_(network.fully_connected.weight)
    blurred, candidate = torch.rand(3, 3, 40, 64), torch.rand(3, 3, 40, 64)
    output = network(blurred, candidate)
    pooled = network.features(torch.cat([blurred, candidate], 1)).mean((2, 3))
    logits = network.fully_connected(pooled)
    torch.testing.assert_close(output.logits, logits, rtol=0, atol=1e-5)
    delta = logits[:, 0].exp() / logits.exp().sum(1)
    torch.testing.assert_close(output.confidence, delta, rtol=0, atol=1e-5)


def test_discriminator_has_four_convolutions_and_one_connected_layer(discriminator):
    layers = [m for m in discriminator.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert [type(layer) for layer in layers] == [*[nn.Conv2d] * 4, nn.Linear]
    assert [layer.out_channels for layer in layers[:4]] == [4, 8, 16, 32]
    assert layers[4].bias is None


@pytest.mark.parametrize(("height", "width"), [(16, 16), (32, 32), (33, 70), (256, 256)])
def test_a_value_of_the_heat_map_stands_for_8x8_pixels(discriminator, height, width):
    output = discriminator(torch.rand(1, 3, height, width), torch.rand(1, 3, height, width))
    assert output.heat_blur.shape == (1, -(-height // 8), -(-width // 8))


def test_a_value_depends_on_what_lies_around_its_own_pixels_alike_on_all_sides():
    network = CAMDiscriminator(width=2, normalize=False).double()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 0.1)
    nn.init.constant_(network.fully_connected.weight, 1.0)
    pair = torch.full((1, 6, 96, 96), 0.9, dtype=torch.float64, requires_grad=True)
    features = F.conv2d(network.features(pair), network.fully_connected.weight[..., None, None])
    (gradient,) = torch.autograd.grad(features[0, 1, 5, 6], pair)
    rows, columns = gradient.abs().sum((0, 1)).nonzero().T
    assert (rows.min(), rows.max()) == (8 * 5 - 15, 8 * 5 + 7 + 15)
    assert (columns.min(), columns.max()) == (8 * 6 - 15, 8 * 6 + 7 + 15)


def test_opposite_weights_stay_opposite_in_training(discriminator):
    optimizer = torch.optim.Adam(discriminator.parameters(), 2e-3)
    for label in (0, 1, 0):
        output = discriminator(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32))
        optimizer.zero_grad()
        F.cross_entropy(output.logits, torch.tensor([label])).backward()
        optimizer.step()
    sharp, blur = discriminator.fully_connected.weight
    torch.testing.assert_close(sharp, -blur, rtol=0, atol=1e-6)
    torch.testing.assert_close(output.heat_sharp, -output.heat_blur, rtol=0, atol=1e-5)


def test_every_parameter_of_the_discriminator_receives_a_gradient():
    network = CAMDiscriminator(width=4, normalize=False)
    output = network(torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32))
    F.cross_entropy(output.logits, torch.tensor([0, 1])).backward()
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_heat_maps_are_float32_under_autocast():
    network = CAMDiscriminator(width=4)
    pictures = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    with torch.autocast("cpu", torch.bfloat16):
        output = network(*pictures)
    assert {tensor.dtype for tensor in output} == {torch.float32}
    torch.testing.assert_close(output.logits, network(*pictures).logits, rtol=0, atol=0.03)


# All three


def test_fast_fits_into_30_megabytes():
    count = sum(parameter.numel() for parameter in build_fast_brmr().parameters())
    assert round(count / 1e6, 1) == 5.8
    assert 2 * count < 30e6


@pytest.mark.parametrize(
    ("model", "critic_looks", "expected"), [("fast", 2, 0.178), ("paper", 4.3, 0.6)]
)
def test_a_720p_frame_costs_what_the_manifest_says(model, critic_looks, expected):
    def cost(module, *shape):
        with FlopCounterMode(display=False) as counter:
            module(torch.empty(1, *shape, device="meta"))
        return counter.get_total_flops() / 1e12

    with torch.device("meta"):
        networks = MODELS["brmr"][model].fold(MODELS["brmr"][model].build()).network
    # The critic looks at the input and at G_i's picture, then at each of 2.3 candidates: at all
    # of them in the paper's model, near the window in ours.
    seen = dict(zip(MODELS["brmr"][model].parts, MODELS["brmr"][model].channels_in, strict=True))
    total = cost(networks["g_image"], 3, 720, 1280)
    total += 2.3 * cost(networks["g_patch"], seen["g_patch"], 128, 128)
    total += critic_looks * cost(networks["d_image"], 6, 720, 1280)
    assert total == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("global_skip", [False, True])
def test_folded_networks_give_what_the_networks_give(global_skip):
    networks = build_paper_brmr(
        width=4, max_width=8, critic_width=4, global_skip=global_skip
    ).eval()
    picture, candidate = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64)
    expected = [networks.g_image(picture), networks.g_patch(picture)]
    judged = networks.d_image(picture, candidate)
    folded = fold_brmr(networks).network
    for name, picture_of in zip(("g_image", "g_patch"), expected, strict=True):
        restored = folded[name](picture) + (picture if global_skip else 0)
        torch.testing.assert_close(restored, picture_of, rtol=0, atol=0)
    heat = folded["d_image"](torch.cat([picture, candidate], 1))
    torch.testing.assert_close(heat[:, 0], judged.heat_sharp, rtol=0, atol=0)
    torch.testing.assert_close(heat[:, 1], judged.heat_blur, rtol=0, atol=0)


def test_names_of_the_weights_begin_with_the_networks():
    networks = build_paper_brmr(width=4, max_width=8, critic_width=4)
    assert {name.split(".")[0] for name in networks.state_dict()} == {
        "g_image",
        "d_image",
        "g_patch",
    }
