"""Frames that do not fit into memory are restored in tiles, and it is said."""

import dataclasses
import logging

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from vsdeblur.errors import DeviceError
from vsdeblur.models import MODELS
from vsdeblur.restorers.brmr.restorer import BRMRRestorer
from vsdeblur.restorers.dblrgan import WindowRestorer
from vsdeblur.restorers.sequence import SequenceRestorer
from vsdeblur.runtime import fitting
from vsdeblur.runtime.fitting import FittedNetwork, free_memory

CPU = torch.device("cpu")


class Blurring:
    """A stand-in network, 3 pixels of reach, that runs out of memory above so many pixels."""

    def __init__(self, most_pixels, error=torch.OutOfMemoryError):
        self.most_pixels = most_pixels
        self.error = error
        self.sizes = []
        self.pool = nn.AvgPool2d(7, stride=1, padding=3, count_include_pad=False)

    def __call__(self, frames):
        self.sizes.append(tuple(frames.shape[-2:]))
        if frames.shape[-1] * frames.shape[-2] > self.most_pixels:
            raise self.error("DefaultCPUAllocator: not enough memory")
        return self.pool(frames.mean(1, keepdim=True))


def fitted(network, tile=None, values_per_pixel=1.0):
    return FittedNetwork(
        network, tile=tile, receptive_radius=3, multiple_of=1, values_per_pixel=values_per_pixel
    )


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, MemoryError, RuntimeError])
def test_a_frame_that_does_not_fit_is_run_again_in_tiles(error, caplog):
    frames = torch.rand(1, 5, 120, 160)
    network = Blurring(80 * 60, error)
    run = fitted(network)
    output = run(frames)
    expected = Blurring(10**9)(frames)
    torch.testing.assert_close(output, expected, rtol=0, atol=1 / 255)
    assert caplog.messages == [
        "memory ran out on cpu with frames of 160x120: going on with tiles of 80x60"
    ]
    calls = len(network.sizes)
    run(frames)
    assert network.sizes[0] == (120, 160)
    assert len(network.sizes) == 2 * calls - 1  # from then on no whole frame is tried
    assert len(caplog.messages) == 1


def test_memory_that_runs_out_in_tiles_too_is_refused_with_the_cure():
    with pytest.raises(DeviceError) as error:
        fitted(Blurring(0))(torch.rand(1, 5, 120, 160))
    assert str(error.value) == (
        "not enough memory on cpu for frames of 160x120, in tiles of 80x60 either; use smaller "
        "tiles (tile=(44, 44) is the least), precision='fp16' or 'bf16', or another device"
    )


def test_tiles_that_were_asked_for_shrink_once_as_well(caplog):
    network = Blurring(60 * 60)
    fitted(network, tile=(110, 100))(torch.rand(1, 5, 120, 160))
    assert caplog.messages == [
        "memory ran out on cpu with tiles of 110x100: going on with tiles of 55x50"
    ]


def test_tiles_are_not_made_smaller_than_their_overlap():
    with pytest.raises(DeviceError, match="in tiles of 44x44 either"):
        fitted(Blurring(0), tile=(44, 44))(torch.rand(1, 5, 120, 160))


def test_another_error_is_not_taken_for_a_lack_of_memory():
    def broken(frames):
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        fitted(broken)(torch.rand(1, 5, 120, 160))


@pytest.mark.parametrize(
    ("free", "largest"), [(10**9, (120, 160)), (40_000 * 4, (120, 80)), (1, (44, 44))]
)
def test_tiles_are_estimated_from_the_free_memory(monkeypatch, caplog, free, largest):
    monkeypatch.setattr(fitting, "free_memory", lambda device: free)
    network = Blurring(10**9)
    frames = torch.rand(1, 5, 120, 160)
    output = fitted(network, values_per_pixel=2.5)(frames)
    torch.testing.assert_close(output, Blurring(10**9)(frames), rtol=0, atol=1 / 255)
    assert max(network.sizes) == largest
    assert len(caplog.messages) == (largest != (120, 160))


def test_free_memory_of_this_machine_is_known():
    free = free_memory(CPU)
    assert free is None or 1 << 20 < free < 1 << 50


# Every filter


@pytest.fixture
def restored(monkeypatch, caplog):
    """What a filter's restorer makes of a picture whole, and when memory runs out."""
    caplog.set_level(logging.WARNING)

    def restored(make, window, widest):
        whole = make(lambda x: x).restore(window)
        tiled = make(lambda network: limited(network, widest)).restore(window)
        assert len(caplog.messages) == 1
        assert "going on with tiles" in caplog.messages[0]
        return whole, tiled

    return restored


def limited(network, widest):
    def run(frames):
        if frames.shape[-1] > widest:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return network(frames)

    return run


def test_dblrgan_goes_on_in_tiles(restored, random_network):
    spec = MODELS["dblrgan"]["paper"]
    form = spec.fold(random_network("paper"))
    network = form.network.requires_grad_(False)
    whole, tiled = restored(
        lambda wrap: WindowRestorer(
            wrap(network), spec, CPU, adds_middle_frame=form.adds_middle_frame
        ),
        torch.rand(5, 1, 8, 360),
        300,
    )
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1 / 255)


def test_sequence_goes_on_in_tiles(restored):
    spec = dataclasses.replace(MODELS["sequence"]["fast"], receptive_radius=12, multiple_of=4)
    convolution = nn.Conv2d(1, 7, 9, padding=4).requires_grad_(False)
    whole, tiled = restored(
        lambda wrap: SequenceRestorer(wrap(convolution), spec, CPU, adds_middle_frame=True),
        torch.rand(3, 1, 30, 200),
        150,
    )
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1 / 255)


def test_brmr_goes_on_in_tiles(restored, brmr_stub):
    pool = nn.AvgPool2d(9, stride=1, padding=4, count_include_pad=False)

    def make(wrap):
        stub = brmr_stub(image=wrap(lambda x: pool(x) - x), max_iterations=0)
        assert isinstance(stub, BRMRRestorer)
        return stub

    whole, tiled = restored(make, torch.rand(1, 3, 256, 1280), 700)
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1 / 255)


# The facts that the estimate is made of


class Peak(TorchDispatchMode):
    """Counts the numbers in all tensors that are alive at once."""

    def __init__(self):
        super().__init__()
        self.alive = WeakTensorKeyDictionary()
        self.most = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and tensor._base is None:
                self.alive[tensor] = tensor.numel()
        self.most = max(self.most, sum(self.alive.values()))
        return result


@pytest.mark.parametrize(
    ("name", "model"), [(name, model) for name, models in MODELS.items() for model in models]
)
def test_values_per_pixel_is_what_the_inference_form_needs(name, model):
    spec = MODELS[name][model]
    form = spec.fold(spec.build()).network.eval()
    network = form.get_submodule(spec.parts[0]).to("meta")  # shapes alone
    frames = {"dblrgan": 5, "brmr": 3, "sequence": 1}[name]
    with torch.no_grad(), Peak() as peak:
        network(torch.empty(1, frames, 256, 256, device="meta"))
    assert 0.9 <= peak.most / 256**2 / spec.values_per_pixel <= 1.1
