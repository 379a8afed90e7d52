"""The sequence extractor's losses, against values computed by hand."""

import math

import pytest
import torch

from vsdeblur.models.sequence import SequenceDiscriminator
from vsdeblur.train.sequence.sequence_losses import (
    ADVERSARIAL_WEIGHT,
    FLOW_WEIGHT,
    TRIPLES,
    adversarial_loss,
    bicycle_loss,
    central_content_loss,
    discriminator_loss,
    flow_loss,
    gram_loss,
    gram_matrix,
    in_better_order,
    pair_content_loss,
    warped,
)


def constant(*values):
    """Seven flat moments, 4x4, of one scene."""
    return torch.tensor(values).reshape(1, 7, 1, 1).expand(1, 7, 4, 4)


def doubled(frames):
    return 2 * frames


def test_weights_are_the_papers():
    assert (ADVERSARIAL_WEIGHT, FLOW_WEIGHT) == (0.0005, 0.001)


def test_central_content_is_of_the_middle_frame_alone():
    restored = constant(0.9, 0.9, 0.9, 0.5, 0.9, 0.9, 0.9)
    sharp = constant(0.1, 0.1, 0.1, 0.2, 0.1, 0.1, 0.1)
    # 0.3 squared, and of the doubled features 0.6 squared.
    assert central_content_loss(restored, sharp, doubled) == pytest.approx(0.09 + 0.36)


def test_pair_content_by_hand():
    restored = constant(0.5, 0.2, 0.2, 0.9, 0.2, 0.2, 0.1)
    sharp = constant(0.3, 0.2, 0.2, 0.0, 0.2, 0.2, 0.3)
    # Only the pair (1, 7) differs: sums 0.6 and 0.6, differences 0.4 and 0.
    assert pair_content_loss(restored, sharp) == pytest.approx(0.16)
    brighter = constant(0.4, 0.2, 0.2, 0.9, 0.2, 0.2, 0.3)
    # Sums 0.7 and 0.6, differences 0.1 and 0.
    assert pair_content_loss(brighter, sharp) == pytest.approx(0.49 - 0.36 + 0.01)


@pytest.mark.parametrize("pair", [(0, 6), (1, 5), (2, 4)])
def test_pair_content_does_not_see_the_order_of_a_pair(pair):
    restored, sharp = torch.rand(2, 7, 5, 6), torch.rand(2, 7, 5, 6)
    turned = restored.clone()
    turned[:, pair] = restored[:, pair[::-1]]
    assert pair_content_loss(turned, sharp) == pytest.approx(
        float(pair_content_loss(restored, sharp))
    )
    assert pair_content_loss(sharp.flip(1), sharp) == pytest.approx(0, abs=1e-7)


def test_pair_content_sees_an_exchange_between_pairs():
    sharp = torch.rand(1, 7, 5, 6)
    assert pair_content_loss(sharp[:, [1, 0, 2, 3, 4, 5, 6]], sharp) > 0.01


def test_each_scene_is_turned_to_its_better_order():
    sharp = torch.rand(3, 7, 4, 4)
    restored = sharp.clone()
    restored[1] = sharp[1].flip(0)
    restored[2] = 0.5
    found = in_better_order(restored, sharp)
    torch.testing.assert_close(found[:2], sharp[:2], rtol=0, atol=0)
    torch.testing.assert_close(found[2], restored[2], rtol=0, atol=0)


def test_adversarial_losses_by_hand():
    logits = torch.tensor([[0.0, math.log(3.0)]])  # D = 1/2 and 3/4
    expected = (math.log(1 / 2) + math.log(1 / 4)) / 2
    assert adversarial_loss(logits) == pytest.approx(expected)
    sharp = torch.tensor([math.log(3.0)])
    assert discriminator_loss(sharp, logits) == pytest.approx(-math.log(3 / 4) - expected)


def test_nine_triples_are_equally_spaced():
    from_one = {"".join(str(i + 1) for i in triple) for triple in TRIPLES}
    assert from_one == {"123", "234", "345", "456", "567", "135", "246", "357", "147"}
    assert len(TRIPLES) == 9


