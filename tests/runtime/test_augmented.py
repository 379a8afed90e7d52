"""The mean over mirrored, turned and reversed copies."""

import pytest
import torch
from torch import nn

from vsdeblur.runtime import fitting
from vsdeblur.runtime.augmented import COPIES, AugmentedNetwork
from vsdeblur.runtime.fitting import FittedNetwork

SIZES = [(12, 20), (9, 15), (16, 16), (1, 7)]


def uneven(channels_in=5, channels_out=1):
    """A network that no mirror, turn or reversal leaves as it is."""
    return nn.Conv2d(channels_in, channels_out, 3, padding=1).requires_grad_(False)


class Recording:
    """A network that keeps what it was given."""

    def __init__(self, network=lambda frames: frames[:, :1]):
        self.network = network
        self.seen = []

    def __call__(self, frames):
        self.seen.append(frames)
        return self.network(frames)


@pytest.mark.parametrize("size", SIZES)
def test_one_copy_is_the_network_as_it_is(size):
    network, frames = uneven().bfloat16(), torch.rand(2, 5, *size).bfloat16()
    output = AugmentedNetwork(network, 1, reverses_time=True)(frames)
    assert output.dtype is torch.bfloat16
    torch.testing.assert_close(output, network(frames), rtol=0, atol=0)


@pytest.mark.parametrize("num_copies", [4, 8])
@pytest.mark.parametrize("size", SIZES)
def test_a_network_that_every_copy_suits_gives_the_same(num_copies, size):
    pool = nn.AvgPool2d(5, stride=1, padding=2, count_include_pad=False)
    frames = torch.rand(2, 5, *size)

    def network(frames):
        return pool(frames[:, 2:3] + 0.2 * (frames[:, 1:2] + frames[:, 3:4]))

    output = AugmentedNetwork(network, num_copies, reverses_time=True)(frames)
    torch.testing.assert_close(output, network(frames), rtol=0, atol=1e-6)


def test_four_copies_are_plain_mirrored_turned_and_transposed():
    network, frames = uneven(), torch.rand(3, 5, 11, 17)
    backwards = frames.flip(1)
    turned = torch.rot90(network(torch.rot90(frames, 1, (-2, -1))), -1, (-2, -1))
    mirrored = network(backwards.flip(-1)).flip(-1)
    transposed = network(backwards.mT.flip(-2, -1)).flip(-2, -1).mT
    expected = (network(frames) + mirrored + turned + transposed) / 4
    output = AugmentedNetwork(network, 4, reverses_time=True)(frames)
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-6)


def test_eight_copies_are_all_that_there_are_and_half_of_them_run_backwards():
    seen = Recording()
    frames = torch.rand(1, 5, 8, 8)
    AugmentedNetwork(seen, 8, reverses_time=True)(frames)
    dihedral = [torch.rot90(view, q, (-2, -1)) for view in (frames, frames.mT) for q in range(4)]
    found = []
    for copy in seen.seen:
        (index,) = [
            i for i, view in enumerate(dihedral) if copy.equal(view) or copy.equal(view.flip(1))
        ]
        found.append((index, copy.equal(dihedral[index].flip(1))))
    assert sorted(index for index, _ in found) == list(range(8))
    assert sum(is_reversed for _, is_reversed in found) == 4


@pytest.mark.parametrize("num_copies", [4, 8])
def test_channels_keep_their_order_unless_they_are_frames(num_copies):
    seen = Recording()
    colours = torch.tensor([0.1, 0.5, 0.9])[:, None, None].expand(3, 6, 10)
    AugmentedNetwork(seen, num_copies)(colours[None])
    assert all(torch.equal(copy.amax((0, 2, 3)), colours[:, 0, 0]) for copy in seen.seen)


def test_sums_are_taken_in_float32():
    frames = torch.full((1, 1, 4, 4), 1 / 3, dtype=torch.bfloat16)
    output = AugmentedNetwork(lambda x: x, 4)(frames)
    assert output.dtype is torch.float32
    torch.testing.assert_close(output, frames.float(), rtol=0, atol=0)


