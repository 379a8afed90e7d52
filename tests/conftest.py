"""Shared fixtures. Everything a test needs is synthesised here: no binary files in git."""

import dataclasses
import functools
import os

import numpy as np
import pytest
import torch
from brmr_stand_ins import brighter, likes_light, nothing
from small_models import randomize_norm, save_small_model

from vsdeblur.models import MODELS
from vsdeblur.models.brmr import BRMRNetworks, build_paper_brmr
from vsdeblur.restorers import load_restorer, loading
from vsdeblur.restorers.base import Outcome, Restorer
from vsdeblur.restorers.brmr.restorer import BRMROptions, BRMRRestorer
from vsdeblur.runtime import compile as compile_module
from vsdeblur.runtime.weights import save_weights

# The pictures are tiny: threads would only wait for one another, seconds long on a busy machine.
torch.set_num_threads(1)


def pytest_collection_modifyitems(items):
    # Where a GPU must be present, set the variable: a missing one is then a failure, not a skip.
    if torch.cuda.is_available() or os.environ.get("VSDEBLUR_TEST_GPU"):
        return
    for item in items:
        if item.get_closest_marker("needs_gpu"):
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(autouse=True)
def fixed_seed():
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def announcements(monkeypatch):
    """What `auto` says once a process is not heard: by which test would depend on their order."""
    for module in (compile_module, loading):
        monkeypatch.setattr(module, "announce", lambda message: None)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def random_network():
    """Builds a filter's model: untrained, but its output visibly differs from its input."""

    def build(model):
        torch.manual_seed(1)
        network = MODELS["dblrgan"][model].build()
        with torch.no_grad():
            if model != "paper":
                network.head.weight.mul_(3)
            else:
                for module in network.modules():
                    if isinstance(module, torch.nn.BatchNorm2d):
                        randomize_norm(module)
                network.l35.bias.fill_(0.5)
        return network

    return build


@pytest.fixture(scope="session")
def weights_files(tmp_path_factory, random_network):
    """Model -> weights file, seeded and untrained."""
    folder = tmp_path_factory.mktemp("weights")
    for model in MODELS["dblrgan"]:
        state = random_network(model).state_dict()
        path = folder / f"{model}.safetensors"
        save_weights(path, state, filter_name="dblrgan", model=model)
    return {model: str(folder / f"{model}.safetensors") for model in MODELS["dblrgan"]}


@pytest.fixture(scope="session")
def small_weights(tmp_path_factory):
    """Filter and model -> the weights file of a small relative; see `small_models`."""
    folder = tmp_path_factory.mktemp("small")
    return functools.cache(functools.partial(save_small_model, folder))


@pytest.fixture(scope="session")
def fast_weights(weights_files):
    return weights_files["fast"]


@pytest.fixture(scope="session")
def paper_weights(weights_files):
    return weights_files["paper"]


@pytest.fixture(scope="session")
def brmr_weights(tmp_path_factory):
    """A weights file of brmr's model "fast": untrained, but its output visibly differs."""
    torch.manual_seed(2)
    networks = MODELS["brmr"]["fast"].build()
    assert isinstance(networks, BRMRNetworks)
    with torch.no_grad():
        for generator in (networks.g_image, networks.g_patch):
            generator.head.weight.mul_(100)
    path = tmp_path_factory.mktemp("weights") / "brmr.safetensors"
    save_weights(path, networks.state_dict(), filter_name="brmr", model="fast", notes={})
    return str(path)


@pytest.fixture
def brmr_stub():
    """Makes brmr's restorer with functions in place of its networks.

    By default the critic takes light for sharp, G_i changes nothing and G_p lightens a little.
    """

    def make(
        image=nothing,
        critic=likes_light,
        patch=brighter,
        tile=None,
        facts=None,
        adds_middle_frame=True,
        **options,
    ):
        networks = {"g_image": image, "d_image": critic, "g_patch": patch}
        usual = {"critic_reach": 0, "refiner_sees_input": False}
        spec = dataclasses.replace(MODELS["brmr"]["fast"], **usual | (facts or {}))
        device = torch.device("cpu")
        return BRMRRestorer(
            networks, spec, device, tile, BRMROptions(**options),
            adds_middle_frame=adds_middle_frame,
        )  # fmt: skip

    return make


@pytest.fixture
def brmr_tiny():
    """Makes brmr's restorer with small real networks that visibly change the picture."""

    def make(critic_reach=15, tile=None, **options):
        torch.manual_seed(3)
        networks = build_paper_brmr(
            width=4,
            max_width=8,
            critic_width=4,
            normalize_critic=critic_reach is None,
            global_skip=True,
        )
        for generator in (networks.g_image, networks.g_patch):
            torch.nn.init.normal_(generator.head.weight, 0, 0.1)
        facts = {"critic_reach": critic_reach, "refiner_sees_input": False}
        spec = dataclasses.replace(MODELS["brmr"]["fast"], **facts)
        form = spec.fold(networks)
        folded = form.network.requires_grad_(False)
        parts = {name: folded.get_submodule(name) for name in spec.parts}
        return BRMRRestorer(
            parts, spec, torch.device("cpu"), tile, BRMROptions(**options),
            adds_middle_frame=form.adds_middle_frame,
        )  # fmt: skip

    return make


