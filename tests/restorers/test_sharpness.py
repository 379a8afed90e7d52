"""Which parts of a frame are taken for sharp: what stands still, and hard edges."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from vsdeblur.restorers.frame_measures import FrameMeasures, measure_frame
from vsdeblur.restorers.sharpness import judge_sharpness

SIZE = (192, 256)
NOISE = 0.5 / 255


def photograph(seed=1, size=(320, 400)):
    """Detail of many sizes, as a lens draws it, (H, W) in [0, 1]."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft2(rng.normal(size=size))
    rows, columns = np.fft.fftfreq(size[0]), np.fft.rfftfreq(size[1])
    distance = np.hypot(rows[:, None], columns)
    picture = np.fft.irfft2(spectrum / (distance + 0.01) * np.exp(-4 * distance), s=size)
    picture = 0.5 + 0.15 * picture / picture.std()
    return torch.from_numpy(picture).float().clamp(0.05, 0.95)


def drawing(seed=1, size=(320, 400)):
    """Flat colours with black lines two pixels wide, (H, W) in [0, 1]."""
    levels = (F.avg_pool2d(photograph(seed, size)[None, None], 15, 1, 7)[0, 0] * 8).floor()
    lines = (levels != levels.roll(1, 0)) | (levels != levels.roll(1, 1))
    return torch.where(lines | lines.roll(1, 0), 0.05, 0.15 + levels / 9)


def window_of(picture, step=(0, 0), noise=NOISE, exposure=0.0, size=SIZE):
    """Five frames over which the view moves by whole pixels a frame; it may be blurred by that."""
    generator = torch.Generator().manual_seed(3)
    views = 1 + round(exposure * max(map(abs, step)))
    frames = []
    for t in range(-2, 3):
        total = torch.zeros(size)
        for view in range(views):
            time = t + exposure * (view / views)
            top, left = (40 + round(time * length) for length in step)
            total += picture[top : top + size[0], left : left + size[1]] / views
        frames.append(total + noise * torch.randn(size, generator=generator))
    return torch.stack(frames).clamp(0, 1)


def judged(frames):
    return judge_sharpness([FrameMeasures.of(measure_frame(frame)) for frame in frames])


# Stillness


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_what_stands_still_and_is_clean_passes(dtype):
    sharpness = judged(window_of(photograph()).to(dtype))
    assert sharpness.share == 1
    assert sharpness.passing(noisy=False).all()


def test_what_stands_still_and_is_noisy_passes_only_if_asked_for():
    sharpness = judged(window_of(photograph(), noise=4 / 255))
    assert sharpness.share > 0.95
    assert sharpness.passing(noisy=True).mean() > 0.95
    assert not sharpness.passing(noisy=False).any()


@pytest.mark.parametrize("noise", [NOISE, 4 / 255])
@pytest.mark.parametrize("step", [(0, 2), (3, 0), (0, -8), (12, 9)])
@pytest.mark.parametrize("exposure", [0.0, 0.8])
def test_photographs_that_move_do_not_pass(step, exposure, noise):
    sharpness = judged(window_of(photograph(), step, noise, exposure))
    assert not sharpness.passing(noisy=True).any()
    assert sharpness.share == 0


@pytest.mark.parametrize("place", [0, 1, 3, 4])
def test_one_frame_that_is_shifted_is_motion(place):
    frames = window_of(photograph())
    frames[place] = frames[place].roll(3, 1)
    assert not judged(frames).passing(noisy=True).any()


def test_other_light_counts_as_motion():
    frames = window_of(photograph())
    frames[1] *= 0.5
    assert not judged(frames).passing(noisy=True).any()


def test_only_what_moves_does_not_pass():
    picture = photograph()
    frames = window_of(picture)
    for t, frame in enumerate(frames):
        frame[64:128, 100 + 4 * t : 140 + 4 * t] = picture[200:264, 100:140]
    passing = judged(frames).passing(noisy=False)
    assert not passing[4:8, 7:9].any()
    assert passing[:, :4].all()
    assert passing[:, 13:].all()


def test_of_a_frame_that_is_alone_nothing_is_known_to_move():
    measures = FrameMeasures.of(measure_frame(window_of(photograph(), (0, 8), exposure=0.8)[2]))
    assert judge_sharpness([measures] * 5).passing(noisy=False).all()


# Hard edges


@pytest.mark.parametrize("step", [(0, 0), (0, 3), (-5, 2), (7, 11)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_drawings_pass_however_they_move(step, dtype):
    passing = judged(window_of(drawing(), step).to(dtype)).passing(noisy=False)
    assert passing.mean() > 0.95


@pytest.mark.parametrize("step", [(0, 4), (-6, 2), (9, 9)])
def test_blurred_drawings_do_not_pass(step):
    assert not judged(window_of(drawing(), step, exposure=0.8)).passing(noisy=True).any()


def test_noise_is_not_taken_for_edges():
    frames = 0.5 + 0.03 * torch.randn(5, *SIZE, generator=torch.Generator().manual_seed(1))
    frames[:, :16] = 0.4  # a caption's flat background seems to say that there is no noise
    frames += 0.1 * torch.sin(torch.arange(SIZE[1]) / 9 + torch.arange(5)[:, None, None])
    assert not judged(frames.clamp(0, 1)).passing(noisy=True)[2:].any()


# Bad input


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_do_not_pass(value):
    frames = window_of(photograph())
    frames[1, 50, 60] = value
    assert not judged(frames).passing(noisy=True).any()


@pytest.mark.parametrize("picture", [torch.zeros(SIZE), torch.ones(SIZE), torch.rand(40, 40)])
def test_what_says_nothing_of_noise_does_not_pass(picture):
    assert not judged(picture.expand(5, -1, -1)).passing(noisy=True).any()