# Moments that may run either way


def moving_right(frames):
    """Seven moments in which a picture moves right, whatever way it is shown."""
    return torch.cat([frames.roll(step, -1) for step in range(-3, 4)], 1)


def test_moments_are_brought_to_one_order_before_the_mean():
    column = torch.rand(2, 1, 1, 12).expand(2, 1, 12, 12)
    copies = 4

    def network(frames):  # what is transposed moves down
        upright = frames[..., :1, :].expand_as(frames).equal(frames)
        return moving_right(frames) if upright else moving_right(frames.mT).mT

    output = AugmentedNetwork(network, copies, order_is_free=True)(column)
    torch.testing.assert_close(output, moving_right(column), rtol=0, atol=1e-6)
    mixed = AugmentedNetwork(network, copies)(column)
    assert (mixed - moving_right(column)).abs().max() > 0.1


def test_the_order_of_each_picture_is_its_own():
    frames = torch.rand(2, 1, 4, 4)
    calls = []

    def network(frames):
        moments = torch.arange(7.0)[:, None, None].expand(len(frames), 7, *frames.shape[-2:])
        calls.append(moments.clone())
        if len(calls) > 1:
            calls[-1][1] = moments[1].flip(0)
        return calls[-1]

    output = AugmentedNetwork(network, 4, order_is_free=True)(frames)
    torch.testing.assert_close(output[:, :, 0, 0], torch.arange(7.0).expand(2, 7))


# Batches


@pytest.mark.parametrize(
    ("num_copies", "at_once", "batches"),
    [
        (4, 1, [1, 1, 1, 1]),
        (4, 2, [2, 2]),
        (4, 9, [2, 2]),
        (8, 9, [4, 4]),
        (8, 3, [3, 1, 3, 1]),
    ],
)
def test_copies_of_one_shape_run_as_one_batch_where_memory_allows(num_copies, at_once, batches):
    network, frames = uneven(), torch.rand(2, 5, 6, 10)
    seen = Recording(network)
    augmented = AugmentedNetwork(seen, num_copies, most_at_once=lambda frames: at_once)
    output = augmented(frames)
    assert [len(batch) // 2 for batch in seen.seen] == batches
    shapes = [tuple(batch.shape[-2:]) for batch in seen.seen]
    half = len(shapes) // 2
    assert shapes == [(6, 10)] * half + [(10, 6)] * half
    one_by_one = AugmentedNetwork(network, num_copies)(frames)
    torch.testing.assert_close(output, one_by_one, rtol=0, atol=1e-6)


def test_tiles_are_cut_of_the_changed_copies():
    conv = uneven()
    frames = torch.rand(1, 5, 60, 90)
    fitted = FittedNetwork(
        conv, tile=(50, 48), receptive_radius=1, multiple_of=1, values_per_pixel=1
    )
    for num_copies in COPIES:
        output = AugmentedNetwork(fitted, num_copies, reverses_time=True)(frames)
        expected = AugmentedNetwork(conv, num_copies, reverses_time=True)(frames)
        torch.testing.assert_close(output, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("free", "tile", "at_once"),
    [(10**5, None, 8), (10**4, None, 1), (1, None, 1), (10**5, (64, 64), 1)],
)
def test_as_many_frames_are_joined_as_memory_holds_whole(monkeypatch, free, tile, at_once):
    monkeypatch.setattr(fitting, "free_memory", lambda device: free)
    fitted = FittedNetwork(
        uneven(), tile=tile, receptive_radius=1, multiple_of=1, values_per_pixel=2.5
    )
    frames = torch.empty(1, 5, 20, 50, device="meta")  # 10,000 bytes
    assert fitted.most_at_once(frames) == at_once
    monkeypatch.setattr(fitting, "free_memory", lambda device: 10**9)
    assert fitted.most_at_once(frames) == at_once  # what was said holds
    assert fitted.most_at_once(torch.rand(1, 5, 20, 50)) == 1  # on the CPU
