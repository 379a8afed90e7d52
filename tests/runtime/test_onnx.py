"""The ONNX models give in another runtime what the networks give here."""

import functools
import logging

import numpy as np
import pytest
import torch
from torch import nn

from vsdeblur.errors import EngineError
from vsdeblur.models import MODELS
from vsdeblur.models.blur_code import GatedBlock
from vsdeblur.models.layers import InstanceNorm
from vsdeblur.models.measured import TileForm
from vsdeblur.runtime.backends import onnx as onnx_backend
from vsdeblur.runtime.backends.onnx import describe, onnx_file, onnx_model
from vsdeblur.runtime.compile import is_current

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")

# Larger ones of the same operations: each takes ten seconds to export.
LARGE = {("brmr", "paper"), ("sequence", "paper")}
GENERATORS = [
    pytest.param(name, model, part, channels, id="-".join(filter(None, (name, model, part))),
                 marks=pytest.mark.slow if part == "g_patch" or (name, model) in LARGE else ())
    for name, models in MODELS.items()
    for model, spec in models.items()
    for part, channels in zip(spec.parts, spec.channels_in, strict=True)
]  # fmt: skip


def session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])


def run(model, frames):
    (output,) = session(model).run(None, {"frames": frames.numpy()})
    return torch.from_numpy(output)


def relative(result, expected):
    assert result.shape == expected.shape
    return float((result.float() - expected).abs().max() / expected.abs().max())


@pytest.fixture(scope="module")
def exported():
    """A generator and its ONNX model, which is exported once."""

    @functools.cache
    def export(name, model, part, channels):
        spec = MODELS[name][model]
        network = spec.fold(spec.build()).network.get_submodule(part).eval().requires_grad_(False)
        set_gates(network)
        return network, session(onnx_model(network, channels, torch.float32, {}))

    return export


def set_gates(network):
    """At first all gates are 1, and the code does not count."""
    for block in network.modules():
        if isinstance(block, GatedBlock):
            nn.init.normal_(block.excite.weight, 0, 0.1)