def test_gram_matrix_by_hand():
    # Three frames of one channel and two pixels.
    features = torch.tensor([[1.0, 0.0], [2.0, 1.0], [0.0, 3.0]]).reshape(1, 3, 1, 1, 2)
    expected = torch.tensor([[1.0, 2, 0], [2, 5, 3], [0, 3, 9]]) / 2
    torch.testing.assert_close(gram_matrix(features), expected[None])
    # Channels of a frame stand together: the first block is the first frame alone.
    wide = torch.rand(1, 3, 4, 2, 2)
    first = wide[0, 0].flatten(1)
    torch.testing.assert_close(gram_matrix(wide)[0, :4, :4], first @ first.T / 16)


def test_gram_matrix_is_float32_under_autocast():
    features = torch.rand(1, 3, 4, 8, 8) + 10
    expected = gram_matrix(features)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(gram_matrix(features), expected, rtol=0, atol=0)


def test_gram_loss_by_hand():
    sharp = constant(0.0, 0, 0, 0, 0, 0, 0)
    restored = constant(0.0, 0, 0, 0, 0, 0, 0.5)
    # Frame 7 is in 567, 357 and 147: of each only the entry of 7 with itself differs, by the sum
    # of 16 times 0.5 squared over M = 16.
    identity = torch.nn.Identity()
    assert gram_loss(restored, sharp, identity) == pytest.approx(3 * 0.25)


def test_gram_loss_sees_motion_that_runs_in_another_order():
    frames = torch.rand(2, 7, 8, 8)
    identity = torch.nn.Identity()
    assert gram_loss(frames, frames, identity) == 0
    assert gram_loss(frames[:, [1, 0, 2, 3, 4, 5, 6]], frames, identity) > 0.01


def test_gradients_at_equal_frames_are_numbers():
    frames = torch.rand(1, 7, 8, 8)
    restored = frames.clone().requires_grad_()
    gram_loss(restored, frames, torch.nn.Identity()).backward()
    assert restored.grad.isfinite().all()


def test_bicycle_by_hand():
    sharp = constant(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)
    restored = constant(0.8, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)
    assert bicycle_loss(restored, sharp) == pytest.approx(0.1 + 0.1)
    # One brighter and one darker: blurred again they are as before.
    both = constant(0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.0)
    assert bicycle_loss(both, sharp) == pytest.approx(0.2 / 7)


def ramp(offset):
    """(1, 1, 6, 10), rising by 0.05 a column."""
    return (0.05 * torch.arange(10.0) + offset).expand(1, 1, 6, 10)


def test_warping_looks_where_the_flow_points():
    flow = torch.zeros(1, 2, 6, 10)
    flow[:, 0] = 1.5
    moved, seen = warped(ramp(0), flow)
    torch.testing.assert_close(moved[..., :8], ramp(0.075)[..., :8])
    assert seen[0, 0, 0].tolist() == [1] * 8 + [0] * 2
    torch.testing.assert_close(moved[..., 9], torch.full((1, 1, 6), 0.45))
    down = torch.zeros(1, 2, 6, 10)
    down[:, 1] = -1
    assert warped(ramp(0), down)[1][0, 0, :, 0].tolist() == [0, 1, 1, 1, 1, 1]


def test_flow_loss_by_hand():
    sharp = ramp(0).repeat(1, 7, 1, 1)
    to_last, to_first = torch.zeros(1, 2, 6, 10), torch.zeros(1, 2, 6, 10)
    assert flow_loss(sharp, sharp, to_last, to_first) == pytest.approx(0, abs=1e-12)
    to_last[:, 0] = 2  # two columns on the ramp is 0.1 lighter, where the frame has them
    assert flow_loss(sharp, sharp, to_last, to_first) == pytest.approx(0.01)
    moved = sharp.clone()
    moved[:, 6] = ramp(-0.1)[:, 0]  # the scene went two columns to the right
    to_first[:, 0] = -2
    assert flow_loss(moved, moved, to_last, to_first) == pytest.approx(0, abs=1e-10)
    # Turned round, each is made of its own place two columns on: 0.1 off at both ends.
    assert flow_loss(moved.flip(1), moved, to_last, to_first) == pytest.approx(2 * 0.01)


def test_features_may_be_the_discriminators():
    critic = SequenceDiscriminator(width=2)
    restored = torch.rand(1, 7, 32, 32, requires_grad=True)
    sharp = torch.rand(1, 7, 32, 32)
    loss = gram_loss(restored, sharp, critic.features)
    (loss + central_content_loss(restored, sharp, critic.features)).backward()
    assert restored.grad.isfinite().all()
    assert restored.grad.any()
