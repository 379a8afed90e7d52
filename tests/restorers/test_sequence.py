"""Opening a frame: how many moments, in which order, and nothing but the window decides."""

import dataclasses
from itertools import pairwise

import pytest
import torch
from torch.nn import functional as F

from vsdeblur.errors import DeblurError
from vsdeblur.manifest import load_manifest
from vsdeblur.models import MODELS
from vsdeblur.restorers.sequence import SequenceOptions, SequenceRestorer
from vsdeblur.restorers.time_direction import REDUCTIONS, luma_distance, runs_backwards, turned


def restorer(network, *, adds_middle_frame=False, tile=None, facts=None, **options):
    spec = dataclasses.replace(MODELS["sequence"]["fast"], **facts or {})
    return SequenceRestorer(
        network, spec, torch.device("cpu"), tile, SequenceOptions(**options),
        adds_middle_frame=adds_middle_frame,
    )  # fmt: skip


def bar(place, height=48, width=160):
    """A bright bar with soft edges: (1, H, W)."""
    columns = torch.arange(width, dtype=torch.float32)
    return (0.8 * torch.exp(-(((columns - place) / 6) ** 2))).expand(1, height, width).clone()


def exposure(start, end):
    """The blurred frame of a bar that moves."""
    return torch.stack([bar(float(p)) for p in torch.linspace(start, end, 29)]).mean(0)


def knowing(start, end):
    """A network that gives the true moments of a bar's motion."""
    moments = torch.stack([bar(float(p))[0] for p in torch.linspace(start, end, 7)])

    def network(frames):
        return F.pad(moments[None], (0, frames.shape[-1] - 160, 0, frames.shape[-2] - 48))

    return network


def place(moment):
    """Where the bar is."""
    weights = moment[0].sum(0)
    return float((weights * torch.arange(len(weights))).sum() / weights.sum())


def windows_of_motion(step):
    """Three frames of a bar that moves by so many pixels a frame, and the middle one's moments."""
    frames = [exposure(80 + i * step, 80 + (i + 0.9) * step) for i in (-1, 0, 1)]
    return torch.stack(frames), (80, 80 + 0.9 * step)


def test_defaults_are_those_of_the_manifest():
    own = load_manifest().filter("sequence").own_parameters
    expected = {p.name: p.default for p in own if p.name != "model"}
    assert dataclasses.asdict(SequenceOptions()) == expected


@pytest.mark.parametrize(("depth", "multiplier", "calls"), [(1, 7, 1), (2, 42, 7), (3, 287, 48)])
def test_depth_gives_7_42_and_287_moments(depth, multiplier, calls):
    seen = []

    def network(frames):
        seen.append(frames)
        return frames.expand(-1, 7, -1, -1)

    made = restorer(network, depth=depth)
    moments = made.restore(torch.rand(3, 1, 16, 16))
    assert moments.shape == (multiplier, 1, 16, 16)
    assert made.multiplier == multiplier
    assert len(seen) == calls


def test_depth_2_opens_the_averages_of_neighbouring_pairs():
    seen = []

    def network(frames):
        seen.append(frames[0])
        return torch.cat([frames * (0.4 + 0.1 * i) for i in range(7)], 1)

    window = torch.rand(3, 1, 16, 16)
    restorer(network, depth=2, order=False).restore(window)
    seven = [window[1] * (0.4 + 0.1 * i) for i in range(7)]
    expected = [window[1], *((seven[i] + seven[i + 1]) / 2 for i in range(6))]
    torch.testing.assert_close(seen, [e.clamp(0, 1) for e in expected])


@pytest.mark.parametrize("step", [3, -3, 12, -12, 25])
@pytest.mark.parametrize("flipped", [False, True])
def test_neighbours_decide_which_way_time_runs(step, flipped):
    window, ends = windows_of_motion(step)
    network = knowing(*(reversed(ends) if flipped else ends))
    places = [place(m) for m in restorer(network).restore(window)]
    assert places == sorted(places, reverse=step < 0)
    unordered = restorer(network, order=False).restore(window)
    assert (place(unordered[0]) < place(unordered[-1])) == ((step > 0) != flipped)


