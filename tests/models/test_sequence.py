"""The sequence extractor's networks: the layers the paper counts, and true facts in the table."""

import re

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from vsdeblur.manifest import load_manifest
from vsdeblur.models import MODELS
from vsdeblur.models.blur_code import GatedBlock
from vsdeblur.models.sequence import SequenceDiscriminator, SequenceNet

SPECS = MODELS["sequence"]
every_model = pytest.mark.parametrize("name", SPECS)


def tiny(**options):
    return SequenceNet(**{"widths": (4, 6, 8)} | options)


@every_model
def test_generator_has_30_convolutional_layers(name):
    layers = [m for m in SPECS[name].build().modules() if isinstance(m, nn.Conv2d)]
    assert len(layers) == 30


def test_widths_of_fast_are_multiples_of_32():
    features = {m.in_channels for m in SequenceNet().encoders.modules() if hasattr(m, "stride")}
    assert features == {32, 64, 128}


@every_model
def test_parameters_and_work_are_those_the_manifest_gives(name):
    summary = load_manifest().filter("sequence").models[name].summary
    millions, tflop = map(float, re.search(r"([\d.]+) M .* ([\d.]+) TFLOP", summary).groups())
    with torch.device("meta"):
        network = SPECS[name].build()
        with FlopCounterMode(display=False) as counter:
            network(torch.rand(1, 1, 720, 1280))
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.05)
    assert counter.get_total_flops() / 1e12 == pytest.approx(tflop, abs=0.005)


@pytest.mark.parametrize(("height", "width"), [(16, 32), (17, 31), (1, 1), (3, 40)])
@pytest.mark.parametrize("unshuffle", [1, 2])
def test_any_size_gives_seven_frames_of_it(height, width, unshuffle):
    assert tiny(unshuffle=unshuffle)(torch.rand(2, 1, height, width)).shape == (2, 7, height, width)


@pytest.mark.parametrize("global_skip", [False, True])
def test_global_skip_adds_the_input_to_each_output(global_skip):
    network = tiny(global_skip=global_skip)
    nn.init.zeros_(network.head.weight)
    nn.init.zeros_(network.head.bias)
    frame = torch.rand(1, 1, 18, 22)
    expected = frame.expand(1, 7, 18, 22) if global_skip else torch.zeros(1, 7, 18, 22)
    torch.testing.assert_close(network(frame), expected, rtol=0, atol=0)


@pytest.mark.parametrize("global_skip", [False, True])
def test_inference_form_gives_what_the_caller_adds_the_input_to(global_skip):
    network = tiny(global_skip=global_skip)
    frame = torch.rand(1, 1, 16, 16)
    expected = network(frame)
    form = SPECS["fast"].fold(network)
    assert form.adds_middle_frame == global_skip
    output = form.network(frame) + (frame if form.adds_middle_frame else 0)
    torch.testing.assert_close(output, expected)


def test_every_layer_learns():
    network = tiny()
    for block in network.modules():
        if isinstance(block, GatedBlock):  # at first all gates are 1, and the code does not count
            nn.init.normal_(block.excite.weight)
    network(torch.rand(1, 1, 32, 32)).square().sum().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


@every_model
def test_outputs_depend_on_pixels_within_the_receptive_radius_and_the_code(name):
    spec = SPECS[name]
    options = {"widths": (2,) * (3 if name == "fast" else 4)}
    network = spec.build(**options).double()
    assert network.multiple_of == spec.multiple_of
    for parameter in network.parameters():
        nn.init.uniform_(parameter, 0.01, 0.5)  # positive: no ReLU cuts a path off
    for block in network.modules():
        if isinstance(block, GatedBlock):  # the code is of the whole frame
            nn.init.zeros_(block.excite.weight)
    length = 2 * spec.receptive_radius + 3 * spec.multiple_of
    length -= length % spec.multiple_of
    frame = torch.rand(1, 1, length, spec.multiple_of, dtype=torch.double, requires_grad=True)
    reach = 0
    for row in range(length // 2, length // 2 + spec.multiple_of):
        (gradient,) = torch.autograd.grad(network(frame)[0, :, row].sum(), frame)
        rows = gradient[0, 0].abs().sum(1).nonzero()
        reach = max(reach, row - int(rows.min()), int(rows.max()) - row)
    assert spec.receptive_radius - 8 <= reach <= spec.receptive_radius


def test_discriminator_judges_each_frame_by_itself():
    critic = SequenceDiscriminator(width=4)
    frames = torch.rand(2, 7, 32, 40)
    logits = critic(frames)
    assert logits.shape[:2] == (2, 7)
    alone = critic(frames[1:, 3:4])
    torch.testing.assert_close(logits[1:, 3:4], alone, rtol=1e-4, atol=1e-5)


def test_a_verdict_is_of_a_patch_of_70_pixels():
    critic = SequenceDiscriminator(width=2)
    critic.norm = nn.Identity()  # it would let every pixel depend on the whole frame
    frame = torch.rand(1, 1, 160, 16 * 10, requires_grad=True)
    logits = critic(frame)
    (gradient,) = torch.autograd.grad(logits[0, 0, 9, 9], frame)
    rows = gradient[0, 0].abs().sum(1).nonzero()
    assert int(rows.max()) - int(rows.min()) + 1 == 70


def test_features_are_those_the_verdict_is_made_of():
    critic = SequenceDiscriminator(width=2)
    frames = torch.rand(3, 1, 32, 32)
    features = critic.features(frames)
    assert features.shape[:2] == (3, 16)
    expected = critic.verdict(features).squeeze(1)
    torch.testing.assert_close(critic(frames.transpose(0, 1))[0], expected)
