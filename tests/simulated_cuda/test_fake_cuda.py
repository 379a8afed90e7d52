"""All that runs on a GPU, with tensors that have a device and no values: none is left on the CPU.

PyTorch's fake tensors say "cuda" on a machine without a GPU and refuse operations that mix devices.
What a program reads off a GPU to decide on is made up here.
"""

import copy
import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from simulated_cuda.device import SimulatedCUDA
from vsdeblur.frames import frame_restorer
from vsdeblur.frames import luma as luma_module
from vsdeblur.frames.colour import YUVCoding
from vsdeblur.frames.frame_restorer import FrameRestorer, Source
from vsdeblur.frames.luma import LumaCoding
from vsdeblur.models import MODELS
from vsdeblur.restorers import base, sequence
from vsdeblur.restorers import time_direction as order
from vsdeblur.restorers.brmr import critic
from vsdeblur.restorers.brmr import restorer as brmr
from vsdeblur.restorers.loaded_model import LoadedModel
from vsdeblur.restorers.loading import FACTORIES
from vsdeblur.runtime import fitting
from vsdeblur.runtime.backends.eager import compile_eager
from vsdeblur.runtime.network import NetworkSource
from vsdeblur.runtime.tile_network import TileNetwork

# Copies of networks look at it.
pytestmark = pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")

CUDA = torch.device("cuda", 0)
PARTS = [
    pytest.param(name, model, part, id="-".join(filter(None, (name, model, part))))
    for name, models in MODELS.items()
    for model, spec in models.items()
    for part in spec.parts
]
MODEL_NAMES = [(name, model) for name, models in MODELS.items() for model in models]


def move(module, device=None, dtype=None, memory_format=None):
    """`nn.Module.to`, which PyTorch does not have for fake tensors."""
    device, dtype = (None, device) if isinstance(device, torch.dtype) else (device, dtype)
    for part in module.modules():
        for held in (part._parameters, part._buffers):
            for name, value in held.items():
                if value is not None:
                    moved = value.detach().to(device or value.device, dtype or value.dtype)
                    held[name] = nn.Parameter(moved, False) if held is part._parameters else moved
    return module


def some_values(tensor):
    """What `numpy` gives of a tensor on the CPU."""
    assert tensor.device.type == "cpu"
    return np.zeros(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))


@pytest.fixture
def fake(monkeypatch):
    """Inside it tensors have no values; those read off them rise from one to the next."""
    SimulatedCUDA().install(monkeypatch)
    monkeypatch.setattr(fitting, "free_memory", lambda device: None)
    values = itertools.count()
    for module in (base, brmr, critic, order, frame_restorer):
        monkeypatch.setattr(module, "float", lambda tensor: next(values) / 1e6, raising=False)
    monkeypatch.setattr(sequence.torch, "equal", lambda one, other: False)
    monkeypatch.setattr(FakeTensor, "tolist", lambda tensor: list(range(tensor.numel())))
    monkeypatch.setattr(torch.Tensor, "numpy", some_values)
    monkeypatch.setattr(nn.Module, "to", move)
    luma_module._scalar.cache_clear()
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield
    luma_module._scalar.cache_clear()


def make_sources(name, model, dropout=False):
    """Part of a model -> its network; as `load_parts`, untrained."""
    spec = MODELS[name][model]
    form = spec.fold(spec.build())
    parts = zip(spec.parts, spec.channels_in, strict=True)
    return form, {
        part: NetworkSource(
            name=part, module=form.network.get_submodule(part), channels=channels,
            multiple_of=1 if spec.pads_itself else spec.multiple_of, digest="", dropout=dropout,
            measuring=copy.deepcopy(form.measuring) if part == spec.parts[0] else None,
        )
        for part, channels in parts
    }  # fmt: skip


def compiled(source, dtype=torch.float16):
    return compile_eager(source, CUDA, dtype, None)


def make_restorer(name, model, tile=None, **options):
    if name == "brmr":
        options |= {"max_iterations": 1}
    form, sources = make_sources(name, model, options.get("dropout", False))
    first = next(iter(sources.values()))
    tiles = TileNetwork(first, compiled, CUDA) if first.measuring else None
    networks = {part: compiled(source) for part, source in sources.items()}
    loaded = LoadedModel(
        spec=MODELS[name][model], device=CUDA, dtype=torch.float16, networks=networks,
        adds_middle_frame=form.adds_middle_frame, tile_network=tiles,
    )  # fmt: skip
    return FACTORIES[name](loaded, tile, **options)