@pytest.mark.parametrize("missing", [0, 2])
def test_one_neighbour_is_enough(missing):
    window, (start, end) = windows_of_motion(8)
    window[missing] = window[1]
    places = [place(m) for m in restorer(knowing(end, start)).restore(window)]
    assert places == sorted(places)


def test_without_neighbours_the_networks_order_stays():
    window, (start, end) = windows_of_motion(8)
    alone = torch.stack([window[1]] * 3)
    places = [place(m) for m in restorer(knowing(end, start)).restore(alone)]
    assert places == sorted(places, reverse=True)


def test_at_a_tie_the_networks_order_stays():
    window, (start, end) = windows_of_motion(8)
    window[2] = window[0]
    places = [place(m) for m in restorer(knowing(end, start)).restore(window)]
    assert places == sorted(places, reverse=True)


def test_groups_of_depth_2_run_the_same_way_whatever_the_network_does():
    """Each call gives moments from the blurred frame's right end to its left."""
    window, (start, end) = windows_of_motion(14)

    def network(frames):
        centre = place(frames[0])
        first = torch.equal(frames[0, :, :48, :160], window[1])
        half = (end - start) / (2 if first else 12)
        return knowing(centre + half, centre - half)(frames)

    places = [place(m) for m in restorer(network, depth=2).restore(window)]
    assert all(b - a > -0.3 for a, b in pairwise(places))
    assert places[-1] - places[0] > 0.8 * (end - start)


def test_a_flash_in_a_corner_does_not_turn_the_order():
    window, ends = windows_of_motion(10)
    window[0, :, :16, 100:] = 1  # on the side that the bar moves to
    places = [place(m) for m in restorer(knowing(*ends)).restore(window)]
    assert places == sorted(places)


def test_distance_by_hand():
    one, other = torch.zeros(1, 16, 32), torch.zeros(1, 16, 32)
    other[:, :8] = 0.2  # half of the frame at every size
    other[:, 8:] = 1.0  # capped at 0.5
    sizes = sum(16 // factor >= 4 for factor in REDUCTIONS)
    assert sizes == 1
    assert luma_distance(one, other) == pytest.approx(sizes * (0.02 + 0.125))
    assert luma_distance(one, one) == 0


def test_frames_too_small_to_reduce_are_compared_as_they_are():
    one, other = torch.zeros(1, 2, 3), torch.zeros(1, 2, 3)
    other[0, 0, 0] = 0.3
    assert luma_distance(one, other) == pytest.approx(0.09 / 6)


def test_turning_is_from_last_to_first():
    moments = torch.linspace(0, 0.5, 7).reshape(7, 1, 1, 1).expand(7, 1, 16, 16)
    dark, light = torch.zeros(1, 16, 16), torch.full((1, 16, 16), 0.5)
    assert not runs_backwards(moments[0], moments[-1], dark, light)
    torch.testing.assert_close(turned(moments, light, dark), moments.flip(0), rtol=0, atol=0)
    torch.testing.assert_close(turned(moments, dark, None), moments, rtol=0, atol=0)


def test_residuals_are_added_and_what_lies_beyond_the_range_is_kept():
    window = torch.full((3, 1, 17, 19), 1.1)
    window[1, :, 0, 0] = -0.2

    def network(frames):
        return torch.full_like(frames, -0.25).expand(-1, 7, -1, -1)

    moments = restorer(network, adds_middle_frame=True).restore(window)
    assert moments.shape == (7, 1, 17, 19)
    torch.testing.assert_close(moments[:, :, 1:], torch.full((7, 1, 16, 19), 0.85))
    torch.testing.assert_close(moments[:, :, 0, 0], torch.full((7, 1), -0.2))


def test_a_network_that_gives_no_number_is_refused():
    made = restorer(lambda frames: (frames * float("nan")).expand(-1, 7, -1, -1))
    with pytest.raises(DeblurError, match="use precision='fp32'"):
        made.restore(torch.rand(3, 1, 16, 16))
