"""Half precision against float32 on natural pictures, with the packaged weights."""

import copy
import math

import pytest
import torch

from vsdeblur.manifest import load_manifest
from vsdeblur.models import MODELS
from vsdeblur.restorers.loading import load_parts
from vsdeblur.runtime.backends.eager import compile_eager
from vsdeblur.runtime.compile import compile_network

data = pytest.importorskip("skimage.data")

LEAST = 50
"""dB of PSNR."""
GENERATORS = [
    pytest.param(name, model, part, id="-".join(filter(None, (name, model, part))))
    for name, models in MODELS.items()
    for model, spec in models.items()
    for part in spec.parts
    if part != "d_image"
]
LUMA = torch.tensor([0.2126, 0.7152, 0.0722])


@pytest.fixture
def source():
    """Loads a generator; skips where its model has no weights."""

    def source(name, model, part):
        facts = load_manifest().filter(name).models[model]
        if facts.weights is None:
            pytest.skip(f"no weights are shipped for {name} {model} yet")
        sources, _ = load_parts(name, model, facts.weights)
        sources[part].module.eval().requires_grad_(False)
        return sources[part]

    return source


def photograph(name, channels, height, width):
    """A part of a photograph as a generator takes it; five frames are moved against each other."""
    picture = torch.from_numpy(getattr(data, name)()).float() / 255
    picture = picture[100 : 100 + height, 120 : 120 + width]
    colours = picture.movedim(-1, 0)[None]
    if channels == 3:
        return colours
    if channels == 6:  # a blurred one, then one that has been restored
        blurred = torch.stack([colours.roll(shift, -1) for shift in range(5)]).mean(0)
        return torch.cat([blurred, colours], 1)
    luma = picture @ LUMA
    reach = channels // 2
    return torch.stack([luma.roll((i, 2 * i), (0, 1)) for i in range(-reach, reach + 1)])[None]


def psnr(a, b):
    return -10 * math.log10(float((a.float() - b.float()).square().mean()))


@pytest.mark.parametrize(
    # The CPU is slow at float16, and nothing uses it there; but its numbers are those of a GPU.
    ("dtype", "height", "width"),
    [(torch.bfloat16, 64, 96), (torch.float16, 16, 24)],
    ids=["bf16", "fp16"],
)
@pytest.mark.parametrize("picture", ["astronaut", "chelsea"])
@pytest.mark.parametrize(("name", "model", "part"), GENERATORS)
def test_half_precision_is_near(source, name, model, part, picture, dtype, height, width):
    generator = source(name, model, part)
    frames = photograph(picture, generator.channels, height, width)
    half = copy.deepcopy(generator.module).to(dtype)
    assert psnr(generator.module(frames), half(frames.to(dtype))) >= LEAST


@pytest.mark.parametrize("contrast", [1.0, 0.1])
def test_float16_changes_a_picture_of_little_contrast_as_float32_does(source, cache, contrast):
    generator = source("brmr", "fast", "g_image")
    # Smooth, as blurred pictures are, and in the half of the range where float16 is coarsest.
    picture = photograph("astronaut", 3, 48, 48).mean(1, keepdim=True).expand(-1, 3, -1, -1)
    blurred = torch.nn.functional.avg_pool2d(picture, (1, 9), 1, (0, 4))
    flat = 0.6 + contrast * (blurred - blurred.mean())
    expected = copy.deepcopy(generator.module)(flat)
    changed = compile_eager(generator, torch.device("cpu"), torch.float16, cache)(flat)
    assert (changed - expected).norm() <= 0.01 * expected.norm()


@pytest.mark.needs_gpu
@pytest.mark.parametrize(("name", "model", "part"), GENERATORS)
def test_float16_on_a_gpu_is_near(source, name, model, part, cache):
    generator = source(name, model, part)
    frames = photograph("astronaut", generator.channels, 64, 96)
    expected = copy.deepcopy(generator.module)(frames)
    device = torch.device("cuda", 0)
    network = compile_network(generator, "auto", device, torch.float16, cache)
    assert psnr(network(frames.to(device)).cpu(), expected) >= LEAST
