"""A wider network starts as the narrower one that it is made of."""

import pytest
import torch

from vsdeblur.errors import DataError
from vsdeblur.models.dblrnet import FastDBLRNet
from vsdeblur.train.dblrgan.widening import start_from_fast, widened


def network(*widths, num_blocks=(1, 1)):
    return FastDBLRNet(widths=widths, num_blocks=num_blocks).double()


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_without_noise_it_computes_the_same(factor):
    narrow, wide = network(4, 8), network(4 * factor, 8 * factor)
    wide.load_state_dict(widened(narrow.state_dict(), wide.state_dict()))
    frames = torch.rand(2, 5, 16, 24, dtype=torch.float64)
    torch.testing.assert_close(wide(frames), narrow(frames), rtol=0, atol=1e-12)


def test_noise_tells_copies_apart():
    narrow, wide = network(4, 8), network(8, 16)
    weights = widened(narrow.state_dict(), wide.state_dict(), noise=0.1)
    kernel = weights["downs.0.weight"]
    assert not torch.equal(kernel[: len(kernel) // 2], kernel[len(kernel) // 2 :])
    wide.load_state_dict(weights)
    frames = torch.rand(1, 5, 16, 16, dtype=torch.float64)
    assert not torch.equal(wide(frames), narrow(frames))
    torch.testing.assert_close(wide(frames), narrow(frames), rtol=0, atol=0.1)


def test_what_does_not_fit_is_refused():
    with pytest.raises(DataError, match=r"cannot be widened to 6x20x3x3; use a network that is as"):
        widened(network(4, 8).state_dict(), network(6, 12).state_dict())
    deeper = FastDBLRNet(widths=(8, 16, 32), num_blocks=(1, 1, 1))
    with pytest.raises(DataError, match="have nothing"):
        widened(network(4, 8).state_dict(), deeper.state_dict())


def test_quality_starts_as_good_as_fast():
    torch.manual_seed(0)
    wide = FastDBLRNet(widths=(64, 128, 256))
    start_from_fast(wide)
    frames = torch.rand(1, 5, 32, 32)
    with torch.inference_mode():
        change = wide(frames) - frames[:, 2:3]
    assert change.abs().max() > 0
    assert torch.isfinite(change).all()
