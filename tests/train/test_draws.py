"""Draws on a batch: a share of it changes, the same from the same seed, and targets stay right."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from vsdeblur.data.h264 import coded
from vsdeblur.train.draws.coding import block_coded
from vsdeblur.train.draws.editing import cuts, dissolves
from vsdeblur.train.draws.grain import grain
from vsdeblur.train.draws.light import flashes
from vsdeblur.train.draws.neighbours import missing_neighbours
from vsdeblur.train.draws.sharpening import sharpened
from vsdeblur.train.draws.video_coding import _has_codec, video_coded
from vsdeblur.train.draws.video_outline import coded_in_outline

DRAWS = [flashes, dissolves, cuts, sharpened, grain, block_coded, video_coded,
         missing_neighbours]  # fmt: skip
OF_NEIGHBOURS = [flashes, cuts, missing_neighbours]
NUM, SIZE = 24, 32


def still_windows(num=NUM, num_frames=5, num_sharp=1, size=SIZE, seed=0):
    """Windows in which nothing moves: every frame is the sharp picture, smooth and random."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(num, 1, size // 4, size // 4, generator=generator)
    sharp = F.interpolate(coarse, size=(size, size), mode="bicubic").clamp(0.05, 0.95)
    return sharp.expand(-1, num_frames, -1, -1), sharp.expand(-1, num_sharp, -1, -1)


