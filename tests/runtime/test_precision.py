"""Half precision against float32 on natural pictures, with the packaged weights."""

import copy
import math

import pytest
import torch

from vsdeblur.manifest import load_manifest
from vsdeblur.restorers import load_restorer
from vsdeblur.restorers.parts import load_parts

data = pytest.importorskip("skimage.data")

LEAST = 50
"""dB of PSNR."""
ALL = [(name, model) for name, facts in load_manifest().filters.items() for model in facts.models]


@pytest.fixture
def window():
    """Five frames of a photograph that moves, as (5, 1, 64, 96) luma."""

    def window(name):
        picture = torch.from_numpy(getattr(data, name)()).float() / 255
        luma = picture @ torch.tensor([0.2126, 0.7152, 0.0722]) if picture.ndim == 3 else picture
        moved = [luma.roll((i, 2 * i), (0, 1)) for i in range(-2, 3)]
        return torch.stack([frame[100:164, 120:216] for frame in moved]).unsqueeze(1)

    return window


def psnr(a, b):
    return -10 * math.log10(float((a.float() - b.float()).square().mean()))


def packaged(name, model):
    """Parameters of a test; skipped where the model has no weights."""
    facts = load_manifest().filters[name].models[model]
    if facts.weights is None:
        pytest.skip(f"no weights are shipped for {name} {model} yet")
    return facts


@pytest.mark.parametrize("picture", ["astronaut", "camera", "chelsea"])
@pytest.mark.parametrize(("name", "model"), ALL)
def test_bf16_is_near_to_fp32(window, name, model, picture):
    packaged(name, model)
    frames = window(picture)
    results = [
        load_restorer(name, model=model, device="cpu", precision=p, backend="eager").restore(frames)
        for p in ("fp32", "bf16")
    ]
    assert psnr(*results) >= LEAST


@pytest.mark.parametrize(("name", "model"), ALL)
def test_fp16_is_near_to_fp32(window, name, model):
    # The CPU is slow at it and no backend uses it there; its numbers are those of a GPU.
    facts = packaged(name, model)
    sources, adds_middle_frame = load_parts(name, model, facts.weights)
    assert adds_middle_frame
    frames = window("astronaut").transpose(0, 1)[..., :16, :24]
    network = sources[""].module.eval().requires_grad_(False)
    half = copy.deepcopy(network).half()
    assert psnr(network(frames), half(frames.half())) >= LEAST


@pytest.mark.needs_gpu
@pytest.mark.parametrize(("name", "model"), ALL)
def test_fp16_on_the_gpu_is_near_to_fp32(window, name, model):
    packaged(name, model)
    frames = window("astronaut")
    expected = load_restorer(name, model=model, device="cpu", precision="fp32").restore(frames)
    restorer = load_restorer(name, model=model, device="cuda", precision="fp16")
    assert psnr(restorer.restore(frames.cuda()).cpu(), expected) >= LEAST
