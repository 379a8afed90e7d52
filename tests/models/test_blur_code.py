"""What a picture tells of its own blur."""

import cv2
import pytest
import torch
from torch import nn

from vsdeblur.models.blur_code import (
    DIRECTIONS,
    MAX_LAG,
    BlurCode,
    ConvolvedBlurCode,
    GatedBlock,
    GatedStack,
)
from vsdeblur.runtime.backends.eager import compile_eager
from vsdeblur.runtime.backends.engine_cache import EngineCache
from vsdeblur.runtime.network import NetworkSource


@pytest.fixture
def measured():
    """What is measured in a picture: (2 derivatives, 4 directions, 16 lags)."""

    def measure(luma, form=lambda code: code):
        code = form(BlurCode(4))
        seen = []
        code.read.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
        with torch.no_grad():
            code(torch.as_tensor(luma)[None, None])
        return seen[0].view(2, -1)[:, 1:].view(2, len(DIRECTIONS), MAX_LAG)

    return measure


def texture():
    torch.manual_seed(0)
    return torch.rand(256, 256).numpy()


@pytest.mark.parametrize("length", [5, 9, 13])
@pytest.mark.parametrize(("derivative", "direction"), [(0, 0), (1, 1)])
def test_a_dip_lies_at_the_extent_of_a_blur(measured, length, derivative, direction):
    size = (length, 1) if derivative == 0 else (1, length)
    correlation = measured(cv2.blur(texture(), size))
    lags = correlation[derivative, direction]
    assert int(lags.argmin()) + 1 == length
    assert lags.min() < -0.4
    across = correlation[1 - derivative, 1 - direction]
    assert across.min() > -0.6  # of white noise: -0.5 at a lag of 1
    assert int(across.argmin()) + 1 == 1


def test_a_diagonal_blur_shows_on_its_diagonal(measured):
    kernel = torch.eye(9).numpy() / 9
    one, other = measured(cv2.filter2D(texture(), -1, kernel))[0, 2:]
    assert one[:6].min() > 0.2
    assert other.abs().max() < 0.3


def test_measures_do_not_depend_on_brightness_or_contrast(measured):
    blurred = cv2.GaussianBlur(texture(), (5, 5), 0)
    torch.testing.assert_close(measured(0.3 + 0.2 * blurred), measured(blurred), rtol=0, atol=1e-3)


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (32, 32), (33, 47)])
def test_pictures_of_any_size_have_a_code(size):
    code = BlurCode(4)(torch.rand(2, 3, *size))
    assert code.shape == (2, 4)
    assert code.isfinite().all()


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (32, 32), (33, 47), (120, 200)])
def test_convolutions_measure_the_same(measured, size):
    blurred = cv2.blur(torch.rand(size).numpy(), (7, 1)).reshape(size)
    sliced, convolved = measured(blurred), measured(blurred, ConvolvedBlurCode)
    # Both are rounded in float32, and correlations are up to 1.
    torch.testing.assert_close(convolved, sliced, rtol=0, atol=5e-7)


def test_convolutions_are_exact():
    derivatives = torch.randn(2, 47, 61, dtype=torch.float64)
    code = BlurCode(4)
    expected = code._correlations(derivatives)
    result = ConvolvedBlurCode(code).double()._correlations(derivatives)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-12)


def test_a_flat_picture_has_a_code():
    assert BlurCode(4)(torch.full((1, 1, 64, 64), 0.5)).isfinite().all()


def test_gates_are_open_at_first_and_follow_the_code():
    torch.manual_seed(0)
    stack = GatedStack(4, 2, code_width=3)
    x, codes = torch.rand(2, 4, 8, 8), torch.eye(3)[:2]
    plain = x
    for block in stack:
        plain = plain + block.conv2(block.conv1(plain).relu())
    torch.testing.assert_close(stack(x, codes), plain)
    nn.init.normal_(stack[0].excite.weight, std=3)
    same = x[:1].expand(2, -1, -1, -1)
    first, second = stack(same, codes)
    assert (first - second).abs().max() > 1e-3


@pytest.mark.parametrize("count", [1, 2])
def test_folded_gates_are_the_same_function(count):
    torch.manual_seed(1)
    block = GatedBlock(6, 5)
    nn.init.normal_(block.excite.weight)
    nn.init.normal_(block.conv2.bias)
    x, code = torch.randn(count, 6, 9, 11), torch.randn(count, 5)
    with torch.no_grad():
        expected = block(x, code)
        block.folds_gates = True
        torch.testing.assert_close(block(x, code), expected, rtol=0, atol=1e-5)


def test_eager_folds_gates(tmp_path):
    block = GatedBlock(6, 5)
    module = nn.Sequential(nn.Conv2d(1, 1, 1), block)
    source = NetworkSource(name="a", module=module, channels=1, multiple_of=1, digest="")
    compile_eager(source, torch.device("cpu"), torch.float32, EngineCache(tmp_path))
    assert block.folds_gates