class NothingFromTheHost(TorchDispatchMode):
    """Refuses what a CUDA graph cannot hold: copies between the host's memory and the device's."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        tensors = [t for t in tree_leaves([args, kwargs, result]) if isinstance(t, torch.Tensor)]
        places = {t.device.type for t in tensors if t.dim() or "copy" in func.name()}
        assert places <= {"cuda"}, f"{func.name()} has tensors on {places}"
        return result


@pytest.mark.parametrize(("name", "model", "part"), PARTS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_networks_run_on_the_device_alone(fake, name, model, part, dtype):
    spec = MODELS[name][model]
    source = make_sources(name, model)[1][part]
    network = compiled(source, dtype)
    side = 35 if spec.pads_itself else 8 * spec.multiple_of
    with NothingFromTheHost():
        frames = torch.rand(1, source.channels, side, 2 * side, device=CUDA)
        assert network(frames).device == CUDA


def test_what_a_graph_cannot_hold_is_seen(fake):
    with pytest.raises(AssertionError, match="has tensors on"), NothingFromTheHost():
        torch.rand(4, 4, device=CUDA)[:, [0, 2]]


@pytest.mark.parametrize("tile", [None, (640, 640)])
@pytest.mark.parametrize(("name", "model"), MODEL_NAMES)
def test_restorers_mix_no_devices(fake, name, model, tile):
    restorer = make_restorer(name, model, tile)
    window = torch.rand(2 * restorer.radius + 1, restorer.channels, 700, 710, device=CUDA)
    restored = restorer.restore(window)
    assert restored.shape == (restorer.multiplier, restorer.channels, 700, 710)
    assert restored.device == CUDA


@pytest.mark.parametrize("model", MODELS["brmr"])
@pytest.mark.parametrize(
    "options",
    [{"output": "overlay", "regions": 3}, {"output": "mask"}, {"output": "heatmap"},
     {"dropout": True}, {"skip_above": 0.0}],
)  # fmt: skip
def test_whatever_brmr_gives_is_on_its_device(fake, model, options):
    restorer = make_restorer("brmr", model, **options)
    assert restorer.restore(torch.rand(1, 3, 300, 270, device=CUDA)).device == CUDA


def test_a_sequence_is_opened_twice(fake):
    restorer = make_restorer("sequence", "fast", depth=2)
    moments = restorer.restore(torch.rand(3, 1, 50, 70, device=CUDA))
    assert moments.shape == (42, 1, 50, 70)
    assert moments.device == CUDA


@pytest.mark.parametrize("bits", [8, 10])
def test_planes_are_restored_from_numbers_to_numbers(fake, bits):
    coding = LumaCoding(bits=bits)
    whole = FrameRestorer(make_restorer("dblrgan", "fast"), 50, 70, coding, in_flight=2)
    plane = np.zeros((50, 70), coding.number_type)  # below black
    for numbers in ([0, 0, 0, 1, 2], range(5)):
        sources = [Source([plane], coding)] * 5
        whole.restore(list(numbers), sources, [[np.empty_like(plane)]])


@pytest.mark.parametrize("coding", [LumaCoding(bits=8), LumaCoding(bits=16, is_float=True)])
def test_luma_goes_there_and_back(fake, coding):
    luma = coding.decode(np.zeros((6, 8), coding.number_type), CUDA)
    assert luma.device == CUDA
    assert coding.encode(luma).shape == (6, 8)


def test_what_is_copied_there_cannot_be_freed_too_early(fake, monkeypatch):
    """PyTorch keeps pinned memory until a copy is done, and no other."""
    pinned, empty = [], torch.empty

    def watched(*size, **options):
        pinned.append(bool(options.get("pin_memory")))
        return empty(*size, **options)

    monkeypatch.setattr(torch, "empty", watched)
    LumaCoding(bits=8).decode(np.zeros((6, 8), "u1"), CUDA)
    assert sorted(pinned) == [False, True]


@pytest.mark.parametrize("siting", [(0.0, 0.0), (0.5, 0.5)])
def test_colour_goes_there_and_back(fake, siting):
    coding = YUVCoding(luma=LumaCoding(bits=8), subsampling=(2, 2), siting=siting)
    planes = [np.zeros(shape, "u1") for shape in ((8, 12), (4, 6), (4, 6))]
    rgb = coding.decode(planes, CUDA)
    assert rgb.device == CUDA
    assert [plane.shape for plane in coding.encode_change(planes, rgb)] == [p.shape for p in planes]