@pytest.fixture
def brmr_options(brmr_weights):
    """What makes `brmr` run here with the weights made here."""
    return {"device": "cpu", "precision": "fp32", "weights": brmr_weights, "max_iterations": 1}


@pytest.fixture
def stubbed_brmr(monkeypatch, brmr_stub):
    """Makes the filter `brmr` run functions in place of networks."""
    from vsdeblur.filters import brmr as module

    def stubbed(**networks):
        monkeypatch.setattr(
            module, "load_restorer", lambda name, **o: brmr_stub(**networks, **_own(o))
        )
        return module.brmr

    return stubbed


@pytest.fixture
def tiny_brmr(monkeypatch, brmr_tiny):
    """The filter `brmr` with small real networks."""
    from vsdeblur.filters import brmr as module

    monkeypatch.setattr(module, "load_restorer", lambda name, **o: brmr_tiny(**_own(o)))
    return functools.partial(module.brmr, max_iterations=1)


def _own(options):
    """The filter's own parameters."""
    return {k: v for k, v in options.items() if k in BRMROptions.__dataclass_fields__}


@pytest.fixture
def make_clip():
    """Makes a VapourSynth clip from arrays: one list of planes a frame, and one dict of properties.

    Luma may be given alone: chroma then stays as `BlankClip` leaves it.
    """
    import vapoursynth as vs  # here, so that tests of other parts run without it

    def make(frames, video_format, properties=None):
        height, width = frames[0][0].shape
        blank = vs.core.std.BlankClip(
            format=video_format, width=width, height=height, length=len(frames), keep=True
        )

        def fill(n, f):
            filled = f.copy()
            for index, plane in enumerate(frames[n]):
                np.copyto(np.asarray(filled[index]), plane)
            for name, value in (properties[n] if properties else {}).items():
                filled.props[name] = value
            return filled

        return blank.std.ModifyFrame(blank, fill)

    return make


@pytest.fixture
def make_noise(make_clip, rng):
    """Makes a clip of noise in any format, floats a little beyond the nominal range too."""
    import vapoursynth as vs

    def make(video_format, width=32, height=24, length=4, properties=None):
        facts = vs.core.get_video_format(video_format)

        def plane(index):
            sub_w, sub_h = (facts.subsampling_w, facts.subsampling_h) if index else (0, 0)
            shape = (height >> sub_h, width >> sub_w)
            if facts.sample_type == vs.FLOAT:
                chroma = index > 0 and facts.color_family == vs.YUV
                numbers = rng.uniform(-0.1, 1.1, shape) - 0.5 * chroma
                return numbers.astype("f2" if facts.bits_per_sample == 16 else "f4")
            dtype = "u1" if facts.bits_per_sample == 8 else "u2"
            return rng.integers(0, 1 << facts.bits_per_sample, shape).astype(dtype)

        frames = [[plane(index) for index in range(facts.num_planes)] for _ in range(length)]
        return make_clip(frames, video_format, properties)

    return make


@pytest.fixture
def planes_of():
    """The planes of a VapourSynth frame, copied."""
    return lambda frame: [np.array(np.asarray(frame[p])) for p in range(frame.format.num_planes)]


class StubRestorer(Restorer):
    """A stand-in algorithm: any other change to a picture is then the front end's."""

    radius, channels = 2, 1
    device = torch.device("cpu")

    def __init__(self, function):
        self._function = function

    def run(self, window, size, number=0, known=None):
        assert window.shape == (5, 1, *size)
        return Outcome(self._function(window))


@pytest.fixture
def stubbed(monkeypatch):
    """Makes the filter run a function, window -> frame, in place of a network."""
    from vsdeblur.filters import dblrgan as module

    def stubbed(function):
        stub = StubRestorer(function)
        monkeypatch.setattr(module, "load_restorer", lambda name, **options: stub)
        return module.dblrgan

    return stubbed


@pytest.fixture
def load(weights_files):
    """Loads a model of dblrgan, by default on the CPU in float32 with the weights made here."""

    def load(model="fast", precision="fp32", device="cpu", **options):
        options = {"weights": weights_files[model]} | options
        return load_restorer("dblrgan", model=model, device=device, precision=precision, **options)

    return load


@pytest.fixture
def packaged(monkeypatch):
    """Makes the manifest give other weights for a model."""

    def packaged(weights, sha256, name="dblrgan", model="fast"):
        manifest = loading.load_manifest()
        facts = manifest.filters[name]
        other = dataclasses.replace(facts.models[model], weights=weights, sha256=sha256)
        facts = dataclasses.replace(facts, models={**facts.models, model: other})
        manifest = dataclasses.replace(manifest, filters={**manifest.filters, name: facts})
        monkeypatch.setattr(loading, "load_manifest", lambda: manifest)
        monkeypatch.setattr(loading, "_loaded", {})

    return packaged
