"""A picture restored in tiles is the picture restored whole, whatever is measured of it."""

import copy
import dataclasses
import functools

import pytest
import torch
from torch import nn

from vsdeblur.errors import EngineError
from vsdeblur.models import MODELS
from vsdeblur.models.blur_code import GatedBlock
from vsdeblur.restorers import load_restorer
from vsdeblur.restorers.brmr.restorer import BRMROptions, BRMRRestorer
from vsdeblur.restorers.sequence import SequenceRestorer
from vsdeblur.runtime import fitting
from vsdeblur.runtime.compile import compile_network
from vsdeblur.runtime.network import NetworkSource
from vsdeblur.runtime.tile_network import TileNetwork

data = pytest.importorskip("skimage.data")

CPU = torch.device("cpu")
LUMA = torch.tensor([0.2126, 0.7152, 0.0722])[:, None, None]
SMALL = {
    "brmr": {"levels": 2, "width": 8, "max_width": 8, "blocks": (1,), "critic_width": 4},
    "sequence": {"widths": (8, 8), "num_blocks": (1, 1), "num_decoder_blocks": (1,)},
}
RADIUS = 23
"""Of both small models: 6 px at half size, 8 at a quarter, 6 again, and 3 within the grid."""
TILE = (128, 128)


def photograph(name, height, width, channels):
    """A part of a photograph whose left half is blurred: (1, channels, height, width)."""
    picture = torch.from_numpy(getattr(data, name)()).float().movedim(-1, 0) / 255
    picture = picture[:, :height, :width]
    assert picture.shape == (3, height, width)
    picture = (picture if channels == 3 else (picture * LUMA).sum(0, keepdim=True))[None]
    edges = nn.functional.pad(picture, (7, 7, 0, 0), mode="replicate")
    blurred = nn.functional.avg_pool2d(edges, (1, 15), 1)
    blurred[..., width // 2 :] = picture[..., width // 2 :]
    return blurred


class Compiled:
    """Compiles for the CPU, and says what."""

    def __init__(self):
        self.names = []

    def __call__(self, source):
        self.names.append(source.name)
        return compile_network(source, "eager", CPU, torch.float32)


@functools.cache
def networks(name):
    """A small model's parts, by name, and what measures; its gates and its change are large."""
    torch.manual_seed(5)
    network = MODELS[name]["fast"].build(**SMALL[name])
    generator = network.g_image if name == "brmr" else network
    nn.init.normal_(generator.head.weight, 0, 0.015)
    for block in network.modules():
        if isinstance(block, GatedBlock):
            nn.init.normal_(block.excite.weight, 0, 2)
    form = MODELS[name]["fast"].fold(network)
    parts = form.network.eval().requires_grad_(False)
    return {part: parts.get_submodule(part) for part in MODELS[name]["fast"].parts}, form.measuring


def restorer(name, *, tile=None, compiled=None, wrap=lambda network: network):
    """The filter's restorer with the small model."""
    parts, measuring = networks(name)
    source = NetworkSource(
        name=name, module=nn.Identity(), channels=1, multiple_of=1, digest="0" * 64,
        measuring=copy.deepcopy(measuring),
    )  # fmt: skip
    tile_network = TileNetwork(source, compiled or Compiled(), CPU)
    spec = dataclasses.replace(
        MODELS[name]["fast"], receptive_radius=RADIUS, multiple_of=measuring.multiple_of
    )
    facts = {"adds_middle_frame": True, "tile_network": tile_network}
    if name == "sequence":
        return SequenceRestorer(wrap(parts[""]), spec, CPU, tile, **facts)
    parts = parts | {"g_image": wrap(parts["g_image"])}
    return BRMRRestorer(parts, spec, CPU, tile, BRMROptions(max_iterations=0), **facts)


def window(name, height, width, photo="chelsea"):
    spec = MODELS[name]["fast"]
    return photograph(photo, height, width, spec.channels).repeat(2 * spec.radius + 1, 1, 1, 1)


both = pytest.mark.parametrize("name", ["brmr", "sequence"])


@both
@pytest.mark.parametrize(("height", "width"), [(97, 205), (210, 131), (5, 300), (290, 6)])
def test_tiles_come_out_as_in_the_whole(name, height, width):
    frames = window(name, height, width)
    whole = restorer(name).restore(frames)
    tiled = restorer(name, tile=TILE).restore(frames)
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-4)


@both
def test_a_tile_that_is_measured_alone_would_differ(name):
    frames = window(name, 97, 300)[:1]
    run = next(iter(networks(name)[0].values()))
    difference = (run(frames[..., :128]) - run(frames)[..., :128])[..., : 128 - RADIUS]
    assert difference.abs().max() > 2 / 255


@both
@pytest.mark.parametrize("device_memory", ["runs out", "is known to be small"])
def test_tiles_that_memory_asks_for_come_out_as_in_the_whole(
    monkeypatch, caplog, name, device_memory
):
    frames = window(name, 101, 300)
    whole = restorer(name).restore(frames)

    def full(frames):
        raise torch.OutOfMemoryError("CUDA out of memory")

    if device_memory != "runs out":
        monkeypatch.setattr(fitting, "free_memory", lambda device: 10**6)
    compiled = Compiled()
    made = restorer(name, wrap=lambda _: full, compiled=compiled)
    for _ in range(2):
        torch.testing.assert_close(made.restore(frames), whole, rtol=0, atol=1e-4)
    assert compiled.names == [f"{name}-tile"]
    assert len(caplog.messages) == 1


@both
def test_what_runs_tiles_is_compiled_once_and_only_when_it_is_needed(name):
    compiled = Compiled()
    made = restorer(name, tile=(160, 160), compiled=compiled)
    made.restore(window(name, 60, 80))
    assert compiled.names == []  # one tile is the whole frame
    made.restore(window(name, 60, 200))
    made.restore(window(name, 60, 240))
    assert compiled.names == [f"{name}-tile"]


def test_whole_frames_compile_nothing_for_tiles():
    compiled = Compiled()
    restorer("sequence", compiled=compiled).restore(window("sequence", 60, 80))
    assert compiled.names == []


def test_what_cannot_be_compiled_for_tiles_is_refused():
    def refusing(source):
        raise EngineError(f"cannot compile {source.name}")

    made = restorer("sequence", tile=TILE, compiled=refusing)
    with pytest.raises(EngineError, match="cannot compile sequence-tile"):
        made.restore(window("sequence", 40, 200))


@pytest.mark.parametrize(
    ("name", "options", "tile", "height", "width", "photo"),
    [
        ("brmr", {"max_iterations": 0}, (288, 288), 120, 400, "chelsea"),
        ("sequence", {}, (528, 528), 64, 600, "rocket"),
    ],
)
def test_the_packaged_models_restore_tiles_as_the_whole(name, options, tile, height, width, photo):
    frames = window(name, height, width, photo)
    options |= {"device": "cpu", "precision": "fp32", "backend": "eager"}
    whole = load_restorer(name, **options).restore(frames)
    tiled = load_restorer(name, tile=tile, **options).restore(frames)
    torch.testing.assert_close(tiled, whole, rtol=0, atol=0.2 / 255)