def numbered_windows(num=NUM, num_frames=5):
    """Flat frames that tell which they are: window / 100 + frame / 1000."""
    window = torch.arange(num)[:, None] / 100
    values = 0.1 + window + torch.arange(num_frames) / 1000
    blurred = values[..., None, None].expand(-1, -1, SIZE, SIZE)
    return blurred, blurred[:, num_frames // 2, None]


def drawn(draw, windows, share=1.0, seed=3):
    return draw(*windows, share, torch.Generator().manual_seed(seed))


def changed_windows(before, after):
    return (before != after).flatten(1).any(1)


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize(("num_frames", "num_sharp"), [(5, 1), (1, 7), (7, 3)])
def test_shape_type_and_range_stay(draw, num_frames, num_sharp):
    windows = still_windows(num_frames=num_frames, num_sharp=num_sharp)
    copies = [part.clone() for part in windows]
    for given, copy, part in zip(windows, copies, drawn(draw, windows), strict=True):
        assert part.shape == given.shape
        assert part.dtype == given.dtype
        assert part.min() >= 0
        assert part.max() <= 1
        assert torch.equal(given, copy), "changed in place"


@pytest.mark.parametrize("draw", DRAWS)
def test_the_generator_decides(draw):
    windows = still_windows()
    for first, second in zip(drawn(draw, windows), drawn(draw, windows), strict=True):
        assert torch.equal(first, second)
    if draw is not missing_neighbours:  # still windows do not show it
        assert not torch.equal(drawn(draw, windows)[0], drawn(draw, windows, seed=4)[0])


@pytest.mark.parametrize("draw", DRAWS)
def test_no_share_changes_nothing_and_a_wrong_one_is_refused(draw):
    windows = numbered_windows()
    for given, part in zip(windows, drawn(draw, windows, share=0.0), strict=True):
        assert torch.equal(part, given)
    with pytest.raises(ValueError, match=r"within 0 and 1, got 1\.5"):
        drawn(draw, windows, share=1.5)


@pytest.mark.parametrize("draw", DRAWS)
def test_so_many_windows_change_on_average(draw):
    windows = still_windows(num=10)
    moving = windows[0] * torch.linspace(0.8, 1, 5)[:, None, None]
    share, counts = 0.23, []
    for seed in range(120):
        blurred, _ = drawn(draw, (moving, windows[1]), share=share, seed=seed)
        counts.append(int(changed_windows(moving, blurred).sum()))
    assert max(counts) <= 3
    # Some changes are none, such as a cut behind a window's last frame.
    assert 0.7 * share < np.mean(counts) / 10 < 1.15 * share


@pytest.mark.parametrize("draw", [flashes, dissolves, cuts, sharpened, grain, missing_neighbours])
def test_what_is_not_to_be_undone_leaves_the_middle_frame_equal_to_its_partner(draw):
    """Where nothing moves, the middle frame is its sharp partner, before and after the draw."""
    blurred, sharp = drawn(draw, still_windows())
    torch.testing.assert_close(blurred[:, 2:3], sharp, rtol=0, atol=1e-6)


@pytest.mark.parametrize("draw", OF_NEIGHBOURS)
def test_a_window_of_one_frame_has_no_neighbours(draw):
    windows = still_windows(num_frames=1, num_sharp=7)
    for given, part in zip(windows, drawn(draw, windows), strict=True):
        assert torch.equal(part, given)


def test_flashes_change_light_alone_and_frame_by_frame():
    windows = still_windows(num=200)
    blurred, sharp = drawn(flashes, windows)
    gains = blurred / windows[0]
    unclipped = blurred < 1
    # Every row of a frame has one gain.
    spread = gains.where(unclipped, torch.inf).amin(3) - gains.where(unclipped, -torch.inf).amax(3)
    assert spread[unclipped.any(3)].abs().max() < 1e-4
    assert (gains.amax((2, 3)) - gains.amin((2, 3)) > 0.1).float().mean() > 0.05  # bands
    frames = blurred.mean((2, 3))
    assert (frames.amax(1) - frames.amin(1) > 0.05).float().mean() > 0.7
    assert changed_windows(windows[1], sharp).float().mean() > 0.3
    assert sharp.amax((1, 2, 3)).min() > 0.01  # never black


def test_cuts_take_whole_frames_of_other_windows():
    windows = numbered_windows()
    blurred, sharp = drawn(cuts, windows)
    assert torch.equal(sharp, windows[1])
    assert torch.equal(blurred[:, 2], windows[0][:, 2])
    is_alien = (blurred - windows[0]).abs().amax((2, 3)) > 0.005
    assert is_alien[:, :2].any()
    assert is_alien[:, 3:].any()
    # All that lies beyond a frame of another scene is of that scene.
    assert not (is_alien[:, 1] & ~is_alien[:, 0]).any()
    assert not (is_alien[:, 3] & ~is_alien[:, 4]).any()
    assert (is_alien[:, 0] & is_alien[:, 4]).any()
    # A frame keeps its place in the window it comes from.
    thousandths = (blurred * 1000).round().long() % 10
    assert (thousandths == torch.arange(5)[:, None, None]).all()


def test_some_cuts_are_on_a_screen_in_the_view():
    windows = numbered_windows(num=100)
    blurred, _ = drawn(cuts, windows)
    is_alien = (blurred - windows[0]).abs() > 0.005
    part = is_alien.float().mean((2, 3))
    partly = (part > 0) & (part < 1)
    assert 0.1 < partly.any(1).float().mean() < 0.45
    assert part[partly].min() > 0.1
    assert part[partly].max() < 0.5


def test_a_dissolve_mixes_two_windows_the_same_in_the_middle_and_in_its_partner():
    windows = numbered_windows()
    blurred, sharp = drawn(dissolves, windows)
    torch.testing.assert_close(blurred[:, 2:3], sharp, rtol=0, atol=1e-6)
    frames = blurred.mean((2, 3)) - torch.arange(5) / 1000
    steps = frames.diff(dim=1)
    assert (steps.amin(1) * steps.amax(1) >= -1e-6).all(), "mixes one way"
    assert (frames.amin(1) < 0.09).any(), "some go to black"


def test_missing_neighbours_are_copies_of_nearer_frames():
    windows = numbered_windows(num=200)
    blurred, sharp = drawn(missing_neighbours, windows)
    assert torch.equal(sharp, windows[1])
    assert torch.equal(blurred[:, 2], windows[0][:, 2])
    places = ((blurred - windows[0][:, :1]) * 1000).round().long()[..., 0, 0]
    assert (places.diff(dim=1) >= 0).all(), "time does not run backwards"
    assert ((places - 2).abs() <= (torch.arange(5) - 2).abs()).all(), "nearer, never farther"
    seen = {tuple(row) for row in places.tolist()}
    assert {(2, 2, 2, 3, 4), (1, 1, 2, 3, 4), (0, 1, 2, 2, 2), (1, 1, 2, 2, 3)} <= seen


def test_sharpening_makes_edges_steeper_in_both():
    windows = still_windows(num=100)
    for given, part in zip(windows, drawn(sharpened, windows), strict=True):
        before, after = (x.diff(dim=-1).abs().mean((1, 2, 3)) for x in (given, part))
        assert (after >= before * 0.999).all()
        assert (after > before * 1.1).float().mean() > 0.5
        torch.testing.assert_close(
            part[..., 4:-4, 4:-4].mean(), given[..., 4:-4, 4:-4].mean(), rtol=0, atol=0.005
        )


def test_grain_is_new_in_every_frame_and_strongest_in_grey():
    flat = torch.tensor([0.0, 0.5, 1.0]).repeat(40)[:, None, None, None]
    windows = flat.expand(-1, 5, SIZE, SIZE) * 0.9 + 0.05, flat.expand(-1, 1, SIZE, SIZE)
    blurred, _ = drawn(grain, windows)
    layer = blurred - windows[0]
    deviation = layer.std((1, 2, 3)).view(40, 3).mean(0)
    assert deviation[1] > 1.5 * deviation[[0, 2]].max()
    assert 0.015 < deviation[1] < 0.05
    grey = layer[1::3]
    first, second = grey[:, 0].flatten(1), grey[:, 1].flatten(1)
    between = F.cosine_similarity(first, second).abs()
    assert between.mean() < 0.1
    neighbours = F.cosine_similarity(grey[..., 1:].flatten(1), grey[..., :-1].flatten(1))
    assert 0.3 < neighbours.mean() < 0.75  # wider than a pixel


def test_block_coding_is_jpegs(monkeypatch):
    """At quality 50, where the table is as the standard prints it, what a JPEG file gives."""
    monkeypatch.setattr("vsdeblur.train.draws.coding.QUALITY", (50.0, 50.0))
    blurred, sharp = still_windows(num=2)
    blurred = (blurred * 255).round() / 255
    coded, untouched = drawn(block_coded, (blurred, sharp))
    assert torch.equal(untouched, sharp)
    for ours, given in zip(coded[:, 0], blurred[:, 0], strict=True):
        file = io.BytesIO()
        Image.fromarray((given * 255).round().byte().numpy()).save(file, "JPEG", quality=50)
        theirs = torch.from_numpy(np.asarray(Image.open(file)).copy()) / 255
        # The library computes in whole numbers, so that a few coefficients round the other way.
        assert (ours - theirs).abs().mean() < (ours - given).abs().mean() / 6


def test_blocks_cover_any_size():
    blurred, sharp = still_windows(num=3, size=44)
    coded, _ = drawn(block_coded, (blurred, sharp))
    assert coded.shape == blurred.shape
    assert 0 < (coded - blurred).abs().mean() < 0.05


def test_video_coding_loses_detail_in_the_blurred_frames_alone(monkeypatch):
    blurred, sharp = still_windows(num=6, size=64)
    generator = torch.Generator().manual_seed(0)
    noisy = (blurred + 0.02 * torch.randn(blurred.shape, generator=generator)).clamp(0, 1)
    errors = []
    for factor in (10.0, 22.0, 34.0):
        monkeypatch.setattr("vsdeblur.train.draws.video_coding.CRF", (factor, factor))
        coded, untouched = drawn(video_coded, (noisy, sharp))
        assert torch.equal(untouched, sharp)
        errors.append((coded - noisy).abs().mean())
    assert errors == sorted(errors)
    assert errors[0] > 0.5 / 255
    assert errors[2] < 12 / 255
    # Where nothing moves, the frames share what is left of the noise.
    change = coded.diff(dim=1).abs().mean()
    assert change < 0.3 * noisy.diff(dim=1).abs().mean()


def test_video_coding_covers_odd_sizes_and_single_frames():
    blurred, sharp = (part[..., :43, :41] for part in still_windows(num=3, num_frames=1, size=44))
    lossy, _ = drawn(video_coded, (blurred, sharp))
    assert lossy.shape == (3, 1, 43, 41)
    assert (lossy - blurred).abs().mean() < 0.03


@pytest.fixture
def without_x264(monkeypatch):
    monkeypatch.setattr("vsdeblur.train.draws.video_coding.can_code", lambda: False)
    _has_codec.cache_clear()
    yield
    _has_codec.cache_clear()


@pytest.mark.usefixtures("without_x264")
def test_without_x264_windows_are_coded_in_outline_which_is_said_once(caplog):
    blurred, sharp = still_windows(num=8, size=44)
    for _ in range(2):
        coded, untouched = drawn(video_coded, (blurred, sharp))
    assert torch.equal(untouched, sharp)
    assert coded.shape == blurred.shape
    assert 0.2 / 255 < (coded - blurred).abs().mean() < 0.03
    assert [record.message for record in caplog.records] == [
        "training windows are coded as H.264 in outline: PyAV is missing or has no x264 (pip "
        "install av)"
    ]


def test_in_outline_coding_loses_about_as_much_as_x264():
    """Textures that move: the mean PSNR of each frame within 2.5 dB."""
    generator = torch.Generator().manual_seed(0)
    octaves = [
        F.interpolate(torch.rand(4, 1, n, n, generator=generator), (160, 160), mode="bicubic") / n
        for n in (5, 10, 20, 40)
    ]
    texture = (sum(octaves) / 0.4).clamp(0, 1)[:, 0]
    windows = torch.stack(
        [texture[:, 3 * n : 3 * n + 96, 5 * n : 5 * n + 112] for n in range(5)], 1
    )
    codes = (windows * 255).round().byte()
    for factor in (22, 28, 34):
        theirs = torch.stack([torch.from_numpy(coded(w.numpy(), factor)) for w in codes]) / 255
        ours = coded_in_outline(windows, torch.full((4,), factor - 3.0))
        psnr = [-10 * (x - windows).square().mean((0, 2, 3)).log10() for x in (ours, theirs)]
        assert (psnr[0] - psnr[1]).abs().max() < 2.5, (factor, psnr)


def test_in_outline_what_is_flat_and_still_stays():
    blurred = torch.linspace(0, 1, 3)[:, None, None, None].expand(-1, 5, 48, 40)
    coded_again = coded_in_outline(blurred, torch.tensor([15.0, 25.0, 35.0]))
    torch.testing.assert_close(coded_again, blurred, rtol=0, atol=1.01 / 255)
