"""Small networks with every operation that our generators have."""

import pytest
import torch
from torch import nn

from vsdeblur.models.blur_code import GatedBlock
from vsdeblur.models.brmr import Residual, build_fast_brmr, build_paper_brmr, fold_brmr
from vsdeblur.models.dblrnet import FastDBLRNet
from vsdeblur.models.measured import TileForm
from vsdeblur.models.sequence import SequenceNet, fold_sequence
from vsdeblur.runtime import compile as compile_module
from vsdeblur.runtime.backends.engine_cache import EngineCache
from vsdeblur.runtime.network import NetworkSource


@pytest.fixture
def cache(tmp_path):
    return EngineCache(tmp_path / "cache")


@pytest.fixture(autouse=True)
def announcements(monkeypatch):
    """What `auto` says is heard, in each test anew."""
    monkeypatch.setattr(compile_module, "_announced", set())


def folded(networks):
    for generator in (networks.g_image, networks.g_patch):
        nn.init.normal_(generator.head.weight, 0, 0.1)
    for module in networks.modules():
        if isinstance(module, GatedBlock):
            nn.init.normal_(module.excite.weight, 0, 0.1)
    return fold_brmr(networks).network


def small_networks():
    """Name -> inference form, channels of its input, what the input's size must divide by."""
    torch.manual_seed(4)
    plain = folded(build_paper_brmr(width=4, max_width=8, critic_width=4))
    skipping = folded(build_paper_brmr(width=4, max_width=8, critic_width=4, global_skip=True))
    fast = folded(build_fast_brmr(width=4, max_width=8, blocks=(1,), code_width=4))
    sequence = SequenceNet(widths=(4, 8), num_blocks=(1, 1), num_decoder_blocks=(1,), code_width=4)
    form = fold_sequence(sequence)
    g_image = fast.get_submodule("g_image")
    assert isinstance(g_image, Residual)
    return {
        "dblrgan": (FastDBLRNet(widths=(4, 8), num_blocks=(1, 1), global_skip=False), 5, 4),
        "sequence": (form.network, 1, 1),
        "sequence-tile": (TileForm(form.measuring), 1, 4),
        "brmr-image": (plain.get_submodule("g_image"), 3, 1),
        "brmr-residual": (skipping.get_submodule("g_image"), 3, 1),
        "brmr-fast": (g_image, 3, 1),
        "brmr-tile": (TileForm(g_image.generator), 3, 16),
        "brmr-refiner": (fast.get_submodule("g_patch"), 6, 1),
        "brmr-critic": (plain.get_submodule("d_image"), 6, 1),
    }


@pytest.fixture
def make_source():
    """Makes a source: one of the small networks by its name, or any other."""

    def make(name="dblrgan", module=None, channels=5, multiple_of=1, **options):
        if module is None:
            module, channels, multiple_of = small_networks()[name]
        return NetworkSource(
            name=name,
            module=module.eval().requires_grad_(False),
            channels=channels,
            multiple_of=multiple_of,
            digest="0" * 64,
            **options,
        )

    return make
