"""The networks: the paper's layers, equal training and inference forms, true facts in the table."""

from fractions import Fraction

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from vsdeblur.models import MODELS
from vsdeblur.models.dblrnet import DBLRNet, FastDBLRNet, FoldedDBLRNet

SPECS = {f"dblrgan-{model}": spec for model, spec in MODELS["dblrgan"].items()}
every_model = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


def tiny_dblrnet(**options):
    """DBLRNet with all its layers and few channels."""
    return DBLRNet(stem_width=3, width=5, head_width=7, **options)


def randomize_norms(network):
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.3)
            nn.init.uniform_(module.running_var, 0.3, 2)
            nn.init.uniform_(module.weight, 0.3, 1.2)
            nn.init.normal_(module.bias, 0, 0.2)
    return network.eval()


# DBLRNet


def test_dblrnet_has_the_layers_of_table_1():
    network = DBLRNet()
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Conv3d)]
    kernels = [(m.kernel_size, m.out_channels) for m in convolutions]
    assert kernels == [
        ((3, 3, 3), 16),  # L1
        ((3, 3, 3), 64),  # L2
        *[((3, 3), 64)] * 28,  # L3 to L30: 14 residual blocks
        *[((3, 3), 64)] * 2,  # L31, L32
        ((3, 3), 256),  # L33
        ((3, 3), 256),  # L34
        ((3, 3), 1),  # L35
    ]
    assert all(set(m.stride) == {1} for m in convolutions)
    assert len(network.blocks) == 14
    norms = [m.num_features for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms == [64] * 30  # after L3 to L32 and no other


def test_dblrnet_has_1_88_million_parameters():
    assert sum(p.numel() for p in DBLRNet().parameters()) == 1_879_937


def test_dblrnet_applies_relu_where_table_1_does(monkeypatch):
    calls = []
    relu = nn.functional.relu

    def counted(x, *args, **kwargs):
        calls.append(x.shape[1])
        return relu(x, *args, **kwargs)

    monkeypatch.setattr(nn.functional, "relu", counted)
    DBLRNet()(torch.rand(1, 5, 4, 4))
    # L1, L2, the first of each pair from L3 to L32, L33, L34.
    assert calls == [16, 64, *[64] * 15, 256, 256]


def test_residual_blocks_and_the_long_skip_are_those_of_table_1():
    network = tiny_dblrnet().eval()
    for block in [*network.blocks, network.l31_l32]:
        nn.init.zeros_(block.norm2.weight)  # a block gives nothing but its skip
        nn.init.zeros_(block.norm2.bias)
    frames = torch.rand(1, 5, 8, 8)
    stem = network.l2(network.l1(frames.unsqueeze(1)).relu()).relu().squeeze(2)
    # 14 skips pass the stem on unchanged; L32 gives 0, to which the stem of L2 is added.
    expected = network.l35(network.l34(network.l33(stem).relu()).relu())
    torch.testing.assert_close(network(frames), expected, rtol=1e-5, atol=1e-6)


def test_time_collapses_from_five_frames_to_three_to_one():
    network = tiny_dblrnet()
    lengths = {}
    network.l1.register_forward_hook(lambda m, i, o: lengths.update(l1=o.shape[2]))
    network.l2.register_forward_hook(lambda m, i, o: lengths.update(l2=o.shape[2]))
    network(torch.rand(1, 5, 6, 8))
    assert lengths == {"l1": 3, "l2": 1}


@pytest.mark.parametrize("global_skip", [False, True])
def test_folded_dblrnet_equals_dblrnet(global_skip):
    network = randomize_norms(DBLRNet(global_skip=global_skip))
    frames = torch.rand(2, 5, 11, 14)
    folded = FoldedDBLRNet(network)(frames)
    assert folded.shape == (2, 1, 11, 14)
    torch.testing.assert_close(folded, network(frames), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("global_skip", [False, True])
def test_global_skip_adds_exactly_the_middle_frame_in_both_forms(global_skip):
    network = randomize_norms(tiny_dblrnet(global_skip=global_skip))
    nn.init.zeros_(network.l35.weight)
    nn.init.zeros_(network.l35.bias)
    frames = torch.rand(1, 5, 6, 8)
    expected = frames[:, 2:3] if global_skip else torch.zeros(1, 1, 6, 8)
    for form in (network, FoldedDBLRNet(network)):
        torch.testing.assert_close(form(frames), expected, rtol=0, atol=0)


def test_folding_leaves_the_network_as_it_was():
    network = randomize_norms(tiny_dblrnet())
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with torch.no_grad():
        for parameter in FoldedDBLRNet(network).parameters():
            parameter.add_(1)
    torch.testing.assert_close(dict(network.state_dict()), before, rtol=0, atol=0)


def test_folded_dblrnet_has_plain_2d_convolutions_only():
    kinds = {type(m) for m in FoldedDBLRNet(tiny_dblrnet()).modules() if not list(m.children())}
    assert kinds == {nn.Conv2d}


# FastDBLRNet


@pytest.mark.parametrize(("height", "width"), [(8, 8), (24, 40)])
def test_fast_output_is_one_frame_of_the_same_size(height, width):
    assert FastDBLRNet()(torch.rand(2, 5, height, width)).shape == (2, 1, height, width)


def test_fast_global_skip_adds_exactly_the_middle_frame():
    network = FastDBLRNet()
    frames = torch.rand(1, 5, 16, 24)
    restored = network(frames)
    network.global_skip = False
    torch.testing.assert_close(restored, network(frames) + frames[:, 2:3], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("build", "least", "most"), [(FastDBLRNet, 0.11, 0.15), (DBLRNet, 3.4, 3.5)]
)
def test_a_720p_frame_costs_what_the_manifest_says(build, least, most):
    with torch.device("meta"):
        network, frames = build(), torch.empty(1, 5, 720, 1280)
    with FlopCounterMode(display=False) as counter:
        network(frames)
    assert least <= counter.get_total_flops() / 1e12 <= most


def test_fast_has_1_8_million_parameters():
    assert round(sum(p.numel() for p in FastDBLRNet().parameters()) / 1e6, 1) == 1.8


# Every model of luma windows


@every_model
def test_every_parameter_receives_a_gradient(spec):
    network = spec.build()
    size = 4 * spec.multiple_of
    network(torch.rand(1, 2 * spec.radius + 1, size, size)).square().sum().backward()
    without = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    # A bias before a batch normalisation is taken out again by it: nothing flows to it.
    assert [name for name in without if not name.endswith(("conv1.bias", "conv2.bias"))] == []


@every_model
@pytest.mark.parametrize("global_skip", [False, True])
def test_inference_form_gives_the_same_picture(spec, global_skip):
    network = randomize_norms(spec.build(global_skip=global_skip))
    frames = torch.rand(1, 2 * spec.radius + 1, 16, 24)
    expected = network(frames).detach()
    form = spec.fold(network)
    output = form.network(frames)
    if form.adds_middle_frame:
        output = output + frames[:, spec.radius : spec.radius + 1]
    torch.testing.assert_close(output, expected, rtol=1e-5, atol=1e-5)


@every_model
@pytest.mark.parametrize("vertical", [False, True])
def test_receptive_radius_is_an_upper_bound(spec, vertical):
    network = make_transparent(spec.fold(spec.build()).network)
    # A strip one cell high reaches as far along itself as a whole frame does.
    reach = -(-(spec.receptive_radius + 32) // 8) * 8
    length, thickness = 2 * reach + 8, max(spec.multiple_of, 3)
    frames = torch.rand(1, 2 * spec.radius + 1, thickness, length, dtype=torch.float64)
    frames = (frames.mT if vertical else frames).requires_grad_()
    along = network(frames).sum(-1 if vertical else -2).squeeze()
    farthest = 0
    for position in range(reach, reach + spec.multiple_of):  # each place in the network's grid
        (gradient,) = torch.autograd.grad(along[position], frames, retain_graph=True)
        touched = gradient.abs().sum((0, 1, -1 if vertical else -2)).nonzero().squeeze()
        assert touched.min() > 0  # the strip is long enough to show the whole reach
        assert touched.max() < length - 1
        farthest = max(farthest, position - touched.min().item(), touched.max().item() - position)
    assert farthest <= spec.receptive_radius


def make_transparent(network):
    """Positive weights without biases: each output then truly depends on all that it can."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.fill_(1 / module.weight[0].numel())
                module.bias.zero_()
    return network.double().requires_grad_(False)


@every_model
def test_a_changed_pixel_changes_nothing_beyond_the_receptive_radius(spec, random_network):
    network = spec.fold(random_network("fast" if spec.multiple_of > 1 else "paper")).network
    length, spot = spec.receptive_radius + 40, 5
    frames = torch.rand(1, 2 * spec.radius + 1, 8, length // 8 * 8)
    changed = frames.clone()
    changed[..., spot] = 1 - changed[..., spot]
    with torch.no_grad():
        difference = (network(changed) - network(frames)).abs().amax((0, 1, 2))
    assert difference[spot] > 0
    beyond = difference[spot + spec.receptive_radius + 1 :]
    assert beyond.numel() > 8
    torch.testing.assert_close(beyond, torch.zeros_like(beyond), rtol=0, atol=1e-6)


@every_model
def test_any_size_that_divides_by_multiple_of_is_taken(spec):
    network = spec.build().eval()
    for height, width in [(2, 3), (3, 2), (5, 5)]:
        size = (height * spec.multiple_of, width * spec.multiple_of)
        with torch.no_grad():
            assert network(torch.rand(1, 5, *size)).shape == (1, 1, *size)


@pytest.mark.parametrize("step", [Fraction(1, 8), Fraction(1, 4), Fraction(1, 2)])
def test_fast_takes_no_size_that_divides_by_less_than_multiple_of(step):
    spec = MODELS["dblrgan"]["fast"]
    width = int(spec.multiple_of * (4 + step))
    with pytest.raises(RuntimeError):
        spec.build()(torch.rand(1, 5, 4 * spec.multiple_of, width))
