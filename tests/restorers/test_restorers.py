"""Tensors in, tensors out: windows, sizes, values, tiles, precisions, threads."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from vsdeblur.errors import DeblurError, OptionError
from vsdeblur.frames.ring import window_offsets
from vsdeblur.models import MODELS
from vsdeblur.restorers.dblrgan import WindowRestorer

CPU = torch.device("cpu")
FAST = MODELS["dblrgan"]["fast"]


def structured_window(height, width):
    """Five frames of stripes that move, with a little noise."""
    x, y = torch.arange(width), torch.arange(height)[:, None]
    frames = [0.5 + 0.3 * torch.sin((x + 3 * t) / 5 + y / 9) for t in range(5)]
    return torch.stack(frames)[:, None] + 0.15 * torch.rand(5, 1, height, width)


# Windows


@pytest.mark.parametrize(
    ("cuts", "offsets"),
    [
        ([0, 0, 0, 0], [-2, -1, 0, 1, 2]),
        ([1, 0, 0, 0], [-1, -1, 0, 1, 2]),
        ([0, 1, 0, 0], [0, 0, 0, 1, 2]),
        ([1, 1, 0, 0], [0, 0, 0, 1, 2]),
        ([0, 0, 1, 0], [-2, -1, 0, 0, 0]),
        ([0, 0, 0, 1], [-2, -1, 0, 1, 1]),
        ([0, 0, 1, 1], [-2, -1, 0, 0, 0]),
        ([1, 0, 0, 1], [-1, -1, 0, 1, 1]),
        ([1, 0, 1, 0], [-1, -1, 0, 0, 0]),
        ([0, 1, 0, 1], [0, 0, 0, 1, 1]),
        ([0, 1, 1, 0], [0, 0, 0, 0, 0]),
        ([1, 1, 0, 1], [0, 0, 0, 1, 1]),
        ([1, 0, 1, 1], [-1, -1, 0, 0, 0]),
        ([0, 1, 1, 1], [0, 0, 0, 0, 0]),
        ([1, 1, 1, 0], [0, 0, 0, 0, 0]),
        ([1, 1, 1, 1], [0, 0, 0, 0, 0]),
        ([], [0]),
        ([1, 0], [0, 0, 1]),
        ([0, 0, 1, 0, 0, 1], [0, 0, 0, 0, 1, 2, 2]),
    ],
)
def test_window_stops_at_cuts_on_either_side(cuts, offsets):
    assert window_offsets([bool(cut) for cut in cuts]) == offsets


# What load_restorer gives


@pytest.mark.parametrize("model", ["fast", "paper"])
def test_restorer_keeps_the_contract(load, model):
    restorer = load(model)
    assert (restorer.radius, restorer.multiplier, restorer.channels) == (2, 1, 1)
    assert restorer.device == CPU
    restored = restorer.restore(structured_window(24, 32))
    assert restored.shape == (1, 1, 24, 32)
    assert restored.dtype is torch.float32
    assert restored.device == CPU


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("model", ["fast", "paper"])
def test_restored_picture_is_the_training_networks(load, random_network, model, precision):
    window = structured_window(24, 32).clamp(0, 1)
    with torch.no_grad():
        network = random_network(model).eval()
        network.load_state_dict({n: t.half() for n, t in network.state_dict().items()})
        expected = network(window.transpose(0, 1))[0].clamp(0, 1)
    restored = load(model, precision).restore(window)[0]
    assert (restored - window[2]).abs().max() > 4 / 255  # the test weights do change the picture
    atol = 1e-5 if precision == "fp32" else 0.02
    torch.testing.assert_close(restored, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("model", ["fast", "paper"])
def test_window_itself_is_not_changed(load, model):
    window = structured_window(16, 24) * 1.5 - 0.2
    before = window.clone()
    load(model).restore(window)
    torch.testing.assert_close(window, before, rtol=0, atol=0)


# Values


def zeros(frames):
    return torch.zeros_like(frames[:, :1])


def test_values_beyond_the_nominal_range_are_kept():
    window = torch.rand(5, 1, 16, 16)
    window[2, 0, 0, :4] = torch.tensor([-0.25, 1.25, 1.0, 0.0])
    restored = WindowRestorer(zeros, FAST, CPU, adds_middle_frame=True).restore(window)
    torch.testing.assert_close(restored[0], window[2], rtol=0, atol=0)


def test_network_sees_values_in_the_nominal_range_only():
    seen = []
    window = torch.rand(5, 1, 16, 16) * 3 - 1
    WindowRestorer(lambda x: seen.append(x) or zeros(x), FAST, CPU, adds_middle_frame=True).restore(
        window
    )
    torch.testing.assert_close(seen[0], window.clamp(0, 1).transpose(0, 1), rtol=0, atol=0)


def test_what_lies_beyond_the_range_is_added_to_the_restored_picture(load):
    window = structured_window(24, 32) * 3 - 1
    restored, inside = load().restore(window), load().restore(window.clamp(0, 1))
    beyond = window[2] - window[2].clamp(0, 1)
    assert (beyond < -0.1).any()
    assert (beyond > 0.1).any()
    torch.testing.assert_close(restored, inside + beyond, rtol=0, atol=1e-6)


@pytest.mark.parametrize("residual", [-5.0, 5.0])
def test_restored_picture_is_clamped_to_the_nominal_range(residual):
    window = torch.rand(5, 1, 16, 16)
    restored = WindowRestorer(
        lambda x: zeros(x) + residual, FAST, CPU, adds_middle_frame=True
    ).restore(window)
    assert restored.unique().tolist() == [float(residual > 0)]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_is_refused(number):
    def network(frames):
        output = zeros(frames)
        output[0, 0, 3, 5] = number
        return output

    with pytest.raises(DeblurError) as error:
        WindowRestorer(network, FAST, CPU, adds_middle_frame=True).restore(torch.rand(5, 1, 16, 16))
    assert str(error.value) == (
        "the network gave a value that is NaN or infinite; use precision='fp32', and check that "
        "the clip itself holds none"
    )


# Sizes and tiles


@pytest.mark.parametrize(
    ("height", "width"), [(16, 16), (17, 33), (33, 17), (16, 23), (31, 16), (19, 24)]
)
@pytest.mark.parametrize("model", ["fast", "paper"])
def test_any_size_equals_the_one_with_its_edges_repeated(load, model, height, width):
    window = structured_window(height, width)
    multiple_of = MODELS["dblrgan"][model].multiple_of
    padding = (0, -width % multiple_of, 0, -height % multiple_of)
    padded = torch.nn.functional.pad(window, padding, mode="replicate")
    restored = load(model).restore(window)
    assert restored.shape == (1, 1, height, width)
    expected = load(model).restore(padded)[..., :height, :width]
    torch.testing.assert_close(restored, expected, rtol=0, atol=0)


@pytest.mark.parametrize(("precision", "height", "width"), [("fp32", 400, 901), ("bf16", 899, 400)])
def test_tiled_equals_untiled(load, precision, height, width):
    window = structured_window(height, width)
    tiled = load(precision=precision, tile=(640, 640)).restore(window)
    whole = load(precision=precision).restore(window)
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1 / 255)


def test_tiled_equals_untiled_for_the_paper_model(load):
    window = structured_window(24, 230)
    tiled = load("paper", tile=(200, 200)).restore(window)
    torch.testing.assert_close(tiled, load("paper").restore(window), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(17, 33), (24, 40)])
def test_tile_as_large_as_the_frame_is_allowed(load, height, width):
    window = structured_window(height, width)
    tiled = load(tile=(width, height)).restore(window)
    torch.testing.assert_close(tiled, load().restore(window), rtol=0, atol=0)


def test_tile_too_small_for_the_model_is_refused(load):
    with pytest.raises(OptionError) as error:
        load(tile=(320, 320)).restore(torch.rand(5, 1, 400, 700))
    assert str(error.value) == (
        "tile must be at least 592x592 for this model (the overlap is 296 pixels), got 320x320"
    )


# Precision and threads


@pytest.mark.parametrize("model", ["fast", "paper"])
def test_bf16_and_fp32_are_50_db_apart_on_a_smooth_picture(load, model):
    x, y = torch.linspace(0, 1, 96), torch.linspace(0, 1, 64)[:, None]
    window = (0.2 + 0.5 * x * y + 0.1 * torch.sin(3 * x)).expand(5, 1, 64, 96)
    difference = load(model, "bf16").restore(window) - load(model, "fp32").restore(window)
    assert -10 * difference.square().mean().log10() >= 50


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_threads_get_the_same_picture(load, precision):
    restorer = load(precision=precision)
    windows = [structured_window(24, 32) for _ in range(4)]
    expected = [restorer.restore(window) for window in windows]
    with ThreadPoolExecutor(4) as pool:
        restored = list(pool.map(restorer.restore, windows * 4))
    torch.testing.assert_close(restored, expected * 4, rtol=0, atol=0)


@pytest.mark.needs_gpu
def test_cuda_gives_the_cpus_picture(load):
    window = structured_window(64, 96)
    restored = load(precision="fp16", device="cuda").restore(window.cuda()).cpu()
    torch.testing.assert_close(restored, load().restore(window), rtol=0, atol=1 / 255)
