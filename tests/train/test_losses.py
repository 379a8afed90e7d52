"""Losses and the optimiser, against values computed by hand."""

import math

import pytest
import torch

from vsdeblur.data.psnr import luma_psnr
from vsdeblur.models.discriminator import BLUR, SHARP, FrameDiscriminator
from vsdeblur.train.dblrgan.adversarial import adversarial_loss
from vsdeblur.train.losses import charbonnier_loss, frequency_loss, mse_loss, psnr_loss
from vsdeblur.train.muon import Muon, orthogonalized


def test_losses_match_values_computed_by_hand():
    sharp = torch.zeros(2, 1, 2, 2)
    restored = torch.zeros(2, 1, 2, 2)
    restored[0] = 0.3
    assert charbonnier_loss(restored, sharp, epsilon=0.4) == pytest.approx((0.5 + 0.4) / 2)
    # Squared errors 0.09 and 0, plus 1e-6: log10 gives -1.0458 and -6.
    assert mse_loss(restored, sharp) == pytest.approx(0.045)
    assert psnr_loss(restored, sharp) == pytest.approx((-1.045753 - 6) / 2, abs=1e-4)
    # The transform of a constant 0.3 on 2x2 is 0.6 at zero frequency: one of 8 real numbers.
    assert frequency_loss(restored, sharp) == pytest.approx(0.6 / 16)


def test_luma_psnr_by_hand():
    assert luma_psnr(torch.full((1, 1, 2, 2), 0.1), torch.zeros(1, 1, 2, 2)) == pytest.approx(20)


def test_muon_update_is_nearly_orthogonal_and_ignores_the_gradient_scale():
    matrices = torch.randn(3, 16, 40)
    singular = torch.linalg.svdvals(orthogonalized(matrices).float())
    assert singular.min() > 0.3
    assert singular.max() < 1.3
    difference = orthogonalized(matrices) - orthogonalized(1024 * matrices)
    assert difference.abs().max() < 1e-6


def test_muon_lowers_a_loss():
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(8, 4, 3, 3))
    optimizer = Muon([weight], lr=0.05, weight_decay=0)
    before = float(weight.detach().square().sum())
    for _ in range(50):
        weight.square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    assert float(weight.detach().square().sum()) < before / 2


def test_adversarial_loss_is_log_of_one_minus_the_probability_of_sharp():
    probabilities = torch.tensor([[0.75, 0.25], [0.5, 0.5]])  # SHARP, BLUR
    expected = (math.log(1 - 0.75) + math.log(1 - 0.5)) / 2
    assert (SHARP, BLUR) == (0, 1)
    assert adversarial_loss(probabilities.log()) == pytest.approx(expected)


def test_discriminator_has_the_layers_of_table_ii():
    network = FrameDiscriminator()
    convolutions = [m for m in network.features if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == 14
    assert (convolutions[0].out_channels, convolutions[-1].out_channels) == (64, 512)
    assert (network.linear1.out_features, network.linear2.out_features) == (4096, 2)
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert len(norms) == 14


@pytest.mark.parametrize("crop", [32, 128])
def test_discriminator_gives_two_log_probabilities(crop):
    network = FrameDiscriminator(crop=crop, width=4, hidden=8)
    output = network(torch.rand(3, 1, crop, crop))
    assert output.shape == (3, 2)
    torch.testing.assert_close(output.exp().sum(1), torch.ones(3))