@pytest.mark.parametrize(("name", "model", "part", "channels"), GENERATORS)
def test_every_generator_is_the_same_in_onnxruntime_at_any_size(
    exported, name, model, part, channels
):
    spec = MODELS[name][model]
    network, running = exported(name, model, part, channels)
    step = 1 if spec.pads_itself else spec.multiple_of
    # Small ones, beyond what one reflection gives, and a batch.
    for batch, height, width in ((1, 16, 24), (2, 24 + step, 16 + 2 * step)):
        frames = torch.rand(batch, channels, height // step * step, width // step * step)
        (output,) = running.run(None, {"frames": frames.numpy()})
        assert relative(torch.from_numpy(output), network(frames)) < 1e-3


@pytest.mark.parametrize("place", [("brmr", "fast", "g_image", 3), ("sequence", "fast", "", 1)])
@pytest.mark.parametrize("size", [(1, 1), (3, 40), (40, 56)])
def test_flat_and_tiny_pictures_are_the_same_in_onnxruntime(exported, place, size):
    """There small constants count, such as the least energy of a blur code."""
    network, running = exported(*place)
    frames = torch.full((1, place[-1], *size), 0.5)
    (output,) = running.run(None, {"frames": frames.numpy()})
    torch.testing.assert_close(torch.from_numpy(output), network(frames), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "dtype", [torch.float32, pytest.param(torch.float16, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", ["brmr", "sequence"])
def test_the_form_for_tiles_is_the_same_in_onnxruntime(name, dtype):
    network = MODELS[name]["fast"].fold(MODELS[name]["fast"].build()).measuring
    set_gates(network.eval().requires_grad_(False))
    channels = MODELS[name]["fast"].channels
    form = TileForm(network)
    running = session(onnx_model(form, channels, dtype, {}))
    for batch, height, width in ((1, 32, 16), (2, 16, 48)):
        statistics = 0.1 + torch.rand(batch, network.num_statistics)
        packed = form.pack(torch.rand(batch, channels, height, width), statistics)
        (output,) = running.run(None, {"frames": packed.to(dtype).numpy()})
        assert output.shape[-2:] == (height, width)
        tolerance = 1e-3 if dtype is torch.float32 else 0.02
        assert relative(torch.from_numpy(output), form(packed)) < tolerance


@pytest.mark.parametrize(
    "name",
    ["dblrgan", "sequence", "brmr-image", pytest.param("brmr-residual", marks=pytest.mark.slow)],
)
def test_half_precision_models_are_near_to_the_network(make_source, name):
    source = make_source(name)
    frames = torch.rand(1, source.channels, 32, 48)
    model = onnx_model(source.module, source.channels, torch.float16, {})
    result = run(model, frames.half())
    assert result.dtype == torch.float16
    assert relative(result, source.module(frames)) < 0.02


def test_heat_maps_are_float32_in_half_precision(make_source):
    source = make_source("brmr-critic")
    frames = torch.rand(1, 6, 32, 48)
    result = run(onnx_model(source.module, 6, torch.float16, {}), frames.half())
    assert result.dtype == torch.float32
    assert relative(result, source.module(frames)) < 0.02


def test_statistics_are_float32_in_half_precision():
    # In half precision the squares of these would overflow.
    frames = 300 + 100 * torch.rand(1, 2, 8, 8)
    model = onnx_model(nn.Sequential(InstanceNorm()), 2, torch.float16, {})
    assert relative(run(model, frames.half()), InstanceNorm()(frames.half().float())) < 0.01


def test_bfloat16_is_kept(make_source):
    source = make_source()
    model = onnx.load_from_string(onnx_model(source.module, 5, torch.bfloat16, {}))
    types = {tensor.data_type for tensor in model.graph.initializer if len(tensor.dims) == 4}
    assert types == {onnx.TensorProto.BFLOAT16}


def test_height_width_and_batch_are_free_and_metadata_say_what_it_is(make_source):
    source = make_source("dblrgan")
    facts = describe(source, torch.float32, gives_residual=True)
    model = onnx.load_from_string(onnx_model(source.module, 5, torch.float32, facts))
    shape = model.graph.input[0].type.tensor_type.shape
    assert [d.dim_param or d.dim_value for d in shape.dim] == ["batch", 5, "height", "width"]
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert said == facts
    assert said["height_and_width_divide_by"] == "4"
    assert said["weights_sha256"] == source.digest
    assert "middle" in said["output"]


def test_metadata_say_where_what_was_measured_is(make_source):
    facts = describe(make_source("sequence-tile"), torch.float32)
    assert facts["input"].endswith("the last 4 rows hold what was measured of the whole picture")


def test_the_network_is_not_changed(make_source):
    source = make_source("brmr-critic")
    frames = torch.rand(1, 6, 16, 16)
    before = source.module(frames)
    onnx_model(source.module, 6, torch.float16, {})
    torch.testing.assert_close(source.module(frames), before, rtol=0, atol=0)


def test_pixel_unshuffling_keeps_pytorchs_order():
    frames = torch.arange(2 * 4 * 6, dtype=torch.float32).view(1, 2, 4, 6)
    model = onnx_model(nn.Sequential(Unshuffle()), 2, torch.float32, {})
    np.testing.assert_array_equal(run(model, frames), nn.functional.pixel_unshuffle(frames, 2))


class Unshuffle(nn.Module):
    def forward(self, x):
        return nn.functional.pixel_unshuffle(x, 2)


class Indexed(nn.Module):
    def forward(self, x):
        parts = x[:, 1:, -3:, :4], x[..., :-3, 2:-1], x[..., ::2, 1:].cumsum(1)
        return torch.cat([part.flatten(1) for part in parts], 1)


def test_slices_and_sums_are_those_of_pytorch():
    frames = torch.rand(2, 2, 7, 9)
    model = onnx_model(Indexed(), 2, torch.float32, {})
    torch.testing.assert_close(run(model, frames), Indexed()(frames), rtol=0, atol=1e-6)


class Undecided(nn.Module):
    def forward(self, x):
        return x + 1 if x.sum() > 0 else x


def test_what_depends_on_a_picture_is_refused_in_one_line():
    with pytest.raises(EngineError, match=r"^the model cannot be exported to ONNX: .+$") as error:
        onnx_model(Undecided(), 2, torch.float32, {})
    assert "\n" not in str(error.value)
    assert "\x1b" not in str(error.value)


def test_an_export_says_nothing_and_names_no_file_of_ours(make_convolution, capfd, caplog):
    with caplog.at_level(logging.INFO):  # as in the command
        model = onnx_model(make_convolution().module, 5, torch.float32, {})
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")
    assert b".py" not in model


def test_a_package_that_is_missing_is_named_with_its_cure(monkeypatch):
    monkeypatch.setattr(onnx_backend, "find_spec", lambda name: None if "script" in name else name)
    with pytest.raises(EngineError, match=r"^the package onnxscript is not installed; pip install"):
        onnx_model(nn.Identity(), 5, torch.float32, {})


@pytest.fixture
def make_convolution(make_source):
    """Makes a source whose export takes no time."""
    return lambda: make_source("convolution", nn.Conv2d(5, 1, 1))


def test_a_model_is_exported_once_for_each_precision(make_convolution, cache, monkeypatch):
    first = onnx_file(make_convolution(), torch.float32, cache)
    assert onnx.load(first).producer_name == "vsdeblur"
    assert is_current(next(cache.entries()).key)
    half = onnx_file(make_convolution(), torch.float16, cache)
    assert half != first
    monkeypatch.setattr(onnx_backend, "onnx_model", None)  # there is nothing to export
    assert onnx_file(make_convolution(), torch.float32, cache) == first
    assert onnx_file(make_convolution(), torch.float16, cache) == half


def test_another_exporter_exports_anew(make_convolution, cache, monkeypatch):
    first = onnx_file(make_convolution(), torch.float32, cache)
    (kept,) = cache.entries()
    monkeypatch.setattr(onnx_backend, "version", lambda package: "0.1")
    assert not is_current(kept.key)
    monkeypatch.setattr(onnx_backend, "onnx_model", lambda *given: b"other")
    second = onnx_file(make_convolution(), torch.float32, cache)
    assert second != first
    assert second.read_bytes() == b"other"
